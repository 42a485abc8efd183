"""What ends by itself: P8 with a clock that is moved past each period, P10 where two classes meet."""

from dataclasses import replace

import pytest

from edge.consent.policy import Event, State
from edge.domain.errors import Refused, StoreError
from edge.domain.retention import CALL_NUMBER_MS, DAY_MS, Periods
from edge.store.rows import PlanRow
from edge.wire import Scope
from tests.unit.store.test_apply import full
from tests.unit.store.world import HOUR, T0, Someone, World

NUMBER = "+8613900139000"
PERIODS = Periods(
    scopes={scope: (10 + n) * DAY_MS for n, scope in enumerate(Scope)},
    visits=9 * DAY_MS,
    appointments=2 * DAY_MS,
    calls=8 * DAY_MS,
    verdicts=60 * DAY_MS,
    proofs=50 * DAY_MS,
    audit=40 * DAY_MS,
    tombstones=70 * DAY_MS,
)
LATER = 30 * DAY_MS


def rows(world: World, table: str) -> int:
    return world.store._database.count(f"SELECT count(*) FROM {table}")


def planned(world: World, name: str, at_ms: int, periods: Periods = PERIODS) -> PlanRow:
    return next(row for row in world.store.plan(periods, at_ms) if row.name == name)


def expired(world: World, who: Someone, *scopes: Scope) -> None:
    for scope in scopes:
        world.change(who, scope, Event.EXPIRE, State.EXPIRED)
        world.store.forget_scope(who.person, scope)


# ---- single rows ----------------------------------------------------------------------------


def test_p8_a_callers_number_lasts_72_hours(world: World) -> None:
    call = world.count_call(NUMBER)
    noted = world.now
    assert CALL_NUMBER_MS == 72 * HOUR
    assert world.store.purge_due(PERIODS, noted + 72 * HOUR - 1) == {}
    assert world.store.call_number(world.rights(), call) == NUMBER
    assert world.store.purge_due(PERIODS, noted + 72 * HOUR) == {"call_numbers": 1}
    assert world.store.call_number(world.rights(), call) is None
    assert world.store._keys.names() == set()
    assert rows(world, "calls") == 1


def test_a_number_is_sealed_under_a_key_of_its_own_call(world: World) -> None:
    first, second = world.count_call(NUMBER), world.count_call(NUMBER)
    assert world.count_call(None) not in {s for s, _ in world.store._keys.names()}
    assert world.store._keys.names() == {(first, "inquiry"), (second, "inquiry")}
    sealed = world.store._database.query("SELECT sealed FROM call_numbers")
    assert sealed[0].blob("sealed") != sealed[1].blob("sealed")


def test_p8_a_report_lapses_with_its_protection(world: World) -> None:
    who = Someone("+8613800138000")
    world.report(who, "R1", lapses_ms=T0 + HOUR)
    world.report(who, "R2", lapses_ms=T0 + 2 * HOUR)
    digest = world.judge(who, "R1")
    assert world.store.purge_due(PERIODS, T0 + HOUR) == {"findings": 1, "reports": 1}
    left = world.store.reports_by_token(world.rights(), world.token("channel_risk", who))
    assert [r.report_ref for r in left] == ["R2"]
    finding = world.store.last_verdict("R1")
    assert finding is not None
    assert (finding.inputs_hash, finding.inputs, finding.verdict) == (digest, None, None)


ENDS = [
    ("visits", "visits", PERIODS.visits),
    ("evidence", "evidence", PERIODS.visits),
    ("sources", "sources", PERIODS.visits),
    ("recordings", "recordings", PERIODS.scopes[Scope.RECORDING]),
    ("call_numbers", "call_numbers", CALL_NUMBER_MS),
    ("calls", "calls", PERIODS.calls),
    ("reports", "reports", 30 * DAY_MS),
    ("findings", "verdicts WHERE inputs IS NOT NULL", PERIODS.visits),
]


@pytest.mark.parametrize(("name", "table", "period"), ENDS)
def test_p8_past_its_period_no_row_of_a_class_is_left(
    world: World, name: str, table: str, period: int
) -> None:
    """A minute before, all are there; at the end of the period, none; the plan told both."""
    begun = world.now
    full(world)
    ended, held = world.now, rows(world, table)
    assert held > 0
    assert planned(world, name, begun + period - 1) == PlanRow(name, held, 0, planned(world, name, 0).next_ms)
    world.store.purge_due(PERIODS, begun + period - 1)
    assert rows(world, table) == held
    assert planned(world, name, ended + period).due == held
    world.store.purge_due(PERIODS, ended + period)
    assert rows(world, table) == 0
    assert planned(world, name, ended + period) == PlanRow(name, 0, 0, None)


def test_p8_a_recording_goes_with_its_file(world: World) -> None:
    who = world.register("+8613800138000", Scope.RECORDING)
    world.record_call(who, b"sealed")
    assert len(list(world.store.spool.iterdir())) == 1
    world.store.purge_due(PERIODS, world.now + PERIODS.scopes[Scope.RECORDING])
    assert list(world.store.spool.iterdir()) == []


