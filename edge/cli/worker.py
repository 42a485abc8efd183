"""`gatehouse worker`: one worker process; started by the core, which passes a socket."""

import os
import socket
from enum import StrEnum

import typer

from edge.cli.options import log_to_stderr


class Kind(StrEnum):
    """The workers there are."""

    VISION = "vision"
    RECOGNISER = "recogniser"
    CARD = "card"
    PHONE = "phone"


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("worker", short_help="Run one worker (the core starts it).")(worker)


def _inherited(variable: str) -> socket.socket:
    from edge.domain.errors import ConfigError

    try:
        return socket.socket(fileno=int(os.environ[variable]))
    except (KeyError, ValueError, OSError):
        hint = "a worker is started by `gatehouse run`, which passes it a socket"
        raise ConfigError("start a worker", f"no socket in {variable}", hint) from None


def worker(kind: Kind) -> None:
    """Run one worker. It has no key, no database, no broker, and only its own devices' passwords."""
    log_to_stderr()
    sock = _inherited("GATEHOUSE_FD")
    if kind is Kind.VISION:
        from edge.workers import vision

        raise typer.Exit(vision.main(sock))
    if kind is Kind.RECOGNISER:
        from edge.workers import recogniser

        photo = _inherited("GATEHOUSE_PHOTO_FD") if "GATEHOUSE_PHOTO_FD" in os.environ else None
        raise typer.Exit(recogniser.main(sock, _inherited("GATEHOUSE_FRAMES_FD"), photo))
    if kind is Kind.CARD:
        from edge.workers import card

        raise typer.Exit(card.main(sock))
    from edge.workers import phone

    raise typer.Exit(phone.main(sock))
