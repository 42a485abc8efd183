"""What a box may tell headquarters, record by record; never a field that is not named here.

The allow-list of domain.md ("What a record may hold"). A new kind of record is one class
and one line in `AnyRecord`; its schema is pinned under tests/contract/.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, StringConstraints, TypeAdapter, model_validator

from edge.wire.base import Basis, Frozen, HexKey, Millis, Name, OpaqueId, Scope, TimeQuality, Token
from edge.wire.finding import MAX_INPUTS, FindingEvidence, Outcome, Ref, Verdict

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
"""A machine-readable reason; never free text, which could carry a name or a number."""


PACKAGE_BYTES = 6174
"""Bytes of a sealed package: nonce (12), content padded to one length, tag (16)."""
PACKAGE_TEXT = PACKAGE_BYTES * 4 // 3
"""Characters of it in base64; there is no padding, since 3 divides PACKAGE_BYTES."""

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hex."""


def _nothing(value: object) -> bool:
    """Leave out what earlier programs didn't say, so that what they signed is spelled as it was."""
    return value is None or value == ()


def _absent(value: int | None) -> bool:
    """Leave out what only a form on paper has, so that what was signed without it is spelled as it was."""
    return value is None


class Evidence(Frozen):
    """One consented sign of presence (domain.md, Verdict rules); a face alone is none.

    `paper`: a form that the visitor filled in, typed in later; its time is what somebody wrote, no clock's.
    """

    kind: Literal["registration", "face_confirmed", "id_card", "appointment", "announced_call", "paper"]
    at_ms: Millis
    basis: Basis


class VisitRecorded(Frozen):
    """A party's stay. Sent at arrival and again, with a higher revision, when it changes."""

    kind: Literal["visit"] = "visit"
    v: Literal[1] = 1
    visit_id: OpaqueId
    revision: PositiveInt
    who: Token
    returning: bool
    party_size: Annotated[int, Field(ge=1, le=99)]
    arrived_ms: Millis
    departed_ms: Millis | None = None
    departure_estimated: bool = False
    """Nobody saw when the party left: `departed_ms` is the office's closing time."""
    entered_ms: Millis | None = Field(default=None, exclude_if=_absent)
    """When a receptionist typed it in from paper; absent of a visit that was kept as it happened."""
    evidence: tuple[Evidence, ...]

    @model_validator(mode="after")
    def _departs_after_arrival(self) -> Self:
        if self.departed_ms is not None and self.departed_ms < self.arrived_ms:
            raise ValueError("departed_ms is before arrived_ms")
        if self.departure_estimated and self.departed_ms is None:
            raise ValueError("only a departure can be estimated")
        return self

    @model_validator(mode="after")
    def _paper_is_entered_later(self) -> Self:
        if self.entered_ms is None and any(one.kind == "paper" for one in self.evidence):
            raise ValueError("entered_ms says when a form on paper was typed in")
        if self.entered_ms is not None and self.entered_ms < self.arrived_ms:
            raise ValueError("entered_ms is before arrived_ms")
        return self


class FootfallCounted(Frozen):
    """How many passed an entrance in an interval; small groups wait for the next interval."""

    kind: Literal["footfall"] = "footfall"
    v: Literal[1] = 1
    camera: Name
    from_ms: Millis
    to_ms: Millis
    count: Annotated[int, Field(ge=5)]


class ConsentRecorded(Frozen):
    """Proof that a person agreed to one scope by an act, under one version of the notice."""

    kind: Literal["consent"] = "consent"
    v: Literal[1] = 1
    who: Token
    scope: Scope
    consent_version: PositiveInt
    notice_version: Code
    notice_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    act: Literal["tap", "key", "guardian", "paper"]
    at_ms: Millis
    entered_ms: Millis | None = Field(default=None, exclude_if=_absent)
    """Of a consent on paper: `at_ms` is what stands there, `entered_ms` when a receptionist typed it in."""

    @model_validator(mode="after")
    def _paper_is_entered_later(self) -> Self:
        if (self.act == "paper") != (self.entered_ms is not None):
            raise ValueError("entered_ms is present exactly when the consent was given on paper")
        if self.entered_ms is not None and self.entered_ms < self.at_ms:
            raise ValueError("entered_ms is before at_ms")
        return self


class ConsentWithdrawn(Frozen):
    """A person ended one scope; wins over anything of that scope that arrives later."""

    kind: Literal["withdrawal"] = "withdrawal"
    v: Literal[1] = 1
    who: Token
    scope: Scope
    at_ms: Millis
    by: Literal["visitor", "headquarters", "caller", "notice", "period"]
    """`notice`: its words changed, and the person is asked again; `period`: the consent expired."""


