"""The gate: every kind of fact × every state of its scope, the closed lists, and what a permit is for."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypedDict, get_args

import pytest

from edge import wire
from edge.consent.gate import SCOPE_OF, Gate
from edge.consent.policy import Event, State
from edge.domain import facts
from edge.domain.errors import Refused
from edge.domain.facts import Fact, PersonId, StaffId
from edge.domain.idcard import CardKind
from edge.ports import Cleared, ConsentRow, ConsentVersion, Permit
from edge.wire import AuditHead, Basis, BasisKind, DeviceHealth, Evidence, Purpose, Scope, TimeQuality

PERSON, OTHER = PersonId("a" * 32), PersonId("b" * 32)
TOKEN, HASH, AT = "registration:" + "0" * 64, "c" * 64, 1_764_000_000_000


class Stamp(TypedDict):
    at_ms: int
    quality: TimeQuality


STAMP: Stamp = {"at_ms": AT, "quality": TimeQuality.SYNCHRONISED}


STAFF = StaffId("5" * 32)
GUARDIAN = facts.GuardianProof("6" * 32, "signature", "{}", b"signed")


class Consents:
    """The smallest ConsentReader: what isn't set was never asked."""

    told: frozenset[str] = frozenset()

    def staff_told(self, staff: StaffId) -> frozenset[str]:
        return self.told

    def __init__(self, *rows: tuple[PersonId, Scope, State]) -> None:
        self._rows = {(person, scope): ConsentRow(state, 3, AT, "v1") for person, scope, state in rows}

    def known_minor(self, person: PersonId) -> bool:
        return any(who == person and row.state == State.MINOR for (who, _), row in self._rows.items())

    def consent(self, person: PersonId, scope: Scope) -> ConsentRow:
        return self._rows.get((person, scope), ConsentRow("SILENT", 0, 0, ""))


def gate(*rows: tuple[Scope, State]) -> Gate:
    return Gate(Consents(*((PERSON, scope, state) for scope, state in rows)))


def active(*scopes: Scope) -> Gate:
    return gate(*((scope, State.ACTIVE) for scope in scopes))


def sign(kind: str, scope: Scope) -> Evidence:
    return Evidence.model_validate(
        {"kind": kind, "at_ms": AT, "basis": Basis(kind=BasisKind.CONSENT, scope=scope)}
    )


def added(kind: str, scope: Scope) -> facts.EvidenceAdded:
    return facts.EvidenceAdded(**STAMP, visit="1" * 32, person=PERSON, evidence=sign(kind, scope))


def opened(*evidence: Evidence) -> facts.VisitOpened:
    return facts.VisitOpened(
        **STAMP, visit="1" * 32, person=PERSON, party_size=1, returning=False, evidence=evidence
    )


def indexed(scope: Scope) -> facts.PersonIndexed:
    return facts.PersonIndexed(**STAMP, person=PERSON, scope=scope, tokens=(TOKEN,))


def contact(scope: Scope) -> facts.ContactKept:
    return facts.ContactKept(**STAMP, person=PERSON, scope=scope, phone="+8613800138000")


