"""What a visitor can ask of the core through the kiosk, and its answers; closed, validated at both ends.

Answers that are about a person exist only for the session in which that person acts.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from edge.domain.idcard import CardKind
from edge.ipc.messages import Message, Number, PersonName
from edge.wire import OpaqueId, Scope
from edge.wire.base import Name
from edge.wire.records import Code

Source = Literal["agent", "walk_in", "advert", "friend", "other"]
LEAST_POINTS, MOST_STROKES, MOST_POINTS = 8, 40, 600
"""Of a drawn signature; with fewer points it is a tap on the field."""
Coordinate = Annotated[int, Field(ge=0, le=999)]
Stroke = Annotated[tuple[tuple[Coordinate, Coordinate], ...], Field(min_length=1, max_length=MOST_POINTS)]
"""One line of a signature: points in thousandths of the field's width, from its upper left corner."""


class GetNotice(Message):
    """The notice in force, to be shown before anything is asked."""

    method: Literal["notice"] = "notice"


class Begin(Message):
    """A visitor (or the receptionist for them) touched the screen: a new session, in memory only."""

    method: Literal["begin"] = "begin"


class Register(Message):
    """The visitor's choices and number, submitted by their own act.

    `scopes` are those that they said yes to, `declined` those that they said no to; what they left
    unanswered is in neither, is not agreed to, and changes nothing. A no to a scope that was active
    from an earlier visit withdraws it. Without `registration` in `scopes` nothing is kept, and
    `phone` and `name` must be absent.

    Without a `phone` nobody can be found again: then `registration` is all that can be agreed to, the
    visit stays on this box, and ends with the party's departure (decision 0025).
    """

    method: Literal["register"] = "register"
    session: OpaqueId
    notice_hash: str
    scopes: frozenset[Scope]
    declined: frozenset[Scope] = frozenset()
    phone: Number | None = Field(default=None, repr=False)
    name: PersonName | None = Field(default=None, repr=False)
    party_size: Annotated[int, Field(ge=1, le=99)] = 1
    source: Source | None = None
    """Asked, and kept, only with `channel_risk`."""
    channel: Name | None = None
    """With `agent`: which company's, of those that `Notice.channels` names, if they said so."""


class RegisterChild(Message):
    """A guardian registers the visit of a child under 14, by their own act (P39).

    Only the visit, without a number and without any other scope: it stays on this box and ends with the
    departure (decision 0026). By `card` the guardian's own is read in a lease of at most 20 s; by `signature`
    they give their name, and `drawn` unless they let the typed name stand for it.
    """

    method: Literal["register_child"] = "register_child"
    session: OpaqueId
    notice_hash: str
    name: PersonName | None = Field(default=None, repr=False)
    """The child's, if they want one to be used."""
    party_size: Annotated[int, Field(ge=1, le=99)] = 1
    by: Literal["card", "signature"]
    guardian: PersonName | None = Field(default=None, repr=False)
    drawn: tuple[Stroke, ...] = Field(default=(), max_length=MOST_STROKES, repr=False)


class ComeAgain(Message):
    """Somebody who registered before comes again: their number opens the visit, and asks for nothing.

    `unknown` where no registration stands; after a few of those in a row that is the answer to every number,
    until the pause is over: nobody finds out by trying who was here.
    """

    method: Literal["come_again"] = "come_again"
    session: OpaqueId
    phone: Number = Field(repr=False)
    party_size: Annotated[int, Field(ge=1, le=99)] = 1


class Choose(Message):
    """The visitor of this session answers what `Registered.ask` named; otherwise as `Register`."""

    method: Literal["choose"] = "choose"
    session: OpaqueId
    notice_hash: str
    scopes: frozenset[Scope]
    declined: frozenset[Scope] = frozenset()
    source: Source | None = None
    channel: Name | None = None


