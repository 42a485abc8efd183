"""A blocking client of the core's control socket, for kiosk and CLI; never interprets what it carries.

One connection per question: nothing to keep alive, and a core that restarted is simply asked again.
"""

import socket
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from edge.domain.errors import GatehouseError, LinkDown, ProtocolError, Refused
from edge.ipc.control import Answer
from edge.ipc.framing import Lines
from edge.ipc.messages import Message

A = TypeVar("A", bound=Message)
_FAILED = "unavailable"
"""The code for a fault of the core's own (disk, worker): nothing was wrong with the request."""
_RUNNING = "is `gatehouse run` running, and may this user open the socket?"


class ControlClient:
    """Asks the core at `path`; safe to use from several threads at once. `timeout` in seconds."""

    def __init__(self, path: Path, timeout: float = 5.0) -> None:
        self._path = path
        self._timeout = timeout

    def ask(self, request: Message, answer: type[A], *, timeout: float | None = None) -> A:
        """Send `request` and return its result as an `answer`; waits at most `timeout` seconds a read.

        Raises LinkDown (`core_unreachable`, `core_silent`, `unavailable`; trying again may help),
        ProtocolError, and Refused with the core's code for everything that the core said no to.
        """
        line = self._exchange(request.model_dump_json().encode(), timeout or self._timeout)
        try:
            reply = Answer.model_validate_json(line)
            if not reply.ok:
                raise _error(reply)
            return answer.model_validate(reply.result)
        except ValidationError:
            # The text of a ValidationError can quote the input; only the fact is passed on.
            raise ProtocolError("read the core's answer", "unexpected_answer") from None

    def _exchange(self, line: bytes, timeout: float) -> bytes:
        lines = Lines(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            lines.sock.settimeout(timeout)
            lines.sock.connect(str(self._path))
            lines.send(line)
            reply = lines.receive()
        except TimeoutError as error:
            raise LinkDown("ask the core", "core_silent", f"no answer within {timeout:g} s") from error
        except OSError as error:
            raise LinkDown("ask the core", "core_unreachable", _RUNNING) from error
        finally:
            lines.close()
        if reply is None:
            raise ProtocolError("ask the core", "closed_without_answer")
        return reply


def _error(reply: Answer) -> GatehouseError:
    kind = LinkDown if reply.code == _FAILED else Refused
    return kind("ask the core", reply.code, reply.hint)