# Each kind of fact about a person, the scope that it needs, and what else has to be active with it.
# Written from domain.md ("Consent", "Evidence of presence"), not from the gate's own tables.
PERSONAL: list[tuple[Fact, Scope, frozenset[Scope]]] = [
    (opened(sign("registration", Scope.REGISTRATION)), Scope.REGISTRATION, frozenset()),
    (
        facts.VisitClosed(**STAMP, visit="1" * 32, person=PERSON, departed_ms=AT),
        Scope.REGISTRATION,
        frozenset(),
    ),
    (
        facts.VisitReceived(**STAMP, visit="1" * 32, person=PERSON, staff=STAFF),
        Scope.REGISTRATION,
        frozenset(),
    ),
    (
        facts.AppointmentMade(
            **STAMP, appointment="1" * 32, person=PERSON, made_in="2" * 32, due_ms=AT + 1, party_size=1
        ),
        Scope.REGISTRATION,
        frozenset(),
    ),
    (
        facts.AppointmentKept(**STAMP, appointment="1" * 32, person=PERSON, kept_in="2" * 32),
        Scope.REGISTRATION,
        frozenset(),
    ),
    (
        facts.AppointmentReset(**STAMP, appointment="1" * 32, person=PERSON, whole=True),
        Scope.REGISTRATION,
        frozenset(),
    ),
    (
        facts.AppointmentCancelled(**STAMP, appointment="1" * 32, person=PERSON),
        Scope.REGISTRATION,
        frozenset(),
    ),
    (facts.VisitReopened(**STAMP, visit="1" * 32, person=PERSON), Scope.REGISTRATION, frozenset()),
    (
        facts.VisitCorrected(**STAMP, visit="1" * 32, person=PERSON, party_size=2),
        Scope.REGISTRATION,
        frozenset(),
    ),
    (
        facts.VisitMoved(
            **STAMP, visit="1" * 32, person=PERSON, was=OTHER, returning=False, since_ms=1, until_ms=2
        ),
        Scope.REGISTRATION,
        frozenset(),
    ),
    (
        facts.PersonRenumbered(**STAMP, person=PERSON, tokens=(), phone="+8613900139000"),
        Scope.REGISTRATION,
        frozenset(),
    ),
    (
        facts.PersonsMerged(**STAMP, person=PERSON, was=OTHER, exchanged=()),
        Scope.REGISTRATION,
        frozenset(),
    ),
    (facts.NameKept(**STAMP, person=PERSON, name="name"), Scope.REGISTRATION, frozenset()),
    (indexed(Scope.REGISTRATION), Scope.REGISTRATION, frozenset()),
    (indexed(Scope.CHANNEL_RISK), Scope.CHANNEL_RISK, frozenset()),
    (indexed(Scope.RECORDING), Scope.RECORDING, frozenset()),
    (contact(Scope.REGISTRATION), Scope.REGISTRATION, frozenset()),
    (contact(Scope.RECORDING), Scope.RECORDING, frozenset()),
    (added("registration", Scope.REGISTRATION), Scope.REGISTRATION, frozenset()),
    (added("appointment", Scope.REGISTRATION), Scope.REGISTRATION, frozenset()),
    (added("face_confirmed", Scope.FACE_MATCH), Scope.FACE_MATCH, frozenset({Scope.REGISTRATION})),
    (added("id_card", Scope.ID_CARD), Scope.ID_CARD, frozenset({Scope.REGISTRATION})),
    (added("announced_call", Scope.RECORDING), Scope.RECORDING, frozenset({Scope.REGISTRATION})),
    (
        facts.SourceTold(**STAMP, visit="1" * 32, person=PERSON, source="agent"),
        Scope.CHANNEL_RISK,
        frozenset(),
    ),
    (
        facts.TemplateEnrolled(**STAMP, person=PERSON, model="sface", vector=b"0000"),
        Scope.FACE_MATCH,
        frozenset(),
    ),
    (
        facts.CardKept(
            **STAMP,
            person=PERSON,
            kind=CardKind.RESIDENT,
            name="张三",
            number="11010519491231002X",
            valid_until="长期",
        ),
        Scope.ID_CARD,
        frozenset(),
    ),
    (
        facts.RecordingKept(
            **STAMP, call="2" * 32, person=PERSON, spool="3" * 32, duration_ms=1, key=b"0" * 32
        ),
        Scope.RECORDING,
        frozenset(),
    ),
]
IDS = [f"{type(fact).__name__}-{scope}" for fact, scope, _ in PERSONAL]


def test_the_audits_head_is_kept_by_duty_and_takes_nothing_along() -> None:
    head = AuditHead(size=1, root="0" * 64, from_size=0, proof=(), at_ms=1)
    cleared = gate().on_other_basis(facts.AuditAnchored(**STAMP, records=(head,)))
    assert (cleared.basis.kind, cleared.purpose, cleared.relies_on) == (
        BasisKind.DUTY, Purpose.OPERATION, None,
    )  # fmt: skip
    with pytest.raises(Refused, match="records_of_another_kind"):
        gate().on_other_basis(facts.AuditAnchored(**STAMP, records=(health().records[0],)))


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(("fact", "scope", "also"), PERSONAL, ids=IDS)
def test_p2_a_fact_is_cleared_exactly_when_its_one_scope_is_active(
    fact: Fact, scope: Scope, also: frozenset[Scope], state: State
) -> None:
    """P2, P43: every kind × every state; other scopes being active doesn't help."""
    others = tuple((s, State.ACTIVE) for s in Scope if s is not scope)
    box = gate((scope, state), *others)
    if state is not State.ACTIVE:
        with pytest.raises(Refused) as refused:
            box.clear(PERSON, fact)
        assert refused.value.code == "no_consent"
        return
    cleared = box.clear(PERSON, fact)
    assert cleared.fact is fact
    assert cleared.basis == Basis(kind=BasisKind.CONSENT, scope=scope)
    assert cleared.relies_on == ConsentVersion(PERSON, scope, 3)
    assert isinstance(cleared.purpose, Purpose)


