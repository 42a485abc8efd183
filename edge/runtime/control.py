"""The control sockets: one for the kiosk, one for operators; who may connect is the peer's credentials."""

import asyncio
import logging
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from edge.domain.errors import GatehouseError, InvalidInput, Refused
from edge.ipc.control import Answer
from edge.ipc.framing import MAX_LINE
from edge.ipc.messages import Message
from edge.runtime.supervise import contain

log = logging.getLogger(__name__)

_UCRED = struct.Struct("3i")
MOST_CLIENTS = 32
IDLE_S = 30.0
"""A client that asks nothing for so long gives its place to another."""


def uid_of(user: str) -> int:
    """Return an account's number; InvalidInput if it doesn't exist."""
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise InvalidInput("look up an account", "no_such_account", f"create the account {user}") from None


Q = TypeVar("Q", bound=Message)
_peer: ContextVar[int] = ContextVar("peer")


def account() -> str:
    """Return who asks, inside an answer: an account's name, or its number if it has none (any more)."""
    uid = _peer.get()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


class ControlSocket(Generic[Q]):
    """Serves one role: requests of one closed kind, answered in order, each connection on its own."""

    def __init__(
        self,
        path: Path,
        requests: TypeAdapter[Q],
        answer: Callable[[Q], Awaitable[Message]],
        allowed: frozenset[int],
    ) -> None:
        self._path = path
        self._requests = requests
        self._answer = answer
        self._allowed = allowed | {0, os.getuid()}
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; a socket file that a killed core left behind is replaced."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_LINE)
        self._path.chmod(0o666)  # the peer's credentials decide, not the file's mode

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if self._may(writer) and len(self._clients) <= MOST_CLIENTS:
                await contain(f"client of {self._path.name}", lambda: self._converse(reader, writer))
        except asyncio.CancelledError:
            pass  # the core stops: this connection is over
        finally:
            self._clients.discard(task)
            writer.close()

    def _may(self, writer: asyncio.StreamWriter) -> bool:
        raw = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        _pid, uid, _gid = _UCRED.unpack(raw)
        _peer.set(uid)
        if uid not in self._allowed:
            log.warning("connection refused socket=%s uid=%d", self._path.name, uid)
        return uid in self._allowed

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await _line(reader):
            answer = await self._one(line)
            writer.write(answer.model_dump_json().encode() + b"\n")
            try:
                await writer.drain()
            except ConnectionError:
                return

    async def _one(self, line: bytes) -> Answer:
        try:
            request = self._requests.validate_json(line)
        except ValidationError as error:
            return Answer(ok=False, code="invalid_request", hint=f"wrong: {_wrong(error)}")
        try:
            result = await self._answer(request)
        except (Refused, InvalidInput) as error:
            return Answer(ok=False, code=error.code, hint=error.hint)
        except GatehouseError as error:
            log.warning("request failed operation=%r cause=%r", error.operation, error.cause)
            return Answer(ok=False, code="unavailable", hint=error.hint or error.cause)
        return Answer(ok=True, result=result.model_dump(mode="json"))


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line, or nothing when the peer left, broke the framing or has nothing to ask."""
    try:
        async with asyncio.timeout(IDLE_S):
            return await reader.readline()
    except (ConnectionError, ValueError, TimeoutError):  # ValueError: longer than MAX_LINE
        return b""


def _wrong(error: ValidationError) -> str:
    """Name the fields that are wrong; never a name or value that the peer made up."""
    known = {
        ".".join(str(part) for part in e["loc"]) or "the request"
        for e in error.errors()
        if e["type"] != "extra_forbidden"
    }
    unknown = {"an unknown field"} if any(e["type"] == "extra_forbidden" for e in error.errors()) else set()
    return ", ".join(sorted(known | unknown))