class AnswerAsBuyer(Message):
    """Who subscribes or signs answers, by their own act, whether an agent's claim on them may be checked.

    `unknown` where a yes meets no registration; after a few of those in a row for every number, as
    `ComeAgain`. What the number's owner had answered before is never told.
    """

    method: Literal["answer_as_buyer"] = "answer_as_buyer"
    session: OpaqueId
    notice_hash: str
    phone: Number = Field(repr=False)
    yes: bool


class ShowBuyersCard(Message):
    """Who just said yes lays down the card that was kept: one lease; their yes reaches from there on."""

    method: Literal["show_buyers_card"] = "show_buyers_card"
    session: OpaqueId


class Recognise(Message):
    """The visitor tapped "recognise me": one lease on the desk camera, at most 20 s."""

    method: Literal["recognise"] = "recognise"
    session: OpaqueId


class ReadCard(Message):
    """The visitor put their card on the terminal and tapped "read my card": one card lease."""

    method: Literal["read_card"] = "read_card"
    session: OpaqueId


class VerifyCard(Message):
    """The visitor tapped "verify with my card": one lease on terminal and desk camera, 1:1, at most 20 s."""

    method: Literal["verify_card"] = "verify_card"
    session: OpaqueId


class ConfirmCard(Message):
    """The visitor compared the masked fields with their card and answered; ends the core's holding of it."""

    method: Literal["confirm_card"] = "confirm_card"
    session: OpaqueId
    yes: bool


class Depart(Message):
    """The party of this number leaves; closes its open visit."""

    method: Literal["depart"] = "depart"
    phone: Number = Field(repr=False)


class Withdraw(Message):
    """The visitor ends scopes, by their own act at the kiosk."""

    method: Literal["withdraw"] = "withdraw"
    phone: Number = Field(repr=False)
    scopes: frozenset[Scope]


class FindByCard(Message):
    """A visitor of earlier tapped "my data" and lays down their card: one lease, on their own request.

    If it was kept, `GetCode` tells the code of that registration afterwards, in this session.
    """

    method: Literal["find_by_card"] = "find_by_card"
    session: OpaqueId


class GetCode(Message):
    """The code of this session's visitor for their own page; the same one for the whole session."""

    method: Literal["code"] = "code"
    session: OpaqueId


class End(Message):
    """The screen clears: the session is forgotten."""

    method: Literal["end"] = "end"
    session: OpaqueId


class Living(Message):
    """Which of these sessions are there still? Asking is no act: it prolongs none of them."""

    method: Literal["living"] = "living"
    sessions: tuple[OpaqueId, ...] = Field(max_length=64)


KioskRequest = Annotated[
    GetNotice
    | Begin
    | ComeAgain
    | Choose
    | AnswerAsBuyer
    | ShowBuyersCard
    | Register
    | RegisterChild
    | Recognise
    | ReadCard
    | VerifyCard
    | ConfirmCard
    | Depart
    | Withdraw
    | FindByCard
    | GetCode
    | End
    | Living,
    Field(discriminator="method"),
]
KIOSK_REQUEST: TypeAdapter[KioskRequest] = TypeAdapter(KioskRequest)


# ---- answers -------------------------------------------------------------------------------


class Notice(Message):
    """The notice in force: text in both languages (plain paragraphs), version, hash, open scopes."""

    version: Code
    hash: str
    title: dict[Literal["zh", "en"], str]
    paragraphs: dict[Literal["zh", "en"], tuple[str, ...]]
    scopes: tuple["ScopeOffer", ...]
    contact: dict[Literal["zh", "en"], str]
    complaints: dict[Literal["zh", "en"], str]
    rights: tuple[str, ...] = ()
    """By name, as wire.notice.Right."""
    channels: tuple["Channel", ...] = ()
    """What "which company?" may be answered with, by name: no part of the notice's words, nor of its hash."""


class Channel(Message):
    """A channel of the project: its code, and the company's public name."""

    code: Name
    name: str


class ScopeOffer(Message):
    """One scope that this box offers, in words that say what happens; never preset."""

    scope: Scope
    label: dict[Literal["zh", "en"], str]
    detail: dict[Literal["zh", "en"], str]