@pytest.mark.parametrize(("fact", "scope", "also"), PERSONAL, ids=IDS)
def test_p12_the_one_scope_is_enough(fact: Fact, scope: Scope, also: frozenset[Scope]) -> None:
    """P12: declining every other scope loses nothing here (evidence joins a visit, so that lives too)."""
    assert active(scope, *also).clear(PERSON, fact).fact is fact
    for needed in also:
        with pytest.raises(Refused):
            active(scope, *(also - {needed})).clear(PERSON, fact)


@pytest.mark.parametrize(("fact", "scope", "also"), PERSONAL, ids=IDS)
def test_a_fact_is_never_cleared_for_another_person(fact: Fact, scope: Scope, also: frozenset[Scope]) -> None:
    box = Gate(Consents(*((OTHER, s, State.ACTIVE) for s in Scope)))
    with pytest.raises(Refused) as refused:
        box.clear(OTHER, fact)
    assert refused.value.code == "another_person"
    with pytest.raises(Refused):
        box.clear(PERSON, fact)


def test_every_kind_of_fact_is_covered_by_one_door() -> None:
    """A new kind of fact has to be put into this file's table before anything can keep it."""
    personal = {type(fact) for fact, _, _ in PERSONAL}
    elsewhere = {
        facts.ConsentGiven, facts.ConsentChanged, facts.CommandDone,
        facts.VerdictReached, facts.CallNoted, facts.Noted, facts.LinkMade, facts.PackageMade,
        facts.RequestTaken, facts.RequestSettled, facts.AuditAnchored, facts.NoticePut, facts.PersonRetokened,
        facts.VisitTakenBack, facts.NumberTakenBack, facts.BookRow, facts.BooksRetokened,
        *get_args(facts.StaffFact),
    }  # fmt: skip
    # By name: a dataclass with slots is made twice, and the first of the two lingers as a subclass.
    assert {kind.__name__ for kind in personal | elsewhere} == {k.__name__ for k in Fact.__subclasses__()}
    assert not personal & elsewhere
    assert set(SCOPE_OF) <= personal


def test_p7_no_shift_before_they_read_what_is_recorded_of_them() -> None:
    began = facts.ShiftBegan(**STAMP, shift="6" * 32, staff=STAFF, since_ms=AT)
    changed = facts.ShiftChanged(**STAMP, staff=STAFF, since_ms=AT, paused=False, ended_ms=None)
    consents = Consents()
    for shift in (began, changed):
        with pytest.raises(Refused) as refused:
            Gate(consents).employed(shift)
        assert refused.value.code == "no_notice"
    told = facts.StaffTold(**STAMP, staff=STAFF, notice_version="v1", notice_hash="7" * 64)
    assert Gate(consents).employed(told).basis == Basis(kind=BasisKind.EMPLOYMENT)
    consents.told = frozenset({"7" * 64})
    cleared = Gate(consents).employed(began)
    assert (cleared.purpose, cleared.relies_on) == (Purpose.STAFFING, None)


def test_what_is_kept_of_staff_never_leaves_the_box() -> None:
    record = DeviceHealth(device="d", state="up", code="ok", since_ms=AT)
    with pytest.raises(Refused):
        Gate(Consents()).employed(facts.StaffChanged(**STAMP, staff=STAFF, active=True, records=(record,)))


def test_p26_the_door_for_staff_takes_nothing_of_visitors() -> None:
    """Even past the type checker."""
    for fact, _, _ in PERSONAL:
        with pytest.raises(Refused):
            active(*Scope).employed(fact)  # type: ignore[type-var] # as somebody would who gets past it


