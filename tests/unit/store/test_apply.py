"""The only way in: all or nothing, on a consent that still is what the gate saw, each row with its basis."""

import secrets

import pytest

from edge.consent.policy import Event, State
from edge.domain import facts
from edge.domain.errors import GatehouseError, InvalidInput, Refused, StoreError
from edge.domain.facts import PersonId
from edge.ports import ConsentRow, ConsentVersion
from edge.store.database import Database, Value
from edge.wire import Basis, BasisKind, Evidence, Purpose, Scope, VisitRecorded
from edge.wire.records import DeviceHealth
from tests.unit.store.world import NOTICE_HASH, Someone, World, new_id

PHONE = "+8613800138000"
BUSINESS = (
    *("consents", "person_tokens", "contacts", "templates", "cards", "visits", "evidence", "sources"),
    *("calls", "call_numbers", "recordings", "reports", "verdicts", "commands", "erasing"),
    *("erasing_tokens", "tombstones", "outbox", "audit"),
)


def everything(world: World) -> dict[str, int]:
    """Rows by table."""
    return {t: world.store._database.count(f"SELECT count(*) FROM {t}") for t in BUSINESS}


def full(world: World, ref: str = "R1") -> Someone:
    """One row at least of every fact."""
    who = world.register(PHONE, Scope.CHANNEL_RISK, Scope.FACE_MATCH, Scope.ID_CARD, Scope.RECORDING)
    visit = world.visit(who)
    world.evidence(who, visit, "id_card", Scope.ID_CARD)
    world.tell(who, visit, "agent")
    world.enrol(who, b"v" * 512)
    world.keep_card(who, "王小明", "11010119900101123X")
    world.record_call(who, b"sealed")
    world.count_call("+8613900139000")
    world.report(who, ref)
    world.books(who, ref)
    world.judge(who, ref)
    world.note()
    world.store.audit("tested", who.person, world.now)
    return who


def test_every_fact_has_its_rows_and_its_records(world: World) -> None:
    who = full(world)
    held = everything(world)
    assert {t for t, n in held.items() if n == 0} == {"commands", "erasing", "erasing_tokens", "tombstones"}
    assert world.store.waiting() == {"call": 2, "consent": 5, "health": 1, "verdict": 1, "visit": 1}
    card = world.store.card(world.permit(Purpose.IDENTITY_CHECK, who))
    assert card is not None and (card.name, card.number) == ("王小明", "11010119900101123X")
    assert world.store.templates(world.permit(Purpose.FACE_CONFIRMATION, who)) == [("sface", b"v" * 512)]


def test_p2_every_row_has_a_basis_and_a_purpose(world: World) -> None:
    world.erase(full(world))
    full(world, "R2")
    for table, count in everything(world).items():
        named = f"SELECT count(*) FROM {table} WHERE length(basis) > 3 AND length(purpose) > 3"
        assert world.store._database.count(named) == count, table


