"""What the store hands out, one frozen class per question; holds no connection and no rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.domain.facts import PersonId, StaffId, type_of_act, type_of_subject
from edge.domain.idcard import CardKind
from edge.domain.judging.case import Masked
from edge.domain.judging.masking import Told
from edge.wire import Evidence, Scope, TimeQuality, Token
from edge.wire.finding import Verdict


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A party's stay as it stands now; `departed_ms` None while it is open."""

    visit: str
    person: PersonId
    revision: int
    arrived_ms: int
    departed_ms: int | None
    party_size: int
    returning: bool
    evidence: tuple[Evidence, ...]
    estimated: bool = False
    """Nobody saw when the party left."""
    quality: TimeQuality = TimeQuality.UNKNOWN
    """How far the clock could be trusted at the arrival."""
    entered_ms: int | None = None
    """When it was typed in from paper; None: as it happened."""


@dataclass(frozen=True, slots=True)
class AppointmentRow:
    """An appointment as it stands; `kept_in` None: nobody came for it (yet)."""

    appointment: str
    person: PersonId
    made_ms: int
    due_ms: int
    party_size: int
    kept_ms: int | None
    kept_in: str | None


@dataclass(frozen=True, slots=True)
class GivenRow:
    """One consent that stands: when it was given, by which act, under which notice."""

    scope: Scope
    at_ms: int
    quality: TimeQuality
    notice_version: str
    notice_hash: str
    act: type_of_act
    entered_ms: int | None = None
    covers_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A receptionist; `active` says whether they may sign in."""

    staff: StaffId
    number: int
    name: str = field(repr=False)
    active: bool


@dataclass(frozen=True, slots=True)
class PresenceRow:
    """One consented sign of presence."""

    at_ms: int
    kind: str
    quality: TimeQuality


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """An agent's claim. `withdrawn`: the book took it back. `masked`: its token is a masked number's.

    `completion`: how a claim by a masked number stands now; `holder`: under which token the customer is found
    whom it is on, the masked number's own while nobody is.
    """

    report_ref: str
    token: Token = field(repr=False)
    channel: str
    agent: str = field(repr=False)
    reported_ms: int | None
    lapses_ms: int
    withdrawn: bool = False
    masked: bool = False
    completion: Masked = "no"
    holder: Token = field(default="", repr=False)
    followed_ms: tuple[int, ...] = ()
    extended: tuple[tuple[int, int], ...] = ()
    """When each extension was logged, and until when it keeps the customer."""


@dataclass(frozen=True, slots=True)
class DealEntry:
    """A deal. `buyers`: each one's place and token; `owner`: whose customer it was, if the book says so."""

    deal_ref: str
    channel: str | None
    buyers: tuple[tuple[int, Token], ...] = field(repr=False)
    subscribed_ms: int | None
    contracted_ms: int | None
    owner: str | None
    lapses_ms: int
    said: int
    """How many buyers the book named; one who was erased isn't kept."""
    withdrawn: bool = False
    masks: tuple[Token, ...] = field(default=(), repr=False)
    """Of the buyers' numbers, as reports by a masked number name them."""
    claims_from_ms: int | None = None
    """Claims until then may have been deleted, at the end of their period, before the deal was brought in."""


@dataclass(slots=True)
class Customer:
    """All of one customer that may be used for channel risk; `tokens`: by which they are found."""

    tokens: tuple[Token, ...] = field(repr=False)
    masks: dict[Token, Token] = field(default_factory=dict, repr=False)
    """Each masked number's token that fits them, with the token of the whole number."""
    callers: tuple[Token, ...] = field(default=(), repr=False)
    """Their number's tokens of `recording`."""
    agrees: bool = False
    """`channel_risk` stands."""
    covers_ms: int = 0
    """From when on it covers what they left (decision 0040)."""
    presences: list[PresenceRow] = field(default_factory=list)
    answers: list[Told] = field(default_factory=list)
    claims: list[ReportEntry] = field(default_factory=list)
    known_since_ms: int | None = None
    withdrawn: bool = False
    """They ended `channel_risk`."""
    merged: bool = False
    """Two records were made one, on a receptionist's word."""
    renumbered: bool = False
    """The privacy officer gave them this number."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The last version of a finding: the hash of what it rests on, and a keyed one of whom it named.

    `named` None: nothing of it is left, or it is from before that was kept.
    """

    version: int
    inputs_hash: str
    named: str | None


@dataclass(frozen=True, slots=True)
class Dossiers:
    """What is known of some customers, of their claims and of the deals that they are buyers of."""

    customers: Mapping[Token, Customer] = field(repr=False)
    """By each of their tokens; every buyer of `deals` is there."""
    claims: tuple[ReportEntry, ...]
    """Whose findings may have to change, those that were taken back among them."""
    deals: tuple[DealEntry, ...]
    open_claims: Mapping[Token, tuple[ReportEntry, ...]] = field(repr=False)
    """By a masked number's token: the claims by it that are on nobody yet."""
    newest: Mapping[tuple[type_of_subject, str], Newest]
    """The newest finding on each of both."""


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One version of a finding; after an erasure only version, hash and date are left."""

    version: int
    inputs_hash: str
    decided_ms: int
    verdict: Verdict | None
    reasons: tuple[str, ...] | None
    inputs: str | None


@dataclass(frozen=True, slots=True)
class CardRow:
    """What is kept of a card."""

    name: str = field(repr=False)
    number: str = field(repr=False)
    valid_until: str = field(repr=False)
    kind: CardKind = CardKind.RESIDENT
    """Rows from before there were other kinds don't name theirs."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A sealed recording: where it lies and the key that opens it (32 bytes)."""

    call: str
    path: Path
    duration_ms: int
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A visitor's code: what opens its packages, and the time whose data it shows (`until_ms` None: open)."""

    link: str
    person: PersonId
    secret: bytes = field(repr=False)
    since_ms: int
    until_ms: int | None
    verified: bool
    revision: int


@dataclass(frozen=True, slots=True)
class GuardianRow:
    """That a guardian agreed for a child: how, when, the words that the box signed, and its signature."""

    proof: str
    by: str
    words: str
    at_ms: int
    quality: TimeQuality
    signature: bytes


@dataclass(frozen=True, slots=True)
class RequestRow:
    """What was asked with a code, when, until when it has to be answered, and how it stands."""

    request: str
    link: str
    person: PersonId
    act: str
    at_ms: int
    due_ms: int
    state: str
    code: str
    settled_ms: int | None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry of the audit; `hash` covers the entry and the hash before it. `code` None: emptied."""

    sequence: int
    at_ms: int
    code: str | None
    subject: str | None
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The audit's size and the root of the tree over it, in hex."""

    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Anchored:
    """What headquarters' receipt said last, when, and whether the box's own log contains it."""

    head: Head
    at_ms: int
    holds: bool


@dataclass(frozen=True, slots=True)
class LapsingScope:
    """One person's scope, until when its data may be kept, and whether its consent stands still."""

    person: PersonId
    scope: Scope
    until_ms: int
    active: bool


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One class of data: rows held, rows past their period, and when the next one is; about nobody."""

    name: str
    held: int
    due: int
    next_ms: int | None


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure destroyed: keys, and rows by class of data (classes with none are absent)."""

    keys_destroyed: int
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PastErasure:
    """An erasure as its tombstones remember it."""

    at_ms: int
    erased: Erased


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A notice as it was put in force: hash, canonical JSON, ground of its purposes, who published it."""

    hash: str
    text: str
    ground: str
    origin: str