@pytest.mark.parametrize(
    "scope", sorted(set(Scope) - {Scope.REGISTRATION, Scope.CHANNEL_RISK, Scope.RECORDING})
)
@pytest.mark.parametrize("make", [indexed, contact])
def test_p26_no_token_or_number_is_kept_under_a_scope_that_is_not_for_it(
    make: Callable[[Scope], Fact], scope: Scope
) -> None:
    """P26: not even with that scope active."""
    with pytest.raises(Refused) as refused:
        active(*Scope).clear(PERSON, make(scope))
    assert refused.value.code == "no_basis"


@pytest.mark.parametrize("scope", sorted(set(Scope) - {Scope.FACE_MATCH}))
def test_evidence_names_the_scope_that_it_rests_on(scope: Scope) -> None:
    with pytest.raises(Refused) as refused:
        active(*Scope).clear(PERSON, added("face_confirmed", scope))
    assert refused.value.code == "wrong_basis"


def test_a_visit_brings_no_evidence_in_whose_own_scope_is_not_active() -> None:
    face = sign("face_confirmed", Scope.FACE_MATCH)
    with pytest.raises(Refused):
        active(Scope.REGISTRATION).clear(PERSON, opened(sign("registration", Scope.REGISTRATION), face))
    assert active(Scope.REGISTRATION, Scope.FACE_MATCH).clear(PERSON, opened(face))


def test_a_raw_fact_is_not_cleared_and_the_proofs_cannot_be_made_elsewhere() -> None:
    """P2: at run time too a raw fact is no proof, and the abstract proofs can't be made."""
    for fact, _, _ in PERSONAL:
        assert not isinstance(fact, Cleared | Permit)
    abstract: tuple[type[Any], type[Any]] = (Cleared, Permit)
    for proof, only in zip(abstract, ("_Cleared", "_Permit"), strict=True):
        with pytest.raises(TypeError, match="abstract"):
            proof()
        # A dataclass with slots is made twice, and the first of the two lingers as a subclass.
        names = {(kind.__module__, kind.__name__) for kind in proof.__subclasses__()}
        assert names == {("edge.consent.gate", only)}


def test_what_was_cleared_cannot_be_changed_afterwards() -> None:
    cleared = active(Scope.REGISTRATION).clear(PERSON, indexed(Scope.REGISTRATION))
    for name in [f.name for f in fields(cleared)]:  # type: ignore[arg-type] # its concrete class is a dataclass
        with pytest.raises(AttributeError):
            setattr(cleared, name, None)


# ---- consent itself -------------------------------------------------------------------------


def given(
    act: str = "tap", version: int = 4, notice_hash: str = HASH, proof: bytes = b"signed"
) -> facts.ConsentGiven:
    return facts.ConsentGiven(
        **STAMP,
        person=PERSON,
        scope=Scope.FACE_MATCH,
        version=version,
        notice_version="v1",
        notice_hash=notice_hash,
        act=act,  # type: ignore[arg-type] # the tests go through all three
        proof=proof,
        guardian=GUARDIAN if act == "guardian" else None,
    )


CAN_AGREE = {State.NOTICED, State.OFFERED, State.DECLINED, State.WITHDRAWN, State.EXPIRED, State.RECONSENT}


@pytest.mark.parametrize("state", sorted(set(State) - {State.SILENT}))
def test_an_act_agrees_only_where_the_choice_can_be_put(state: State) -> None:
    """P39: a minor's own tap is none; P42: a tombstone stays one."""
    box = gate((Scope.FACE_MATCH, state))
    if state in CAN_AGREE:
        cleared = box.agreed(given())
        assert cleared.basis == Basis(kind=BasisKind.DUTY)
        assert cleared.purpose is Purpose.RIGHTS
        return
    with pytest.raises(Refused):
        box.agreed(given())


def test_a_first_consent_is_version_one() -> None:
    assert gate().agreed(given(version=1)).fact.version == 1


@pytest.mark.parametrize("version", [0, 2, 3, 5])
def test_a_consent_that_was_read_before_another_change_is_refused(version: int) -> None:
    with pytest.raises(Refused) as refused:
        gate((Scope.FACE_MATCH, State.DECLINED)).agreed(given(version=version))
    assert refused.value.code == "consent_changed"


