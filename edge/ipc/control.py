"""How the core answers on each of its control sockets; what may be asked is a file for each role.

One request, one answer, in order, as JSON lines on a Unix socket. The socket's role (visitor, staff,
operator, officer) limits the requests; the peer's credentials decide who may connect.
"""

from typing import Any

from pydantic import Field

from edge.ipc.messages import Message
from edge.wire.records import Code


class Answer(Message):
    """The core's answer: a result of the request's own form, or an error with a code and a hint."""

    ok: bool
    result: dict[str, Any] = Field(default_factory=dict, repr=False)
    code: Code = "ok"
    hint: str = ""
