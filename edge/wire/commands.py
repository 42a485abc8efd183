"""What headquarters may tell a box: receipts and a closed list of commands; never code or queries."""

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PositiveInt,
    SerializerFunctionWrapHandler,
    StringConstraints,
    TypeAdapter,
    model_serializer,
)

from edge.wire.base import Frozen, Millis, Name, OpaqueId, Scope, Token
from edge.wire.columns import BookKind
from edge.wire.facts import MOST_ROWS, SealedRow
from edge.wire.notice import MAX_NOTICE
from edge.wire.records import Code, Hash

REQUEST_BYTES = 2076
"""Bytes of a sealed request: nonce (12), content padded to one length, tag (16)."""
REQUEST_TEXT = REQUEST_BYTES * 4 // 3
"""Characters of it in base64; there is no padding, since 3 divides REQUEST_BYTES."""


class EraseCommand(Frozen):
    """Destroy all that is held of the person behind `who`; answered by an ErasureReceipt."""

    kind: Literal["erase"] = "erase"
    v: Literal[1] = 1
    command_id: OpaqueId
    box: Name
    issued_ms: Millis
    who: Token


class WithdrawCommand(Frozen):
    """End one scope of the person behind `who`; answered by a CommandAnswered."""

    kind: Literal["withdraw"] = "withdraw"
    v: Literal[1] = 1
    command_id: OpaqueId
    box: Name
    issued_ms: Millis
    who: Token
    scope: Scope


class RightsRequest(Frozen):
    """What a visitor asks on their own page, sealed with the key in their code; headquarters can't read it.

    Answered by a CommandAnswered and a fresh RightsPackage. Every request is equally long.
    """

    kind: Literal["rights_request"] = "rights_request"
    v: Literal[1] = 1
    command_id: OpaqueId
    box: Name
    issued_ms: Millis
    link_id: OpaqueId
    sealed: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+$", min_length=REQUEST_TEXT, max_length=REQUEST_TEXT)
    ]


class NoticeCommand(Frozen):
    """Put this notice in force; answered by a CommandAnswered. `notice` is its canonical JSON (wire.notice).

    A text and not an object, so that a box can say what is wrong with one that it doesn't take.
    """

    kind: Literal["notice"] = "notice"
    v: Literal[1] = 1
    command_id: OpaqueId
    box: Name
    issued_ms: Millis
    notice: Annotated[str, StringConstraints(pattern=r"^\{.*\}$", max_length=MAX_NOTICE)]
    notice_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class FactsCommand(Frozen):
    """Rows of the channels' and the office's books, each sealed to this box (wire.facts).

    Taken whole or not at all; answered by a CommandAnswered: `done` `ok`, or `refused` with why. `book`: of
    which book they have to be, if whoever sealed them may bring in that one alone.
    """

    kind: Literal["facts"] = "facts"
    v: Literal[1] = 1
    command_id: OpaqueId
    box: Name
    issued_ms: Millis
    book: BookKind | None = Field(default=None, exclude_if=lambda book: book is None)
    rows: Annotated[tuple[SealedRow, ...], Field(min_length=1, max_length=MOST_ROWS)]


Command = Annotated[
    EraseCommand | WithdrawCommand | RightsRequest | NoticeCommand | FactsCommand, Field(discriminator="kind")
]

_COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


def parse_command(value: object) -> Command:
    """Return the command that `value` (parsed JSON) is, or raise pydantic.ValidationError."""
    return _COMMAND.validate_python(value)


class EntryResult(Frozen):
    """What became of one entry: written, or put aside with a reason. Both end its stay in the outbox."""

    sequence: PositiveInt
    outcome: Literal["committed", "quarantined"]
    code: Code = "ok"


class Anchor(Frozen):
    """The newest head of a box's audit that headquarters has seen proven."""

    size: PositiveInt
    root: Hash


class Receipt(Frozen):
    """Headquarters' word on one batch, signed; the only thing that lets a box delete a row."""

    v: Literal[1] = 1
    batch_id: OpaqueId
    box: Name
    epoch: OpaqueId
    results: Annotated[tuple[EntryResult, ...], Field(min_length=1)]
    audit_head: Anchor | None = None
    """Absent for a box that never sent one; earlier boxes know no such field."""

    @model_serializer(mode="wrap")
    def _absent_if_none(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = serialize(self)
        if self.audit_head is None:
            fields.pop("audit_head", None)
        return fields