def test_p7_without_the_notice_that_was_shown_there_is_no_consent() -> None:
    """P7: no notice hash: refused."""
    with pytest.raises(Refused) as refused:
        gate().agreed(given(version=1, notice_hash=""))
    assert refused.value.code == "no_notice"


def test_without_a_signed_proof_there_is_no_consent() -> None:
    with pytest.raises(Refused) as refused:
        gate().agreed(given(version=1, proof=b""))
    assert refused.value.code == "no_proof"


@pytest.mark.parametrize(
    ("state", "allowed"), [(State.MINOR, True), (State.OFFERED, True), (State.ACTIVE, False)]
)
def test_p39_a_guardian_agrees_for_a_minor(state: State, allowed: bool) -> None:
    box = gate((Scope.FACE_MATCH, state))
    if allowed:
        assert box.agreed(given(act="guardian")).fact.act == "guardian"
    else:
        with pytest.raises(Refused):
            box.agreed(given(act="guardian"))


def change(state: str, version: int = 4) -> facts.ConsentChanged:
    return facts.ConsentChanged(**STAMP, person=PERSON, scope=Scope.FACE_MATCH, version=version, state=state)


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        (State.NOTICED, Event.DECLINE, State.DECLINED),
        (State.WITHDRAWN, Event.DECLINE, State.DECLINED),
        (State.WITHDRAWN, Event.FOUND_MINOR, State.MINOR),
        (State.ACTIVE, Event.WITHDRAW, State.WITHDRAWN),
        (State.ACTIVE, Event.EXPIRE, State.EXPIRED),
        (State.ACTIVE, Event.CHANGE, State.RECONSENT),
        (State.ACTIVE, Event.ERASE, State.ERASING),
        (State.ERASING, Event.ERASED, State.TOMBSTONE),
    ],
)
def test_a_change_is_cleared_when_policy_leads_there(before: State, event: Event, after: State) -> None:
    cleared = gate((Scope.FACE_MATCH, before)).changed(change(after), event)
    assert cleared.basis == Basis(kind=BasisKind.DUTY)
    for wrong in set(State) - {after}:
        with pytest.raises(Refused):
            gate((Scope.FACE_MATCH, before)).changed(change(wrong), event)


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("event", [Event.AGREE, Event.GUARDIAN_AGREES, Event.PROOF_STORED])
def test_p1_no_change_is_ever_a_consent(before: State, event: Event) -> None:
    """P1: the only door to ACTIVE is `agreed`, which wants notice, act and proof."""
    for after in State:
        with pytest.raises(Refused):
            gate((Scope.FACE_MATCH, before)).changed(change(after), event)


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("event", Event)
def test_p1_no_change_ends_in_a_usable_state(before: State, event: Event) -> None:
    with pytest.raises(Refused):
        gate((Scope.FACE_MATCH, before)).changed(change(State.ACTIVE), event)


# ---- the other bases ------------------------------------------------------------------------


def report() -> facts.ReportLodged:
    return facts.ReportLodged(
        **STAMP,
        report_ref="R1",
        token="channel_risk:" + "1" * 64,
        changed_ms=1,
        channel="c",
        agent="a",
        reported_ms=AT,
        lapses_ms=AT,
    )


def test_a_report_rests_on_report_and_only_the_named_kinds_do() -> None:
    cleared = gate().on_other_basis(report())
    assert cleared.basis == Basis(kind=BasisKind.REPORT)
    assert cleared.relies_on is None
    for fact in (*(f for f, _, _ in PERSONAL), change("WITHDRAWN"), given(), health()):
        with pytest.raises(Refused) as refused:
            active(*Scope).on_other_basis(fact)
        assert refused.value.code == "no_basis"