@pytest.mark.parametrize("table", BUSINESS)
def test_p2_no_table_accepts_a_row_without(world: World, table: str) -> None:
    """Copy a row that is there with another basis or purpose: each is refused by the table itself."""
    database = world.store._database
    world.erase(full(world))
    full(world, "R2")
    columns = [r.text("name") for r in database.query(f"PRAGMA table_info({table})")]
    assert {"basis", "purpose"} <= set(columns)
    for spoiled in ("basis", "purpose"):
        for value in ("NULL", "''", "'consent'", "'consent:'", "'anything'", "'consent:anything'"):
            fill = ", ".join(value if c == spoiled else c for c in columns)
            if table in {"erasing", "erasing_tokens"}:
                fill = ", ".join(
                    {spoiled: value, "basis": "'duty'", "purpose": "'rights'", "keys": "1"}.get(
                        c, f"'{'a' * 32}'"
                    )
                    if c != spoiled
                    else value
                    for c in columns
                )
                source = ""
            else:
                source = f"FROM {table} LIMIT 1"
            with pytest.raises(InvalidInput, match=r"(CHECK|NOT NULL) constraint"):
                database.run(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {fill} {source}")


def test_business_row_and_outbox_row_come_together_or_not_at_all(world: World) -> None:
    who = world.register(PHONE)
    before = everything(world)
    good, twice = world.opened(who, "a" * 32), world.opened(who, "a" * 32)
    with pytest.raises(InvalidInput):
        world.store.apply(good, twice)
    assert everything(world) == before
    world.store.apply(good)
    after = everything(world)
    assert (after["visits"], after["outbox"]) == (before["visits"] + 1, before["outbox"] + 1)


def test_a_consent_that_changed_since_the_gate_looked_is_refused(world: World) -> None:
    who = world.register(PHONE, Scope.FACE_MATCH)
    cleared = world.opened(who, new_id())
    template = world.gate.clear(
        who.person,
        facts.TemplateEnrolled(**world.stamp(), person=who.person, model="sface", vector=b"v" * 512),
    )
    world.withdraw(who, Scope.REGISTRATION)
    before = everything(world)
    with pytest.raises(Refused) as refused:
        world.store.apply(template, cleared)
    assert refused.value.code == "consent_changed"
    assert everything(world) == before
    world.store.apply(template)
    world.agree(who, Scope.REGISTRATION)
    with pytest.raises(Refused):
        world.store.apply(cleared)  # agreed anew, but this was cleared under the consent before


@pytest.mark.parametrize("relied", [None, Scope.FACE_MATCH])
def test_p2_the_basis_is_the_consent_that_was_looked_at(world: World, relied: Scope | None) -> None:
    """The store doesn't take the gate's word for it: no consent named, or another one, keeps nothing."""
    who = world.register(PHONE, Scope.FACE_MATCH)
    cleared = world.opened(who, new_id())
    other = ConsentVersion(who.person, relied, 1) if relied else None
    object.__setattr__(cleared, "_relies_on", other)
    with pytest.raises(Refused):
        world.store.apply(cleared)
    assert world.store.open_visits() == ()


def test_an_act_may_rest_on_a_consent_of_the_same_transaction(world: World) -> None:
    who = Someone(PHONE)
    with world.store.transaction():
        world.agree(who, Scope.REGISTRATION)
        world.index(who, Scope.REGISTRATION)
        world.visit(who)
    assert len(world.store.open_visits()) == 1


def test_a_transaction_that_fails_leaves_no_row_and_no_key(world: World) -> None:
    who, before = Someone(PHONE), everything(world)
    with pytest.raises(Refused), world.store.transaction():
        world.agree(who, Scope.REGISTRATION)
        world.index(who, Scope.REGISTRATION)
        world.enrol(who, b"v" * 512)
    assert everything(world) == before
    assert world.store._keys.names() == set()


def test_what_is_refused_inside_a_transaction_undoes_itself_alone(world: World) -> None:
    who = world.register(PHONE)
    with world.store.transaction():
        world.visit(who)
        with pytest.raises(InvalidInput):
            world.close_visit(who, new_id())
        world.note()
    assert len(world.store.open_visits()) == 1
    assert world.store.waiting()["health"] == 1


def test_keys_are_durable_before_the_rows_that_need_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash after the key and before the row leaves a key alone, never a row alone."""
    who = Someone(PHONE)
    seen: list[set[tuple[str, str]]] = []
    insert = type(world.store._database).insert

    def watch(database: Database, table: str, conflict: str = "", **columns: Value) -> int:
        if table == "consents":
            seen.append(world.store._keys.names())
            assert not world.store._keys._database.in_transaction
        return insert(database, table, conflict, **columns)

    monkeypatch.setattr(type(world.store._database), "insert", watch)
    world.agree(who, Scope.REGISTRATION)
    assert seen == [{(who.person, "registration")}]


def test_consents_are_counted_and_never_rewritten(world: World) -> None:
    who = world.register(PHONE)
    database = world.store._database
    assert world.store.consent(who.person, Scope.MARKETING) == ConsentRow(State.SILENT, 0, 0, "")
    world.change(who, Scope.MARKETING, Event.DECLINE, State.DECLINED)
    declined = world.store.consent(who.person, Scope.MARKETING)
    assert (declined.state, declined.version, declined.at_ms) == (State.DECLINED, 1, world.now)
    world.withdraw(who, Scope.REGISTRATION)
    world.agree(who, Scope.REGISTRATION)
    assert world.store.consent(who.person, Scope.REGISTRATION).version == 3
    assert set(world.store.consents(who.person)) == {Scope.REGISTRATION, Scope.MARKETING}
    with pytest.raises(InvalidInput):
        database.run("UPDATE consents SET state = 'ACTIVE'")
    with pytest.raises(InvalidInput, match="CHECK"):  # ACTIVE without a proof
        database.insert(
            "consents",
            person=who.person,
            scope="location",
            version=1,
            state="ACTIVE",
            at_ms=1,
            quality="unknown",
            notice_version="n1",
            basis="duty",
            purpose="rights",
        )


@pytest.mark.parametrize("version", [0, 2, 5])
def test_a_consent_out_of_turn_is_refused(world: World, version: int) -> None:
    who = Someone(PHONE)
    cleared = world.gate.agreed(world.given(who, Scope.REGISTRATION))
    object.__setattr__(cleared.fact, "version", version)
    with pytest.raises(Refused, match="consent_changed"):
        world.store.apply(cleared)


@pytest.mark.parametrize("state", [State.ACTIVE, State.TOMBSTONE, State.ERASING, "anything"])
def test_a_change_never_activates(world: World, state: str) -> None:
    who = world.register(PHONE)
    fact = facts.ConsentChanged(
        **world.stamp(), person=who.person, scope=Scope.REGISTRATION, version=2, state=State.WITHDRAWN
    )
    cleared = world.gate.changed(fact, Event.WITHDRAW)
    object.__setattr__(cleared.fact, "state", state)
    with pytest.raises((Refused, ValueError)):
        world.store.apply(cleared)
    assert world.store.consent(who.person, Scope.REGISTRATION).version == 1


def test_a_token_belongs_to_one_person(world: World) -> None:
    world.register(PHONE)
    other = Someone(PHONE)
    world.agree(other, Scope.REGISTRATION)
    with pytest.raises(InvalidInput, match="another_person"):
        world.index(other, Scope.REGISTRATION)


def test_visits_are_changed_only_while_open_and_by_their_person(world: World) -> None:
    who, other = world.register(PHONE, Scope.ID_CARD), world.register("+8613900139000", Scope.ID_CARD)
    visit = world.visit(who)
    world.evidence(who, visit, "id_card", Scope.ID_CARD)
    with pytest.raises(InvalidInput):
        world.evidence(other, visit, "id_card", Scope.ID_CARD)
    with pytest.raises(InvalidInput):
        world.close_visit(other, visit)
    with pytest.raises(InvalidInput):
        world.evidence(who, new_id(), "id_card", Scope.ID_CARD)
    world.close_visit(who, visit)
    row = world.store.visit(visit)
    assert row is not None
    assert (row.revision, row.departed_ms, len(row.evidence)) == (3, world.now, 2)
    with pytest.raises(InvalidInput):
        world.close_visit(who, visit)
    with pytest.raises(InvalidInput):
        world.evidence(who, visit, "id_card", Scope.ID_CARD)
    assert world.store.visit(visit) == row
    assert world.store.open_visits() == ()


def test_evidence_rests_on_its_own_scope(world: World) -> None:
    """A visit opens on registration; a card's evidence in it stands under `id_card` and needs that too."""
    who = world.register(PHONE, Scope.ID_CARD)
    fact = facts.VisitOpened(
        **world.stamp(),
        visit=new_id(),
        person=who.person,
        party_size=1,
        returning=False,
        evidence=tuple(
            Evidence.model_validate(
                {"kind": kind, "at_ms": world.now, "basis": Basis(kind=BasisKind.CONSENT, scope=scope)}
            )
            for kind, scope in (("registration", Scope.REGISTRATION), ("id_card", Scope.ID_CARD))
        ),
    )
    cleared = world.gate.clear(who.person, fact)
    world.withdraw(who, Scope.ID_CARD)
    with pytest.raises(Refused, match="consent_changed"):
        world.store.apply(cleared)
    assert world.store.open_visits() == ()
    world.agree(who, Scope.ID_CARD)
    world.store.apply(cleared)
    assert world.store.open_visits()[0].evidence == fact.evidence


def test_a_recorded_calls_number_is_not_kept_a_second_time(world: World) -> None:
    who = world.register(PHONE, Scope.RECORDING)
    call = new_id()
    noted = facts.CallNoted(
        **world.stamp(), call=call, line="main", duration_ms=1, answered=True, recorded=True, number=PHONE
    )
    with pytest.raises(Refused, match="no_basis"):
        world.store.apply(world.gate.recorded_call(who.person, noted))
    assert world.store.call_number(world.rights(), call) is None


def test_p27_no_recorded_call_without_the_scope(world: World) -> None:
    """Neither the gate nor, should it ever err, the table."""
    noted = facts.CallNoted(
        **world.stamp(), call=new_id(), line="main", duration_ms=1, answered=True, recorded=False
    )
    cleared = world.gate.inquiry(noted)
    object.__setattr__(noted, "recorded", True)
    with pytest.raises(Refused):
        world.gate.inquiry(noted)
    with pytest.raises(InvalidInput, match="CHECK"):
        world.store.apply(cleared)


def test_a_recording_may_be_kept_at_its_start_and_again_at_its_end(world: World) -> None:
    who = world.register(PHONE, Scope.RECORDING)
    call, spool, key = new_id(), new_id(), secrets.token_bytes(32)
    for duration in (0, 5000):
        kept = facts.RecordingKept(
            **world.stamp(), call=call, person=who.person, spool=spool, duration_ms=duration, key=key
        )
        world.store.apply(world.gate.clear(who.person, kept))
    recording = world.store.recording(world.permit(Purpose.CALL_HANDLING, who), call)
    assert recording is not None
    assert (recording.duration_ms, recording.key, recording.path) == (5000, key, world.store.spool / spool)
    other = facts.RecordingKept(
        **world.stamp(), call=call, person=who.person, spool=new_id(), duration_ms=1, key=key
    )
    with pytest.raises(InvalidInput):
        world.store.apply(world.gate.clear(who.person, other))


def test_of_reports_with_one_name_the_last_changed_counts_whichever_order_they_come_in(world: World) -> None:
    who, other = world.register(PHONE), world.register("+8613900139000")
    world.report(who, "R1", changed_ms=2)
    world.report(who, "R1", changed_ms=2)
    world.report(other, "R1", changed_ms=1)
    assert len(world.store.reports_by_token(world.rights(), world.token("channel_risk", who))) == 1
    world.report(other, "R1", changed_ms=3)
    assert not world.store.reports_by_token(world.rights(), world.token("channel_risk", who))
    assert len(world.store.reports_by_token(world.rights(), world.token("channel_risk", other))) == 1


def test_findings_are_added_never_rewritten(world: World) -> None:
    who = world.register(PHONE)
    first, second = world.judge(who, "R1", 1), world.judge(who, "R1", 2)
    with pytest.raises(InvalidInput):
        world.judge(who, "R1", 2)
    assert [(v.version, v.inputs_hash) for v in world.store.verdicts("R1")] == [(1, first), (2, second)]
    last = world.store.last_verdict("R1")
    assert last is not None and (last.version, last.verdict, last.reasons) == (2, "RISK", ("late_report",))
    assert world.store.last_verdict("R2") is None


def test_a_command_is_done_once(world: World) -> None:
    who, command = world.register(PHONE), new_id()
    assert not world.store.command_seen(command)
    world.erase(who, command_id=command)
    assert world.store.command_seen(command)
    with pytest.raises(InvalidInput):
        world.erase(who, command_id=command)
    world.reopen()
    assert world.store.command_seen(command)


def test_a_record_too_large_for_a_batch_is_refused(world: World) -> None:
    who, visit = world.register(PHONE), new_id()
    cleared = world.opened(who, visit)
    record = cleared.fact.records[0]
    assert isinstance(record, VisitRecorded)
    large = record.model_copy(update={"evidence": record.evidence * 2000})
    object.__setattr__(cleared.fact, "records", (large,))
    with pytest.raises(InvalidInput, match="record_too_large"):
        world.store.apply(cleared)
    assert world.store.visit(visit) is None


def test_a_kind_of_fact_without_a_table_is_refused(world: World) -> None:
    health = DeviceHealth(device="camera", state="up", code="started", since_ms=1)
    cleared = world.gate.impersonal(facts.Noted(**world.stamp(), records=(health,)))
    object.__setattr__(cleared, "_fact", facts.Fact(**world.stamp()))
    with pytest.raises(StoreError, match="no table"):
        world.store.apply(cleared)


def test_a_fact_about_nobody_known_needs_a_consent(world: World) -> None:
    with pytest.raises(GatehouseError):
        world.visit(Someone(PHONE, PersonId(new_id())))
    assert NOTICE_HASH and world.store.depth() == 0
