"""What receptionists can ask of the core through the desk's page; closed, validated at both ends.

Every request but `SignIn` carries a session that the core itself gave out and checks: the process
that serves the page can do nothing of this by itself. A session ends after five minutes without an act.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, model_validator

from edge.domain.facts import type_of_source
from edge.ipc.messages import Message, Number, PersonName
from edge.wire import Millis, NoticeText, OpaqueId, Scope
from edge.wire.records import Code

StaffNumber = Annotated[int, Field(ge=11, le=9999)]
CardOutcome = Literal["kept", "no_card", "not_lifted", "unknown_card", "failed", "busy", "card_taken"]
Pin = Annotated[str, StringConstraints(pattern=r"^[0-9]{6,12}$")]


class SignIn(Message):
    """A receptionist's number and PIN. Wrong ones are slowed down, and answered alike."""

    method: Literal["sign_in"] = "sign_in"
    number: StaffNumber
    pin: Pin = Field(repr=False)


class SignInByCard(Message):
    """Somebody tapped "sign in by card" and lays it on the terminal; visitors go first.

    Refused with `wrong_card`, with how the reading failed (CardOutcome), or as a wrong PIN is slowed down.
    """

    method: Literal["sign_in_by_card"] = "sign_in_by_card"


class GetDoor(Message):
    """How one can sign in here; asked before there is a session."""

    method: Literal["door"] = "door"


class KeepMyCard(Message):
    """They, who signed in by PIN, lay down the card that they will sign in with."""

    method: Literal["keep_my_card"] = "keep_my_card"
    session: OpaqueId = Field(repr=False)


class DropMyCard(Message):
    """They sign in by PIN alone from now on."""

    method: Literal["drop_my_card"] = "drop_my_card"
    session: OpaqueId = Field(repr=False)


class Acknowledge(Message):
    """They read what is recorded of them; without it there is no shift (P7)."""

    method: Literal["acknowledge"] = "acknowledge"
    session: OpaqueId = Field(repr=False)
    notice_hash: str


class SignOut(Message):
    """The session is over; the shift goes on."""

    method: Literal["sign_out"] = "sign_out"
    session: OpaqueId = Field(repr=False)


class GetDesk(Message):
    """What stands on the desk's page now. Asking isn't an act: a page that only looks is locked in time."""

    method: Literal["desk"] = "desk"
    session: OpaqueId = Field(repr=False)


class Shift(Message):
    """Begin, pause, resume or end one's own shift."""

    method: Literal["shift"] = "shift"
    session: OpaqueId = Field(repr=False)
    change: Literal["begin", "pause", "resume", "end"]


class Turn(Message):
    """Somebody's turn is over: skipped, or taken by a party that isn't registered."""

    method: Literal["turn"] = "turn"
    session: OpaqueId = Field(repr=False)
    number: StaffNumber


class Receive(Message):
    """Who receives a registered visit: it is their turn that is over."""

    method: Literal["receive"] = "receive"
    session: OpaqueId = Field(repr=False)
    visit: OpaqueId
    number: StaffNumber


class Leave(Message):
    """The party of this visit has left."""

    method: Literal["leave"] = "leave"
    session: OpaqueId = Field(repr=False)
    visit: OpaqueId


class Correct(Message):
    """What was typed wrongly of a visit that is open or was today; None: as it stands."""

    method: Literal["correct"] = "correct"
    session: OpaqueId = Field(repr=False)
    visit: OpaqueId
    name: PersonName | None = Field(default=None, repr=False)
    party_size: Annotated[int, Field(ge=1, le=99)] | None = None
    phone: Number | None = Field(default=None, repr=False)


class Merge(Message):
    """The visitor says that they registered here before with `phone`: both records become one.

    Refused with `nothing_to_merge` where no registration stands under it, and after a few of those in a row
    for every number, until the pause is over; with `other_card` if the cards that were kept are two people's.
    """

    method: Literal["merge"] = "merge"
    session: OpaqueId = Field(repr=False)
    visit: OpaqueId
    phone: Number = Field(repr=False)