def test_p24_nothing_of_these_rests_on_a_legal_order_contract_or_employment() -> None:
    """P24: exemptions are narrow: this gate knows no way to claim one, so none can be claimed."""
    everything = active(*Scope)
    bases = {everything.clear(PERSON, fact).basis.kind for fact, _, _ in PERSONAL}
    bases |= {everything.on_other_basis(report()).basis.kind, everything.impersonal(health()).basis.kind}
    bases |= {gate().inquiry(call()).basis.kind, gate().agreed(given(version=1)).basis.kind}
    assert bases == {
        BasisKind.CONSENT, BasisKind.REPORT, BasisKind.IMPERSONAL, BasisKind.INQUIRY, BasisKind.DUTY,
    }  # fmt: skip


def call(recorded: bool = False, who: str | None = None) -> facts.CallNoted:
    record = wire.CallRecorded(
        call_id="2" * 32, line="front-desk", started_ms=AT, duration_ms=1, answered=True, notice_played=True,
        recorded=who is not None, who=who,
    )  # fmt: skip
    return facts.CallNoted(
        **STAMP, call="2" * 32, line="front-desk", duration_ms=1, answered=True, recorded=recorded,
        number="+8613800138000", records=(record,),
    )  # fmt: skip


def test_an_inquiry_is_never_joined_with_a_token() -> None:
    """domain.md: a caller who presses nothing is counted; their number is joined with nothing."""
    assert gate().inquiry(call()).basis == Basis(kind=BasisKind.INQUIRY)
    for named in (call(who=TOKEN), call(recorded=True), call(recorded=True, who=TOKEN)):
        with pytest.raises(Refused) as refused:
            active(*Scope).inquiry(named)
        assert refused.value.code == "inquiry_is_never_joined"


@pytest.mark.parametrize("state", State)
def test_p27_a_recorded_call_needs_the_callers_scope(state: State) -> None:
    """P27: no scope: no audio, no token."""
    box = gate((Scope.RECORDING, state), *((s, State.ACTIVE) for s in Scope if s is not Scope.RECORDING))
    if state is State.ACTIVE:
        cleared = box.recorded_call(PERSON, call(recorded=True, who=TOKEN))
        assert cleared.basis == Basis(kind=BasisKind.CONSENT, scope=Scope.RECORDING)
        assert cleared.relies_on == ConsentVersion(PERSON, Scope.RECORDING, 3)
        return
    with pytest.raises(Refused):
        box.recorded_call(PERSON, call(recorded=True, who=TOKEN))


def noted(*records: wire.Record) -> facts.Noted:
    return facts.Noted(**STAMP, records=records)


def health() -> facts.Noted:
    return noted(wire.DeviceHealth(device="cam", state="up", code="ok", since_ms=AT))


def test_impersonal_is_a_closed_list() -> None:
    """architecture.md: head counts, health and blind time; nothing with a person, nothing empty, no mix."""
    count = wire.FootfallCounted(camera="cam", from_ms=0, to_ms=1, count=5)
    blind = wire.BlindTime(device="cam", from_ms=0, to_ms=1, cause="link_down")
    assert gate().impersonal(noted(count)).purpose is Purpose.FOOTFALL
    assert gate().impersonal(noted(blind)).purpose is Purpose.OPERATION
    assert gate().impersonal(health()).basis == Basis(kind=BasisKind.IMPERSONAL)
    withdrawn = wire.ConsentWithdrawn(who=TOKEN, scope=Scope.FACE_MATCH, at_ms=AT, by="visitor")
    for records in ((), call().records, (withdrawn,), (count, withdrawn), (blind, *call().records)):
        with pytest.raises(Refused) as refused:
            active(*Scope).impersonal(noted(*records))
        assert refused.value.code == "not_impersonal"


# ---- using ----------------------------------------------------------------------------------

PERMITS = {
    Purpose.RECEPTION: Scope.REGISTRATION,
    Purpose.IDENTITY_CHECK: Scope.ID_CARD,
    Purpose.FACE_CONFIRMATION: Scope.FACE_MATCH,
    Purpose.CHANNEL_RISK: Scope.CHANNEL_RISK,
    Purpose.CALL_HANDLING: Scope.RECORDING,
}