class CallRecorded(Frozen):
    """One call to the office. `who` only if the caller consented to being recorded."""

    kind: Literal["call"] = "call"
    v: Literal[1] = 1
    call_id: OpaqueId
    line: Name
    started_ms: Millis
    duration_ms: Millis
    answered: bool
    notice_played: bool
    recorded: bool
    recorded_ms: Millis = 0
    who: Token | None = None
    loss_permille: Annotated[int, Field(ge=0, le=1000)] | None = None
    mos_x100: Annotated[int, Field(ge=100, le=500)] | None = None

    @model_validator(mode="after")
    def _token_only_with_recording(self) -> Self:
        if (self.who is not None) != self.recorded:
            raise ValueError("who is present exactly when the call was recorded by consent")
        return self


class DeviceHealth(Frozen):
    """A device changed its state; `code` says why, never with a person in it."""

    kind: Literal["health"] = "health"
    v: Literal[1] = 1
    device: Name
    state: Literal["connecting", "up", "down", "auth_failed", "frozen", "config_error"]
    code: Code
    since_ms: Millis


class BlindTime(Frozen):
    """The box did not see with this device during this time."""

    kind: Literal["blind"] = "blind"
    v: Literal[1] = 1
    device: Name
    from_ms: Millis
    to_ms: Millis
    cause: Code


class VerdictIssued(Frozen):
    """The finding on one report, or on one deal. Later facts make a new version and never rewrite this one.

    `inputs`, `outcomes` and `signature` are there together: what it rests on as the box spelled it, what each
    rule says, and the box's word on just this finding (`evidence`), by which an agent can check it alone.
    """

    kind: Literal["verdict"] = "verdict"
    v: Literal[1] = 1
    verdict_id: OpaqueId
    report_ref: Ref | None = None
    deal_ref: Ref | None = Field(default=None, exclude_if=_nothing)
    channel: Name | None = Field(default=None, exclude_if=_nothing)
    """Whose report it is, or whose the deal: a company by its code. None: the office's, or not told."""
    version: PositiveInt
    who: Token
    also: tuple[Token, ...] = Field(default=(), exclude_if=_nothing)
    """The deal's other buyers."""
    verdict: Verdict
    reasons: tuple[Code, ...]
    review_reasons: tuple[Code, ...] = ()
    rule_set: Name
    rule_version: PositiveInt
    inputs_hash: Hash
    reported_ms: Millis | None
    presence_ms: Millis | None
    presence_quality: TimeQuality | None = None
    decided_ms: Millis
    inputs: Annotated[str, StringConstraints(max_length=MAX_INPUTS)] | None = Field(
        default=None, exclude_if=_nothing
    )
    outcomes: tuple[Outcome, ...] = Field(default=(), exclude_if=_nothing)
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")] | None = Field(
        default=None, exclude_if=_nothing
    )

    @model_validator(mode="after")
    def _about_one_thing(self) -> Self:
        if (self.report_ref is None) == (self.deal_ref is None):
            raise ValueError("a finding is on a report or on a deal")
        if (self.inputs is None) != (self.signature is None):
            raise ValueError("inputs come with the box's signature on them")
        return self

    def evidence(self, where: Mapping[str, str], quality: TimeQuality) -> FindingEvidence | None:
        """Return what `signature` is about; `where`: tenant, site and box. None: of an earlier program.

        `quality`: of the box's clock as it decided, which stands in the record's entry.
        """
        if self.inputs is None:
            return None
        return FindingEvidence(
            tenant=where["tenant"],
            site=where["site"],
            box=where["box"],
            at_ms=self.decided_ms,
            quality=quality,
            report_ref=self.report_ref,
            deal_ref=self.deal_ref,
            version=self.version,
            decided_ms=self.decided_ms,
            verdict=self.verdict,
            reasons=self.reasons,
            inputs=self.inputs,
        )


class ErasureReceipt(Frozen):
    """What was destroyed on the box for one order; `rows` counts per class of data.

    `also` are the same person's tokens of other purposes: headquarters erases theirs too, and of a
    verdict keeps only finding, hash and date.
    """

    kind: Literal["erasure_receipt"] = "erasure_receipt"
    v: Literal[1] = 1
    command_id: OpaqueId
    who: Token
    also: tuple[Token, ...] = ()
    outcome: Literal["erased", "nothing_held"]
    keys_destroyed: NonNegativeInt
    rows: dict[Code, NonNegativeInt]
    at_ms: Millis