def test_p8_hash_and_date_of_a_finding_go_after_their_own_period(world: World) -> None:
    who = Someone("+8613800138000")
    world.report(who, "R1", lapses_ms=T0 + HOUR)
    world.judge(who, "R1")
    world.store.purge_due(PERIODS, world.now + PERIODS.verdicts - 1)
    assert world.store.last_verdict("R1") is not None
    world.store.purge_due(PERIODS, world.now + PERIODS.verdicts)
    assert world.store.last_verdict("R1") is None


def test_p8_a_proof_outlives_its_consent_by_its_period(world: World) -> None:
    who = world.register("+8613800138000", Scope.MARKETING)
    expired(world, who, Scope.MARKETING)
    ended = world.now
    world.store.purge_due(PERIODS, ended + PERIODS.proofs - 1)
    assert world.store.consent(who.person, Scope.MARKETING).state == State.EXPIRED
    assert world.store.purge_due(PERIODS, ended + PERIODS.proofs)["proofs"] == 2
    assert world.store.consent(who.person, Scope.MARKETING).state == State.SILENT
    assert world.store.consent(who.person, Scope.REGISTRATION).state == State.ACTIVE


def test_p8_orders_and_the_skeleton_of_an_erasure_go_too(world: World) -> None:
    who = world.register("+8613800138000")
    world.erase(who)
    world.store.purge_due(PERIODS, world.now + PERIODS.proofs + 1)
    assert (rows(world, "consents"), rows(world, "commands")) == (0, 0)
    assert world.store.suppressed(world.token("registration", who))


def test_p8_a_tombstone_goes_when_nothing_could_bring_the_person_back(world: World) -> None:
    """P8, P29: a keyed hash is data too; until its end an import is kept out, and its neighbour stays."""
    first, second = world.register("+8613800138000"), world.register("+8613900139000")
    world.erase(first)
    over = world.now + PERIODS.tombstones
    world.now += DAY_MS
    world.erase(second)
    world.store.purge_due(PERIODS, over - 1)
    assert rows(world, "tombstones") == 2 and planned(world, "tombstones", over).due == 1
    assert world.store.purge_due(PERIODS, over)["tombstones"] == 1
    assert not world.store.suppressed(world.token("registration", first))
    assert world.store.suppressed(world.token("registration", second))


def test_p8_an_entry_of_the_audit_is_emptied_and_the_tree_stays_whole(world: World) -> None:
    for n in range(5):
        world.store.audit("lease_granted", "a" * 32, world.now + n)
    head = world.store.audit_head()
    assert world.store.purge_due(PERIODS, world.now + PERIODS.audit + 2) == {"audit": 3}
    assert [row.code for row in world.store.audit_tail(9)] == [None] * 3 + ["lease_granted"] * 2
    assert {row.subject for row in world.store.audit_tail(9)[:3]} == {None}
    assert (world.store.audit_head(), world.store.audit_broken_at()) == (head, None)
    world.store.audit("later", None, world.now)
    assert world.store.audit_broken_at() is None


# ---- where two classes meet -----------------------------------------------------------------


def test_p10_evidence_goes_with_the_stricter_of_visit_and_scope(world: World) -> None:
    who = world.register("+8613800138000", Scope.ID_CARD)
    visit = world.visit(who)
    world.evidence(who, visit, "id_card", Scope.ID_CARD)
    strict = replace(PERIODS, scopes=PERIODS.scopes | {Scope.ID_CARD: DAY_MS})
    assert world.store.purge_due(strict, world.now + DAY_MS) == {"evidence": 1}
    (left,) = world.store.visits(world.rights(who))
    assert [e.kind for e in left.evidence] == ["registration"]


def test_p10_a_finding_ends_with_the_presence_it_joined(world: World) -> None:
    """The report lives on; what it was joined with has a shorter period."""
    who = full(world)
    world.store.purge_due(PERIODS, world.now + PERIODS.visits)
    finding = world.store.last_verdict("R1")
    assert finding is not None and finding.inputs is None
    assert world.store.reports_by_token(world.rights(), world.token("channel_risk", who))


def test_p10_a_recorded_call_goes_with_its_recording_at_the_latest(world: World) -> None:
    who = world.register("+8613800138000", Scope.RECORDING)
    world.record_call(who, b"sealed")
    world.count_call(None)
    strict = replace(PERIODS, scopes=PERIODS.scopes | {Scope.RECORDING: DAY_MS})
    assert world.store.purge_due(strict, world.now + DAY_MS) == {"recordings": 1, "calls": 1}
    assert rows(world, "calls") == 1


