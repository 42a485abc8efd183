"""How the CLI asks the running core, over the operators' control socket or the privacy officer's."""

import base64
import os
import re
import sys
import zlib
from pathlib import Path
from typing import TypeVar

import typer

from edge.config import load
from edge.domain.errors import InvalidInput
from edge.ipc.client import ControlClient
from edge.ipc.messages import Message

A = TypeVar("A", bound=Message)
_NUMBER = re.compile(r"[0-9+ -]{5,20}")
_NAME = re.compile(r"[^\x00-\x1f\x7f<>]{1,40}")


def ask(config: Path, request: Message, answer: type[A], timeout: float = 10.0) -> A:
    """Return the core's answer; a GatehouseError with a hint if it isn't running or refuses."""
    return _ask("control.sock", config, request, answer, timeout)


def ask_as_officer(config: Path, request: Message, answer: type[A], timeout: float = 30.0) -> A:
    """Return the core's answer to the privacy officer; errors as `ask`."""
    return _ask("officer.sock", config, request, answer, timeout)


def _ask(name: str, config: Path, request: Message, answer: type[A], timeout: float) -> A:
    client = ControlClient(load(config, with_secrets=False).paths.run / name, timeout)
    return client.ask(request, answer)


def read_number(what: str = "telephone number", *, twice: bool = False) -> str:
    """Return a number from the prompt, unseen, or from a line of standard input; never from an argument.

    `twice`: the prompt asks again, since nobody sees what they type. Raises InvalidInput, without the text,
    if it can't be one.
    """
    asked = sys.stdin.isatty()
    given = (
        typer.prompt(what, hide_input=True, confirmation_prompt=twice, err=True)
        if asked
        else sys.stdin.readline()
    )
    if not _NUMBER.fullmatch(given := str(given).strip()):
        raise InvalidInput(f"read a {what}", "not_a_phone_number", "digits, as the person gave them")
    return given


def read_name(what: str = "name") -> str:
    """Return a name from the prompt or the next line of standard input; InvalidInput if it can't be one."""
    asked = sys.stdin.isatty()
    given = " ".join(str(typer.prompt(what, err=True) if asked else sys.stdin.readline()).split())
    if not _NAME.fullmatch(given):
        raise InvalidInput(f"read a {what}", "not_a_name", "1 to 40 characters, without < and >")
    return given


def opened(content: str) -> bytes:
    """Return the bytes of a document of the core's."""
    return zlib.decompress(base64.b64decode(content))


def write_document(content: str, out: Path) -> int:
    """Write a document of the core's to a new file; otherwise as `write_new`."""
    return write_new(out, opened(content))


def write_new(out: Path, whole: bytes) -> int:
    """Write a new file for its owner alone; return its size in bytes.

    Nothing is left if the disk fails. Raises InvalidInput if the file exists or can't be made.
    """
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        hint = "choose a new file in a directory that you may write to"
        raise InvalidInput(f"write {out}", error.strerror or "not_written", hint) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(whole)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        out.unlink(missing_ok=True)
        raise InvalidInput(f"write {out}", error.strerror or "not_written", "is the disk full?") from None
    return len(whole)