class Vouch(Message):
    """The receptionist saw the papers of who subscribes or signs, and that the visit's number is theirs.

    For ten minutes a yes that this visitor gives at the tablet reaches the earlier visits too.
    """

    method: Literal["vouch"] = "vouch"
    session: OpaqueId = Field(repr=False)
    visit: OpaqueId


class Reopen(Message):
    """The party of this visit hadn't left: within ten minutes of the tap."""

    method: Literal["reopen"] = "reopen"
    session: OpaqueId = Field(repr=False)
    visit: OpaqueId


class Appoint(Message):
    """The visitor of a visit that is open or was today comes again at `due_ms`."""

    method: Literal["appoint"] = "appoint"
    session: OpaqueId = Field(repr=False)
    visit: OpaqueId
    due_ms: Millis
    party_size: Annotated[int, Field(ge=1, le=99)]


class Came(Message):
    """They came for this appointment, which is for today: the receptionist sees them."""

    method: Literal["came"] = "came"
    session: OpaqueId = Field(repr=False)
    appointment: OpaqueId


class NotCame(Message):
    """They hadn't come for it: taken back on the same day."""

    method: Literal["not_came"] = "not_came"
    session: OpaqueId = Field(repr=False)
    appointment: OpaqueId


class CancelAppointment(Message):
    """They said that they won't come; nothing is kept of it."""

    method: Literal["cancel_appointment"] = "cancel_appointment"
    session: OpaqueId = Field(repr=False)
    appointment: OpaqueId


class GetPaper(Message):
    """What the form for a visit on paper needs: the notice in force, and who works here."""

    method: Literal["paper"] = "paper"
    session: OpaqueId = Field(repr=False)


class EnterPaper(Message):
    """A visit that was registered on paper, while the kiosk or the power was off.

    `scopes` and `declined` as the visitor ticked them there, at most `domain.paper.SCOPES`. `code`: what the
    form carries of its notice. `ended` "unknown": until closing time, as an estimate. Refused with
    `not_by_paper` for whoever has to register themselves, and never with why.
    """

    method: Literal["enter_paper"] = "enter_paper"
    session: OpaqueId = Field(repr=False)
    code: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$")]
    fourteen: bool
    """The visitor is 14 or older: for a child a guardian registers at the kiosk (P39)."""
    scopes: frozenset[Scope]
    declined: frozenset[Scope] = frozenset()
    phone: Number | None = Field(default=None, repr=False)
    name: PersonName | None = Field(default=None, repr=False)
    party_size: Annotated[int, Field(ge=1, le=99)]
    source: type_of_source | None = None
    """Kept only with `channel_risk`."""
    receiver: StaffNumber | None = None
    arrived_ms: Millis
    ended: Literal["left", "here", "unknown"]
    departed_ms: Millis | None = None
    """With `left`, and only with it."""

    @model_validator(mode="after")
    def _left_at_some_time(self) -> Self:
        if (self.ended == "left") != (self.departed_ms is not None):
            raise ValueError("departed_ms is present exactly when they left")
        return self


StaffRequest = Annotated[
    SignIn
    | SignInByCard
    | GetDoor
    | Acknowledge
    | SignOut
    | GetDesk
    | Shift
    | Turn
    | Receive
    | Leave
    | KeepMyCard
    | DropMyCard
    | Correct
    | Merge
    | Vouch
    | Reopen
    | Appoint
    | Came
    | NotCame
    | CancelAppointment
    | GetPaper
    | EnterPaper,
    Field(discriminator="method"),
]
STAFF_REQUEST: TypeAdapter[StaffRequest] = TypeAdapter(StaffRequest)


# ---- answers -------------------------------------------------------------------------------


class StaffNotice(Message):
    """What receptionists are told of what is recorded of them."""

    version: Code
    hash: str
    title: dict[Literal["zh", "en"], str]
    paragraphs: dict[Literal["zh", "en"], tuple[str, ...]]
    contact: dict[Literal["zh", "en"], str]


class Door(Message):
    """`card`: this box has a terminal to sign in by."""

    card: bool


