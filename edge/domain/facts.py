"""What can be kept on the box, one frozen class per fact; never writes and never decides on a basis.

A fact becomes storable only inside `ports.Cleared`, which the gate alone makes. `records` are the
minimised wire records that leave in the same transaction as the row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, NewType

from edge.domain.idcard import CardKind
from edge.wire import Command, Evidence, Record, Scope, TimeQuality, Token

PersonId = NewType("PersonId", str)
"""32 hex digits, random: joins a person's rows on this box and nowhere else."""

StaffId = NewType("StaffId", str)
"""32 hex digits, random: a receptionist of this box."""

type_of_act = Literal["tap", "key", "guardian", "paper"]
type_of_source = Literal["agent", "walk_in", "advert", "friend", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something to keep; `records` go to the outbox, before all others if `urgent`."""

    at_ms: int
    quality: TimeQuality
    records: tuple[Record, ...] = ()
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class GuardianProof:
    """What shows that a guardian agreed for a child: about the guardian, sealed, never on a record.

    `words`: what the box signed, naming nobody, with the SHA-256 of `shown`.
    """

    proof: str
    by: Literal["card", "signature"]
    words: str
    shown: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven(Fact):
    """A person agreed to one scope; `proof` is the box's signature over the act."""

    person: PersonId
    scope: Scope
    version: int
    notice_version: str
    notice_hash: str
    act: type_of_act
    proof: bytes
    guardian: GuardianProof | None = None
    """With the act of a guardian, and only with it."""
    entered_ms: int | None = None
    """With a form on paper, and only with it: when it was typed in. `at_ms` is the time that stands on it."""
    covers_ms: int | None = None
    """It opens nothing that was left before: nobody showed that the number is theirs. None: it opens all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChanged(Fact):
    """A scope went to another state without consent: declined, withdrawn, expired, to be asked again."""

    person: PersonId
    scope: Scope
    version: int
    state: str


class Beside(NamedTuple):
    """What else of a number lies beside its token of `channel_risk`, and goes where that goes.

    `mask`: the token by which a report by a masked number names it, if one can. `caller`: its token of
    `recording`, by which recorded calls are found while both consents stand.
    """

    mask: Token | None = None
    caller: Token | None = None


NOTHING_BESIDE = Beside()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonIndexed(Fact):
    """Tokens by which this person is found again, all of one scope."""

    person: PersonId
    scope: Scope
    tokens: tuple[Token, ...]
    beside: Beside = NOTHING_BESIDE
    """With `channel_risk`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRetokened(Fact):
    """A person is found by `new` from now on, under the project's newest keys; `old` still finds them."""

    person: PersonId
    old: Token
    new: Token
    beside: Beside = NOTHING_BESIDE
    """With a token of `channel_risk`: what goes with the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberTakenBack(Fact):
    """A person has another number: what was told under the old one is taken back, and told under the new."""

    person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRenumbered(Fact):
    """A person is found by `tokens` alone from now on, each of one scope; `phone` (E.164) is their number."""

    person: PersonId
    tokens: tuple[tuple[Scope, Token], ...]
    phone: str = field(repr=False)
    beside: Beside = NOTHING_BESIDE
    """Of the number that is theirs now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsMerged(Fact):
    """`was` is `person` too, by their own word: what is kept of `was` is kept of `person` from now on.

    Visits move by themselves (`VisitMoved`). Of what is kept under a scope comes along what `person` agrees
    to. `exchanged`: tokens of `person`, each with the one that takes its place; all of them still find them.
    """

    person: PersonId
    was: PersonId
    exchanged: tuple[tuple[Token, Token], ...]
    beside: Beside = NOTHING_BESIDE
    """Of the number that they have now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactKept(Fact):
    """The number a person gave (E.164), sealed under the key of that person and scope."""

    person: PersonId
    scope: Scope
    phone: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameKept(Fact):
    """What a registered person wants to be called, sealed under their registration's key."""

    person: PersonId
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitOpened(Fact):
    """A registered party arrived."""

    visit: str
    person: PersonId
    party_size: int
    returning: bool
    evidence: tuple[Evidence, ...]
    entered_ms: int | None = None
    """When it was typed in from paper; None: as it happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAdded(Fact):
    """A further sign of presence during an open visit; raises the visit's revision by one."""

    visit: str
    person: PersonId
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentMade(Fact):
    """A registered person means to come again at `due_ms`, as they said in the visit `made_in`."""

    appointment: str
    person: PersonId
    made_in: str
    due_ms: int
    party_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentKept(Fact):
    """They came for it, in the visit `kept_in`, whose evidence says so."""

    appointment: str
    person: PersonId
    kept_in: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentReset(Fact):
    """They hadn't come for it: the sign of it goes from its visit, whose revision rises by one.

    `whole`: the visit rests on that sign alone, and goes; what was told of it is taken back by itself.
    """

    appointment: str
    person: PersonId
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentCancelled(Fact):
    """They won't come; nothing is kept of it. One that was kept isn't cancelled."""

    appointment: str
    person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitClosed(Fact):
    """The party left; raises the visit's revision by one. `estimated`: nobody saw when."""

    visit: str
    person: PersonId
    departed_ms: int
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitReopened(Fact):
    """The party hadn't left after all; raises the visit's revision by one."""

    visit: str
    person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitCorrected(Fact):
    """How many they were, or when they left, was kept wrongly; raises the visit's revision by one.

    `departed_ms` None: that stands as it is.
    """

    visit: str
    person: PersonId
    party_size: int
    departed_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitMoved(Fact):
    """A visit is `person`'s and not `was`'s: the number was typed wrongly; raises its revision by one.

    What was given with it, from `since_ms` to before `until_ms` (name, card, template, code), comes along as
    far as `person`'s own consents reach; the rest is destroyed.
    """

    visit: str
    person: PersonId
    was: PersonId
    returning: bool
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitTakenBack(Fact):
    """What a visit left with `person`, to whom it never belonged, goes: proofs of `scopes`, queued records.

    `whole`: there is nothing else of theirs, and nothing finds them any more.
    """

    visit: str
    person: PersonId
    scopes: tuple[Scope, ...]
    since_ms: int
    until_ms: int
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTold(Fact):
    """The visitor's own answer to "who brought you?", kept under `channel_risk`."""

    visit: str
    person: PersonId
    source: type_of_source
    channel: str | None = None
    """Which company's agent, by its code, if they said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateEnrolled(Fact):
    """A face template (L2-normalised float32, little-endian), sealed under the `face_match` key."""

    person: PersonId
    model: str
    vector: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardKept(Fact):
    """What scope `id_card` allows of a card; photo, nation, country and address are never part of it.

    `name` is the one that the card's own country writes: Chinese, or a foreigner's English one.
    """

    person: PersonId
    kind: CardKind
    name: str = field(repr=False)
    number: str = field(repr=False)
    valid_until: str = field(repr=False)
    """YYYYMMDD, 长期, or empty if the terminal doesn't tell."""
    link: str | None = None
    """The code of this registration: its page opens again for who lays down the same card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNoted(Fact):
    """A call happened. `number` is kept for 72 h under `inquiry`, joined with nothing."""

    call: str
    line: str
    duration_ms: int
    answered: bool
    recorded: bool
    number: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingKept(Fact):
    """A sealed recording lies at `spool`; its key is wrapped under the person's `recording` key."""

    call: str
    person: PersonId
    spool: str
    duration_ms: int
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRow(Fact):
    """A row of the channels' or the office's books: of those with one name the last changed one counts.

    `mark` decides between two that were changed at the same moment: the greater one counts. `withdrawn`: the
    book took the row back.
    """

    changed_ms: int
    mark: str = ""
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLodged(BookRow):
    """An agent's claim: a token, who claims, when; lapses with its protection period.

    `earlier` are the same number's tokens under the project's earlier keys; what the books say under one of
    them is kept under `token` from now on. `masked`: the token is that of a number of which only the first
    three and last four digits were told.
    """

    report_ref: str
    token: Token
    earlier: tuple[Token, ...] = ()
    channel: str
    agent: str
    reported_ms: int | None
    lapses_ms: int
    masked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEmptied(BookRow):
    """What is held under this name counts no more: its newest row is about somebody who isn't entered."""

    table: Literal["reports", "deals", "known_customers"]
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksRetokened(Fact):
    """What the books say under `earlier`, a number's tokens by older keys, is kept under `token` now."""

    token: Token
    earlier: tuple[Token, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedUp(BookRow):
    """A channel followed up on its claim."""

    ref: str
    report_ref: str
    followed_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportExtended(BookRow):
    """A claim's protection was extended."""

    ref: str
    report_ref: str
    logged_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DealMade(BookRow):
    """A subscription or contract. `buyers`: each one's tokens, under the newest keys first; at least one."""

    deal_ref: str
    channel: str | None
    buyers: tuple[tuple[Token, ...], ...]
    subscribed_ms: int | None
    contracted_ms: int | None
    owner: Literal["office", "channel"] | None
    lapses_ms: int
    masks: tuple[Token | None, ...] = ()
    """Of each one's number, as a report by a masked number names it; empty: of none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerListed(BookRow):
    """Somebody owns here, or is a live customer of the office, since then."""

    ref: str
    token: Token
    earlier: tuple[Token, ...] = ()
    since_ms: int
    lapses_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSupplied(BookRow):
    """The office has brought in its list of owners and live customers; about no person."""

    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelNamed(BookRow):
    """A channel of the project, by its code and its company's public name; about no person."""

    code: str
    name: str


type_of_subject = Literal["report", "deal"]
"""What a finding is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictReached(Fact):
    """One version of the finding on a report or a deal; earlier versions stand.

    `since_ms`: the earliest presence that it rests on, or None. `completed`: on a claim by a masked number,
    under which token the customer is found whom it is on.
    `named`: a keyed hash of the channel and the tokens that its record names: if a book corrects just those,
    headquarters is told all the same.
    """

    about: type_of_subject
    ref: str
    version: int
    verdict: str
    reasons: tuple[str, ...]
    inputs: str
    inputs_hash: str
    since_ms: int | None
    named: str | None = None
    completed: Token | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkMade(Fact):
    """A code for the person's own page of rights; shows what was given from `since_ms` on.

    `verified`: its bearer proved to be the person, and sees all. Otherwise it ends the earlier ones' view.
    """

    person: PersonId
    link: str
    since_ms: int
    verified: bool
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageMade(Fact):
    """A sealed package for a code; its record takes the place of one that waits. `last`: none follows."""

    person: PersonId
    link: str
    revision: int
    last: bool = False


type_of_request = Literal["withdraw", "correct", "erase", "complain", "copy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTaken(Fact):
    """The bearer of a code asked for something; `body` is what they wrote, for the privacy officer."""

    person: PersonId
    link: str
    request: str
    act: type_of_request
    due_ms: int
    state: Literal["done", "waits", "refused"]
    code: str
    body: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSettled(Fact):
    """A person decided on a request that waited."""

    person: PersonId
    request: str
    state: Literal["done", "refused"]
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePut(Fact):
    """A notice came into force; `ground` and `terms` (by scope) are what consents to it are about."""

    hash: str
    version: str
    text: str
    ground: str
    terms: Mapping[Scope, str]
    origin: Literal["file", "headquarters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDone(Fact):
    """A command of headquarters was carried out (or refused); its answer is in `records`."""

    command: Command
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAnchored(Fact):
    """The audit's head is sent to headquarters. Only its record is kept, until receipted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitReceived(Fact):
    """Who receives an open visit."""

    visit: str
    person: PersonId
    staff: StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffEnrolled(Fact):
    """Somebody works at the desk: a name, sealed under a key of their own, and a PIN's argon2 hash."""

    staff: StaffId
    number: int
    name: str = field(repr=False)
    pin_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffChanged(Fact):
    """Whether they may sign in, and a new PIN's hash if there is one."""

    staff: StaffId
    active: bool
    pin_hash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffCardKept(Fact):
    """They sign in with this card, and with no other; of its number a keyed hash is kept."""

    staff: StaffId
    kind: CardKind
    number: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffCardDropped(Fact):
    """They sign in with their PIN alone."""

    staff: StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffTold(Fact):
    """They read what is recorded of them, and acknowledged it."""

    staff: StaffId
    notice_version: str
    notice_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftBegan(Fact):
    """They came on shift, and wait for their turn since `since_ms`."""

    shift: str
    staff: StaffId
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftChanged(Fact):
    """Their open shift as it stands now."""

    staff: StaffId
    since_ms: int
    paused: bool
    ended_ms: int | None


StaffFact = (
    StaffEnrolled | StaffChanged | StaffCardKept | StaffCardDropped | StaffTold | ShiftBegan | ShiftChanged
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Fact):
    """About no person: health, blind time, head counts. Only its records are kept, until receipted.

    `off`: from when until when the box was off; that is kept for the findings that it leaves in doubt.
    """

    off: tuple[int, int] | None = None