class RightsPackage(Frozen):
    """What is held of one visitor, for their own page; only the key in the visitor's code opens it.

    Every package is equally long, so that its size tells nothing. The highest revision counts. After
    the last one, a receipt of erasure, headquarters keeps it for 30 days.
    """

    kind: Literal["rights_package"] = "rights_package"
    v: Literal[1] = 1
    link_id: OpaqueId
    revision: PositiveInt
    sealed: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+$", min_length=PACKAGE_TEXT, max_length=PACKAGE_TEXT)
    ]
    last: bool
    at_ms: Millis


class CommandAnswered(Frozen):
    """The box's answer to a command that has no receipt of its own kind."""

    kind: Literal["answer"] = "answer"
    v: Literal[1] = 1
    command_id: OpaqueId
    outcome: Literal["done", "nothing_held", "refused", "expired"]
    code: Code
    at_ms: Millis


class AuditHead(Frozen):
    """The audit of the box as it stands: `size` entries under `root` (RFC 9162); about no person.

    `proof` shows that it begins with the `from_size` entries that headquarters knew last; 0: it knew none.
    """

    kind: Literal["audit_head"] = "audit_head"
    v: Literal[1] = 1
    size: PositiveInt
    root: Hash
    from_size: NonNegativeInt
    proof: Annotated[tuple[Hash, ...], Field(max_length=128)]
    at_ms: Millis


class _Exchange(Frozen):
    """One token took another's place, for one purpose."""

    old: Token
    new: Token

    @model_validator(mode="after")
    def _of_one_purpose(self) -> Self:
        if self.old == self.new or self.old.partition(":")[0] != self.new.partition(":")[0]:
            raise ValueError("old and new are two tokens of one purpose")
        return self


class Retokened(_Exchange):
    """The project's keys were exchanged: whom this box knew by `old` it knows by `new` from now on.

    The same number and the same purpose; nobody is joined with anybody else by it.
    """

    kind: Literal["retokened"] = "retokened"
    v: Literal[1] = 1


class Merged(_Exchange):
    """Two records of one person became one: whom this box knew by `old` it knows by `new` from now on.

    They said that both numbers are theirs; what comes later of them may still name `old`.
    """

    kind: Literal["merged"] = "merged"
    v: Literal[1] = 1


class VisitReattributed(Frozen):
    """A visit was told under the token of a number that was typed wrongly: what was told there is taken back.

    That is this visit, and the consents to `scopes` given from `since_ms` to `until_ms`: the person at the
    desk gave them, not the number's owner. All else of `who` stands; the next revision says whose it is.
    """

    kind: Literal["reattributed"] = "reattributed"
    v: Literal[1] = 1
    visit_id: OpaqueId
    who: Token
    scopes: tuple[Scope, ...]
    since_ms: Millis
    until_ms: Millis


class BoxKeys(Frozen):
    """To which key (X25519) facts for this box are sealed, and of which project it is; None: its site's.

    `signature`: the box's Ed25519 over `box_keys_signing_input`, so that whoever seals can check it alone.
    """

    kind: Literal["box_keys"] = "box_keys"
    v: Literal[1] = 1
    project: Name | None
    enrolment_key: HexKey
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


class Voided(Frozen):
    """Takes the place of a record that was erased while its batch had no receipt yet."""

    kind: Literal["voided"] = "voided"
    v: Literal[1] = 1


Record = Annotated[
    VisitRecorded
    | FootfallCounted
    | ConsentRecorded
    | ConsentWithdrawn
    | CallRecorded
    | DeviceHealth
    | BlindTime
    | VerdictIssued
    | ErasureReceipt
    | RightsPackage
    | CommandAnswered
    | AuditHead
    | Retokened
    | Merged
    | VisitReattributed
    | BoxKeys
    | Voided,
    Field(discriminator="kind"),
]

_RECORD: TypeAdapter[Record] = TypeAdapter(Record)


def parse_record(value: object) -> Record:
    """Return the record that `value` (parsed JSON) is, or raise pydantic.ValidationError."""
    return _RECORD.validate_python(value)


_LOGGABLE = frozenset(
    {"kind", "device", "camera", "line", "state", "code", "cause", "scope", "act", "verdict", "outcome"}
    | {"count", "revision", "version", "recorded", "answered", "visit_id", "call_id", "command_id"}
)


def loggable(record: Record) -> dict[str, str | int]:
    """Return what of `record` a technician may read in a log: named fields, never a token or time."""
    shown = record.model_dump(mode="json", include=set(_LOGGABLE))
    return {k: v for k, v in shown.items() if isinstance(v, str | int)}
