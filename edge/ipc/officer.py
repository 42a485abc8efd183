"""What the privacy officer on site can ask of the core, and its answers; closed, validated at both ends.

A socket of its own: whoever may look at the box's health may not therefore look at people (P3). A number
is never in a log or on a command line; what the screen shows is masked, what is whole goes into a file.
"""

import base64
import zlib
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from edge.domain.reasons import Reason
from edge.ipc.findings import AboutFinding
from edge.ipc.messages import Message, Number, PersonName
from edge.wire import Millis, OpaqueId, Scope


class _AboutSomebody(Message):
    """Who it is about, by the number that they gave, and why it is asked."""

    phone: Number = Field(repr=False)
    reason: Reason


class ShowConsents(_AboutSomebody):
    """Where each scope of this person stands."""

    method: Literal["show_consents"] = "show_consents"


class EndConsents(_AboutSomebody):
    """Withdraw scopes for this person."""

    method: Literal["end_consents"] = "end_consents"
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]


class ExportConsents(_AboutSomebody):
    """The consents of this person with their proofs, signed."""

    method: Literal["export_consents"] = "export_consents"


class GiveAccess(_AboutSomebody):
    """All that is held of this person, as a signed archive."""

    method: Literal["give_access"] = "give_access"


class EraseAll(_AboutSomebody):
    """Destroy all that is held of this person."""

    method: Literal["erase_all"] = "erase_all"


class MergeRecords(_AboutSomebody):
    """This person registered with the number `before` as well: both records become one."""

    method: Literal["merge_records"] = "merge_records"
    before: Number = Field(repr=False)


class CorrectName(_AboutSomebody):
    """What this person is called is kept anew, as they gave it."""

    method: Literal["correct_name"] = "correct_name"
    name: PersonName = Field(repr=False)


class CorrectNumber(_AboutSomebody):
    """This person has another number now, or it was never theirs: nothing finds them by `phone` any more."""

    method: Literal["correct_number"] = "correct_number"
    new: Number = Field(repr=False)


class ShowVisits(_AboutSomebody):
    """The visits of this person, by the ids that a correction names."""

    method: Literal["show_visits"] = "show_visits"


class NewCode(_AboutSomebody):
    """A new code for this person's own page; it shows all, since the officer knows who they are."""

    method: Literal["new_code"] = "new_code"


class ShowReceipts(_AboutSomebody):
    """What was erased here of whoever had this number."""

    method: Literal["show_receipts"] = "show_receipts"


class CorrectVisit(Message):
    """How many came, or when they left, is kept anew; None: that stands. When they came stands always."""

    method: Literal["correct_visit"] = "correct_visit"
    visit: OpaqueId
    party_size: Annotated[int, Field(ge=1, le=99)] | None
    departed_ms: Millis | None
    reason: Reason

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.party_size is None and self.departed_ms is None:
            raise ValueError("one of the two is corrected")
        return self


Settled = Literal["corrected", "answered", "copy_given", "not_founded", "identity_not_shown"]
"""What the visitor's page says about a request that a person decided."""


class ShowRequests(Message):
    """What visitors asked on their own pages and waits for a person; nobody is named, so no reason."""

    method: Literal["show_requests"] = "show_requests"


class ReadRequest(Message):
    """What a visitor wrote, and under which number, masked."""

    method: Literal["read_request"] = "read_request"
    request: OpaqueId
    reason: Reason


class SettleRequest(Message):
    """A request that waited is done, or refused with its reason; the visitor's page says so."""

    method: Literal["settle_request"] = "settle_request"
    request: OpaqueId
    outcome: Settled
    reason: Reason


class ShowGuardians(Message):
    """That guardians agreed for children: when and how; nobody is named, so no reason."""

    method: Literal["show_guardians"] = "show_guardians"


class ExportGuardian(Message):
    """One guardian's proof, opened and signed, for whoever has to check it."""

    method: Literal["export_guardian"] = "export_guardian"
    proof: OpaqueId
    reason: Reason


AboutPerson = (
    ShowConsents
    | EndConsents
    | ExportConsents
    | GiveAccess
    | CorrectName
    | CorrectNumber
    | ShowVisits
    | MergeRecords
    | EraseAll
    | NewCode
    | ShowReceipts
)
AboutRequest = ShowRequests | ReadRequest | SettleRequest
AboutGuardian = ShowGuardians | ExportGuardian
OfficerRequest = Annotated[
    AboutPerson | CorrectVisit | AboutRequest | AboutGuardian, Field(discriminator="method")
]
AnyRequest = Annotated[OfficerRequest | AboutFinding, Field(discriminator="method")]
OFFICER_REQUEST: TypeAdapter[AnyRequest] = TypeAdapter(AnyRequest)


# ---- answers -------------------------------------------------------------------------------


class ConsentLine(Message):
    """Where one scope stands, since when, by which act, under which notice."""

    scope: Scope
    state: str
    since_ms: Millis
    act: str | None
    notice_version: str


class Consents(Message):
    """A person's scopes, and the number masked for the screen; `known` False: nothing is held."""

    known: bool
    masked: str
    scopes: tuple[ConsentLine, ...]


class Ended(Message):
    """The scopes that were active and are no more."""

    scopes: tuple[Scope, ...]


class Document(Message):
    """A file to be written for the person: base64 of its zlib-compressed bytes."""

    content: str = Field(repr=False)

    @classmethod
    def of(cls, content: bytes) -> "Document":
        """Return `content` as it travels."""
        return cls(content=base64.b64encode(zlib.compress(content, 9)).decode())


class Corrected(Message):
    """`changed` False: no registration stands under this number, so there is nothing to correct.

    `calls`: recorded calls from the number that was, which stay under it: they may be anybody's.
    """

    changed: bool
    calls: int = 0


class VisitLine(Message):
    """One visit. `estimated`: nobody saw when they left."""

    visit: OpaqueId
    arrived_ms: Millis
    departed_ms: Millis | None
    estimated: bool
    party_size: int


class Visits(Message):
    """A person's visits, newest first."""

    visits: tuple[VisitLine, ...]


class CodeGiven(Message):
    """What the code says. None: nothing is held, or this box has no page to point to."""

    address: str | None = Field(repr=False)


class Receipt(Message):
    """What one erasure destroyed: keys, and rows by class of data."""

    at_ms: Millis
    keys_destroyed: int
    rows: dict[str, int]
    command: OpaqueId | None = None
    """Under which name headquarters has the receipt; None for one that is only remembered here."""


class Receipts(Message):
    """The erasures that concerned a number, newest first."""

    receipts: tuple[Receipt, ...]


class RequestLine(Message):
    """One request that waits: `act` is what was asked, `code` why it waits, `due_ms` until when."""

    request: OpaqueId
    act: str
    code: str
    asked_ms: Millis
    due_ms: Millis


class Waiting(Message):
    """The requests that wait, soonest due first."""

    requests: tuple[RequestLine, ...]


class GuardianLine(Message):
    """One proof: by the guardian's card or their signature."""

    proof: OpaqueId
    at_ms: Millis
    by: Literal["card", "signature"]


class GuardianProofs(Message):
    """The proofs that are kept, newest first."""

    proofs: tuple[GuardianLine, ...]


class Written(Message):
    """A request with what the visitor wrote; empty if it needs no words."""

    line: RequestLine
    masked: str
    text: str = Field(repr=False)


class SettledRequest(Message):
    """The request doesn't wait any more."""

    line: RequestLine