@pytest.mark.parametrize("purpose", sorted(PERMITS))
@pytest.mark.parametrize("state", State)
def test_a_permit_is_for_one_purpose_of_one_person(purpose: Purpose, state: State) -> None:
    others = tuple((s, State.ACTIVE) for s in Scope if s is not PERMITS[purpose])
    box = gate((PERMITS[purpose], state), *others)
    if state is not State.ACTIVE:
        with pytest.raises(Refused):
            box.permit(purpose, PERSON)
        return
    permit = box.permit(purpose, PERSON)
    assert (permit.purpose, permit.person) == (purpose, PERSON)
    assert permit.relies_on == ConsentVersion(PERSON, PERMITS[purpose], 3)
    with pytest.raises(Refused):
        box.permit(purpose, OTHER)


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - set(PERMITS)))
def test_p26_an_unlisted_purpose_is_refused(purpose: Purpose) -> None:
    """P26: with every consent there is."""
    with pytest.raises(Refused) as refused:
        active(*Scope).permit(purpose, PERSON)
    assert refused.value.code == "no_basis"


@pytest.mark.parametrize("purpose", Purpose)
def test_p26_a_lookup_is_for_three_purposes(purpose: Purpose) -> None:
    if purpose in {Purpose.RECEPTION, Purpose.CHANNEL_RISK, Purpose.CALL_HANDLING}:
        permit = gate().permit_lookup(purpose)
        assert (permit.purpose, permit.person, permit.relies_on) == (purpose, None, None)
        return
    with pytest.raises(Refused):
        active(*Scope).permit_lookup(purpose)


def test_rights_need_no_consent_because_they_end_one() -> None:
    """P40, P43: an erasure or a withdrawal works on a person whose every scope is over."""
    permit = gate((Scope.REGISTRATION, State.WITHDRAWN)).permit_rights(PERSON)
    assert (permit.purpose, permit.person, permit.relies_on) == (Purpose.RIGHTS, PERSON, None)


def test_the_tally_counts_decisions_and_names_nobody() -> None:
    box = active(Scope.REGISTRATION)
    box.clear(PERSON, indexed(Scope.REGISTRATION))
    box.permit(Purpose.RECEPTION, PERSON)
    for _ in range(2):
        with pytest.raises(Refused):
            box.clear(PERSON, indexed(Scope.RECORDING))
    assert box.tally == {"kept consent:registration": 1, "used reception": 1, "refused no_consent": 2}
    assert gate().tally == {}


def test_a_fact_takes_no_record_of_another_kind_out_of_the_box() -> None:
    """What leaves with a fact leaves on its basis: an order's answer is no way out for a visit (P2)."""
    visit = wire.VisitRecorded(
        visit_id="1" * 32, revision=1, who=TOKEN, returning=False, party_size=1, arrived_ms=AT, evidence=(),
    )  # fmt: skip
    order = wire.EraseCommand(command_id="3" * 32, box="box-01", issued_ms=AT, who=TOKEN)
    answer = facts.CommandDone(**STAMP, command=order, outcome="erased", records=(visit,), urgent=True)
    smuggling: list[Callable[[], object]] = [
        lambda: gate().on_other_basis(answer),
        lambda: gate().on_other_basis(replace(report(), records=(visit,))),
        lambda: gate().agreed(replace(given(version=1), records=(visit,))),
        lambda: active(*Scope).clear(PERSON, facts.CardKept(
            **STAMP, person=PERSON, kind=CardKind.RESIDENT, name="n", number="1", valid_until="20301231",
            records=(visit,))),
    ]  # fmt: skip
    for act in smuggling:
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == "records_of_another_kind"


def test_p43_a_later_revision_needs_the_scope_of_all_evidence_that_it_tells_again() -> None:
    """P43: after a withdrawal no record of the visit carries what was given under that scope."""
    again = wire.VisitRecorded(
        visit_id="1" * 32, revision=2, who=TOKEN, returning=False, party_size=1, arrived_ms=AT,
        departed_ms=AT, evidence=(sign("face_confirmed", Scope.FACE_MATCH),),
    )  # fmt: skip
    closed = facts.VisitClosed(**STAMP, visit="1" * 32, person=PERSON, departed_ms=AT, records=(again,))
    assert active(Scope.REGISTRATION, Scope.FACE_MATCH).clear(PERSON, closed)
    with pytest.raises(Refused) as refused:
        gate((Scope.REGISTRATION, State.ACTIVE), (Scope.FACE_MATCH, State.WITHDRAWN)).clear(PERSON, closed)
    assert refused.value.code == "no_consent"