# ---- scopes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "tables"),
    [
        (Scope.FACE_MATCH, ["templates"]),
        (Scope.ID_CARD, ["cards"]),
        (Scope.RECORDING, ["recordings"]),
        (Scope.CHANNEL_RISK, ["sources", "verdicts WHERE inputs IS NOT NULL"]),
        (Scope.REGISTRATION, ["contacts", "visits", "evidence"]),
    ],
)
def test_p8_what_was_kept_under_a_scope_goes_with_its_key(
    world: World, scope: Scope, tables: list[str]
) -> None:
    who = full(world)
    held = sum(rows(world, table) for table in tables)
    assert held >= len(tables)
    with pytest.raises(Refused, match="consent_stands"):
        world.store.forget_scope(who.person, scope)
    assert world.store._keys.key(who.person, scope) is not None
    expired(world, who, scope)
    assert world.store._keys.key(who.person, scope) is None
    assert sum(rows(world, table) for table in tables) == 0
    assert rows(world, f"person_tokens WHERE scope = '{scope}'") == 0
    assert world.store.consent(who.person, scope).state == State.EXPIRED
    assert world.store.forget_scope(who.person, scope) == {}


def test_a_scope_lasts_from_the_last_act_under_it(world: World) -> None:
    who = world.register("+8613800138000", Scope.FACE_MATCH)
    consented = world.now
    world.now += 5 * DAY_MS
    visit = world.visit(who)
    world.evidence(who, visit, "face_confirmed", Scope.FACE_MATCH)
    face, registration = PERIODS.scopes[Scope.FACE_MATCH], PERIODS.scopes[Scope.REGISTRATION]
    lapsing = world.store.lapsing(PERIODS, world.now + face)
    assert {one.scope for one in lapsing} == {Scope.FACE_MATCH, Scope.REGISTRATION}
    assert all(one.until_ms > consented + 5 * DAY_MS + registration - HOUR for one in lapsing)
    assert world.store.lapsing(PERIODS, world.now + registration - HOUR) == ()


def test_no_scope_of_the_kiosk_outlives_the_registration(world: World) -> None:
    """Nobody could find it again, to withdraw it; a caller's recording has a token of its own."""
    who = full(world)
    world.index(who, Scope.RECORDING)
    long = replace(PERIODS, scopes=dict.fromkeys(Scope, 40 * DAY_MS) | {Scope.REGISTRATION: DAY_MS})
    lapsing = {one.scope for one in world.store.lapsing(long, world.now + DAY_MS)}
    assert lapsing == {Scope.REGISTRATION, Scope.CHANNEL_RISK, Scope.FACE_MATCH, Scope.ID_CARD}


def test_p8_a_withdrawn_scope_has_the_same_period(world: World) -> None:
    """Withdrawal leaves what was lawful before, and not for ever."""
    who = world.register("+8613800138000", Scope.FACE_MATCH)
    world.enrol(who, b"v" * 512)
    world.withdraw(who, Scope.FACE_MATCH)
    due = [one for one in world.store.lapsing(PERIODS, world.now + LATER) if one.scope is Scope.FACE_MATCH]
    assert [(one.person, one.active) for one in due] == [(who.person, False)]
    assert world.store.forget_scope(who.person, Scope.FACE_MATCH) == {"keys": 1, "templates": 1}
    left = [one.scope for one in world.store.lapsing(PERIODS, world.now + LATER)]
    assert left == [Scope.REGISTRATION]


# ---- crashes --------------------------------------------------------------------------------


def test_purging_destroys_the_key_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut between key and row: the row can't be read any more, and goes at the next start."""
    world.count_call(NUMBER)

    def crash() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(world.store._database, "transaction", crash)
    with pytest.raises(KeyboardInterrupt):
        world.store.purge_due(PERIODS, world.now + 72 * HOUR)
    assert rows(world, "call_numbers") == 1
    world.reopen()
    assert rows(world, "call_numbers") == 0


def test_a_scope_whose_end_a_crash_cut_is_still_due(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    who = world.register("+8613800138000", Scope.FACE_MATCH)
    world.enrol(who, b"v" * 512)
    world.change(who, Scope.FACE_MATCH, Event.EXPIRE, State.EXPIRED)

    def crash(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world.store._keys, "destroy", crash)
        with pytest.raises(KeyboardInterrupt):
            world.store.forget_scope(who.person, Scope.FACE_MATCH)
    world.reopen()
    due = world.store.lapsing(PERIODS, world.now + PERIODS.scopes[Scope.FACE_MATCH])
    assert (who.person, Scope.FACE_MATCH) in {(one.person, one.scope) for one in due}


def test_nothing_is_purged_on_trial(world: World) -> None:
    call = world.count_call(NUMBER)
    with pytest.raises(StoreError), world.store.transaction():
        world.store.purge_due(PERIODS, world.now + 72 * HOUR)
    with pytest.raises(StoreError), world.store.transaction():
        world.store.forget_scope(Someone(NUMBER).person, Scope.FACE_MATCH)
    assert world.store.call_number(world.rights(), call) == NUMBER


def test_planning_changes_nothing(world: World) -> None:
    full(world)
    before = [rows(world, table) for _, table, _ in ENDS]
    world.store.plan(PERIODS, world.now + 1000 * DAY_MS)
    world.store.lapsing(PERIODS, world.now + 1000 * DAY_MS)
    assert [rows(world, table) for _, table, _ in ENDS] == before