class Begun(Message):
    """A session exists until `End`, or 10 minutes without an act."""

    session: OpaqueId


class Registered(Message):
    """What became of a registration; `declined` or `unknown` means that nothing was kept."""

    outcome: Literal["registered", "declined", "unknown"]
    returning: bool = False
    visit: OpaqueId | None = None
    active: tuple[Scope, ...] = ()
    ask: tuple[Scope, ...] = ()
    """What may be asked of who came again: neither what stands nor what was refused within 48 h (P50)."""
    not_asked_again: tuple[Scope, ...] = ()
    """Refused now or within the last 48 h (P50): for pages that come after the registration."""
    visits_before: int = 0
    can_verify: bool = False
    """This box can compare a card's photo with who stands at the desk."""
    can_match: bool = True
    """Faces may be matched at this site now."""


GuardianOutcome = Literal[
    "registered",
    "not_adult",
    "expired",
    "unsure",
    "no_card",
    "not_lifted",
    "unknown_card",
    "failed",
]


class ChildRegistered(Message):
    """What became of a child's registration; unless `registered`, nothing was kept of either."""

    outcome: GuardianOutcome
    registered: Registered | None = None


MyCodeOutcome = Literal["found", "nothing", "no_card", "not_lifted", "failed", "busy", "later"]


class MyCode(Message):
    """How a request by card ended. `nothing`: that card opens no page, for whichever reason."""

    outcome: MyCodeOutcome


Reach = Literal["all", "some", "from_now"]
"""Which visits a buyer's yes opens: all that are held, those since a card's registration, none of before."""


class BuyerAnswered(Message):
    """What became of a buyer's answer; `unknown`: nothing was kept. `reach`: by what was shown just now."""

    outcome: Literal["agreed", "declined", "unknown"]
    reach: Reach = "from_now"
    by_card: bool = False
    """This box could read the card that they let be kept."""


class BuyersCard(Message):
    """How it ended; `nothing`: that card adds nothing, for whichever reason."""

    outcome: MyCodeOutcome


class VisitorCode(Message):
    """What the code says: an address that opens the visitor's own page. None: there is no page."""

    address: str | None = Field(default=None, repr=False)


FaceOutcome = Literal["enrolled", "confirmed", "not_confirmed", "no_face", "several_faces", "unavailable"]


class Recognised(Message):
    """How a lease ended. `enrolled`: first template kept; `confirmed`: 1:1 match with the claim."""

    outcome: FaceOutcome


CardOutcome = Literal[
    "read",
    "confirm_fields",
    "not_confirmed",
    "too_late",
    "no_card",
    "not_lifted",
    "unknown_card",
    "minor",
    "expired",
    "failed",
]
FaceCheck = Literal[
    "not_asked",
    "verified",
    "not_verified",
    "no_face",
    "no_face_on_photo",
    "photo_not_decodable",
    "unavailable",
]


class CardSeen(Message):
    """How a card lease ended; the fields are masked for the screen.

    `confirm_fields`: the core holds the card for a minute, until `ConfirmCard`; the fields of the second
    group are told with it alone.
    """

    outcome: CardOutcome
    face: FaceCheck = "not_asked"
    """What the comparison of the card's photo with the visitor came to."""
    kind: CardKind | None = None
    masked_name: str = Field(default="", repr=False)
    masked_number: str = Field(default="", repr=False)

    valid_until: str = Field(default="", repr=False)
    nation: str = Field(default="", repr=False)
    """By its name."""
    masked_address: str = Field(default="", repr=False)


class Departed(Message):
    """`closed` False if no open visit belongs to this number (answered alike for strangers)."""

    closed: bool


class Alive(Message):
    """The sessions that are there still; who was erased has none."""

    sessions: tuple[OpaqueId, ...]


class Withdrawn(Message):
    """The scopes that were active and are no more."""

    scopes: tuple[Scope, ...]