class SignedIn(Message):
    """A session; `notice` to be read and acknowledged before anything else, if it is there."""

    session: OpaqueId = Field(repr=False)
    notice: StaffNotice | None


class Done(Message):
    """It is so."""


class CardKept(Message):
    """How keeping a card ended; with anything but `kept`, what was there before stays."""

    outcome: CardOutcome


class Colleague(Message):
    """One receptionist on shift, in the order of turns."""

    number: int
    name: str = Field(repr=False)
    waiting_s: int
    paused: bool


class Guest(Message):
    """One open visit, with the history that the visitor's registration permits to look at."""

    visit: OpaqueId
    arrived_ms: Millis
    party_size: int
    name: str | None = Field(repr=False)
    phone: str | None = Field(repr=False)
    """Masked; None of somebody without one."""
    returning: bool
    visits_before: int
    last_receiver: str | None = Field(default=None, repr=False)
    agreed: tuple[Scope, ...]
    reported: bool
    """An agent has reported this customer (报备): that, and no more."""
    receiver: int | None
    """Whose visit it is; None: nobody's yet."""
    proposed: int | None
    """Whose turn it is."""
    departed_ms: Millis | None = None
    left_estimated: bool = False
    """Nobody saw them go."""
    undo_s: int = 0
    """For how long the end can be taken back."""


class Appointed(Message):
    """One appointment of today or later, of somebody whose registration stands."""

    appointment: OpaqueId
    due_ms: Millis
    party_size: int
    name: str | None = Field(repr=False)
    phone: str | None = Field(repr=False)
    """Masked."""
    today: bool
    came_ms: Millis | None
    """When they came for it; None: not (yet)."""


class Receiver(Message):
    """Somebody who works here, on shift or not."""

    number: int
    name: str = Field(repr=False)


class PaperDesk(Message):
    """`code` is what a form with the notice in force carries; `scopes` are on forms that may still come."""

    notice: NoticeText
    code: str
    scopes: tuple[Scope, ...]
    staff: tuple[Receiver, ...]


class DeskView(Message):
    """The desk as it stands."""

    me: int
    my_name: str = Field(repr=False)
    on_shift: bool
    paused: bool
    line: tuple[Colleague, ...]
    guests: tuple[Guest, ...]
    left: tuple[Guest, ...]
    """Who left today, newest first: the last few."""
    appointments: tuple[Appointed, ...] = ()
    """Today's, and those to come, by their time."""
    locks_in_s: int
    card: Literal["none", "kept", "no_terminal"] = "no_terminal"
    """Whether they can sign in by card as well."""


# ---- operators (CLI) -----------------------------------------------------------------------


class AddStaff(Message):
    """A new receptionist, by an operator."""

    method: Literal["add_staff"] = "add_staff"
    name: PersonName = Field(repr=False)
    pin: Pin = Field(repr=False)


class ListStaff(Message):
    """Who may sign in."""

    method: Literal["list_staff"] = "list_staff"


class DisableStaff(Message):
    """Somebody doesn't work here any more: their sessions and shift end."""

    method: Literal["disable_staff"] = "disable_staff"
    number: StaffNumber


class SetPin(Message):
    """A new PIN; it ends the waiting after wrong ones, and lets somebody disabled sign in again."""

    method: Literal["set_pin"] = "set_pin"
    number: StaffNumber
    pin: Pin = Field(repr=False)


class KeepCardOf(Message):
    """The card that lies on the terminal is the one that this receptionist signs in with."""

    method: Literal["keep_card_of"] = "keep_card_of"
    number: StaffNumber


class DropCardOf(Message):
    """This receptionist signs in by PIN alone."""

    method: Literal["drop_card_of"] = "drop_card_of"
    number: StaffNumber


class Member(Message):
    """One receptionist as operators see them."""

    number: int
    name: str = Field(repr=False)
    active: bool
    on_shift: bool
    card: bool = False
    """They have a card to sign in with."""


class Members(Message):
    """Everybody, by number."""

    members: tuple[Member, ...]
