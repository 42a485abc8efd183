"""Headquarters' periods, on a moved clock: each class ends in time, and its neighbour stays (P8)."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Insert, Table, Update, func, insert, select, update

from cloud.config import Retention
from cloud.errors import StoreUnavailable
from cloud.fleet.boxes import enrol
from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.reports.lawful import standing_scopes
from cloud.reports.visits import visits_between
from cloud.retention import keeper
from cloud.rights import links
from cloud.rights.orders import Ground, order_erasure
from cloud.store import schema
from cloud.store.database import Database
from edge.wire import Record, TimeQuality
from tests.unit.cloud import records
from tests.unit.cloud.signer import NOON, OTHER, WHO, Signer, entry, hexid
from tests.unit.cloud.web import configured

DAY = 86_400_000
KEEP = Retention()
LATE = 200 * DAY
"""How much younger the neighbour is."""


class Hq:
    """A database, its box and a clock; `send` numbers what it sends."""

    def __init__(self, database: Database, signer: Signer) -> None:
        self.database, self.signer, self.now, self.next = database, signer, NOON + 1000, 1
        self.intake = Intake(database, SigningKey(bytes(32)), lambda: self.now, {"demo": KEEP})
        database.write(lambda c: enrol(c, signer.topics, signer.public.hex(), now_ms=NOON))

    def send(self, *sent: Record, wall_ms: int | None = None, **changes: Any) -> bytes:
        """Deliver as made now, unless another time is given; return the batch, to send it again."""
        made = self.now if wall_ms is None else wall_ms
        raw = [entry(self.next + n, record, made, **changes) for n, record in enumerate(sent)]
        self.next += len(sent)
        batch = self.signer.batch(raw)
        assert self.intake.accept(self.signer.topics.batch, batch) is not None
        return batch

    def again(self, batch: bytes) -> None:
        assert self.intake.accept(self.signer.topics.batch, batch) is not None

    def due(self) -> dict[str, int]:
        with self.database.read() as connection:
            return {one.name: one.due for one in keeper.plan(connection, "demo", KEEP, self.now) if one.due}

    def apply(self, keep: Retention = KEEP) -> dict[str, int]:
        return keeper.keep_house(self.database, "demo", keep, self.now)

    def execute(self, statement: Insert | Update) -> None:
        self.database.write(lambda c: c.execute(statement))

    def count(self, table: Table) -> int:
        with self.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def codes(self) -> list[str]:
        with self.database.read() as connection:
            ledger = select(schema.entries.c.code).order_by(schema.entries.c.sequence)
            return list(connection.execute(ledger).scalars())


@pytest.fixture
def hq(database: Database, signer: Signer) -> Hq:
    return Hq(database, signer)


Made = Callable[[int, int], Record]
"""A record by its number and time."""

FACTS: Mapping[str, tuple[Made, str, Table]] = {
    "visits": (lambda n, t: records.visit(visit_id=hexid(n), arrived_ms=t), "visits_days", schema.visits),
    "calls": (lambda n, t: records.call(call_id=hexid(n), started_ms=t), "calls_days", schema.calls),
    "receipts": (
        lambda n, t: records.erasure(command_id=hexid(n), at_ms=t, who="visit:" + hexid(n) * 2),
        "proofs_days",
        schema.erasures,
    ),
    "answers": (lambda n, t: records.answer(command_id=hexid(n), at_ms=t), "proofs_days", schema.answers),
    "counts": (lambda _n, t: records.footfall(from_ms=t - 900_000, to_ms=t), "counts_days", schema.footfall),
    "states": (lambda _n, t: records.health(since_ms=t), "operation_days", schema.health),
    "blind_time": (lambda _n, t: records.blind(from_ms=t - 5, to_ms=t), "operation_days", schema.blind),
    "packages": (lambda n, t: records.package(link_id=hexid(n), at_ms=t), "packages_days", schema.packages),
    "audit_heads": (lambda n, t: records.audit_head(size=n, at_ms=t), "proofs_days", schema.audit_heads),
    "reattributed": (
        lambda n, t: records.reattributed(visit_id=hexid(n), since_ms=t - 5, until_ms=t),
        "visits_days",
        schema.reattributed,
    ),
    "retokened": (
        lambda n, _t: records.retokened(old="visit:" + hexid(n) * 2, new="visit:" + hexid(n + 90) * 2),
        "proofs_days",
        schema.retokened,
    ),
}


@pytest.mark.parametrize("name", FACTS)
def test_p8_a_class_goes_with_its_period_and_the_neighbour_stays(hq: Hq, name: str) -> None:
    """P8: a day before nothing, then the older row and not the younger; the plan says the same before."""
    made, days, table = FACTS[name]
    first = hq.now
    hq.send(made(1, first))
    hq.now += LATE
    hq.send(made(2, hq.now))
    hq.now = first + KEEP.of(days) * DAY - 1
    hq.apply()
    assert hq.count(table) == 2
    hq.now += 1
    assert hq.due()[name] == 1
    assert hq.apply()[name] == 1
    assert hq.count(table) == 1 and name not in hq.due()
    assert hq.codes()[0] == "lapsed" and hq.codes()[1] == "ok"


OWN: Mapping[str, tuple[Table, dict[str, Any], str, int]] = {
    "suppression": (schema.suppression, {"box": "", "who": WHO}, "erased_ms", KEEP.proofs_days * DAY),
    "quarantine": (
        schema.quarantine,
        {"box": "box-1", "reason": "conflict", "sha256": "1" * 64, "size": 9, "first_ms": NOON, "times": 1},
        "last_ms",
        KEEP.quarantine_days * DAY,
    ),
    "access_log": (
        schema.access_log,
        {"username": "admin", "action": "visits", "subject": "-", "times": 1},
        "minute_ms",
        KEEP.access_days * DAY,
    ),
    "imports": (
        schema.imports,
        {
            "import_id": hexid(1),
            "project": "riverside",
            "kind": "report",
            "source": "crm",
            "source_name": "crm-1",
            "rows": 3,
        },
        "created_ms",
        KEEP.imports_days * DAY,
    ),
    "channels": (
        schema.channels,
        {
            "project": "riverside",
            "code": "c-1",
            "name": "宏远",
            "agents": [],
            "withdrawn": True,
            "changed_by": "boss",
        },
        "changed_ms",
        KEEP.imports_days * DAY,
    ),
    "api_answers": (
        schema.answered_posts,
        {
            "key_name": "crm-1",
            "idempotency_hash": "1" * 64,
            "request_hash": "1" * 64,
            "status": 201,
            "answer": {},
        },
        "answered_ms",
        KEEP.api_answers_days * DAY,
    ),
    "wrong_passwords": (schema.throttle, {"subject_hash": "1" * 64, "failures": 1}, "last_ms", DAY),
}


@pytest.mark.parametrize("name", OWN)
def test_p8_what_headquarters_writes_itself_has_a_period_too(hq: Hq, name: str) -> None:
    """P8: openings, refusals, tokens that are kept out, wrong passwords."""
    table, row, column, lasts = OWN[name]
    key = next(c.name for c in table.primary_key.columns if c.name not in ("tenant", "box", "reason"))
    for n, at_ms in enumerate((NOON, NOON + DAY)):
        values = {"tenant": "demo", **row, column: at_ms}
        if key != column:
            values[key] = f"{row[key][:-1]}{n}" if isinstance(row.get(key), str) else row[key]
        hq.execute(insert(table).values(**values))
    hq.now = NOON + lasts - 1
    hq.apply()
    assert hq.count(table) == 2
    hq.now += 1
    assert hq.apply()[name] == 1 and hq.count(table) == 1


def test_p8_a_finding_loses_who_it_is_about_before_it_goes(hq: Hq) -> None:
    """P8: first report, token and reasons; finding, hash and date later."""
    hq.send(records.verdict(decided_ms=hq.now))
    hq.now = NOON + 1000 + KEEP.findings_days * DAY
    assert hq.apply()["findings"] == 1
    with hq.database.read() as connection:
        row = connection.execute(select(schema.verdicts)).mappings().one()
    assert (row["who"], row["report_ref"], row["verdict"]) == (None, None, "RISK")
    hq.now = NOON + 1000 + KEEP.verdicts_days * DAY
    assert hq.apply()["verdicts"] == 1 and hq.count(schema.verdicts) == 0


def test_p8_a_recorded_call_goes_with_its_recording(hq: Hq) -> None:
    """P8, P10: of two periods the shorter."""
    recorded = records.call(call_id=hexid(7), started_ms=hq.now, recorded=True, who=WHO)
    hq.send(recorded, records.call(started_ms=hq.now))
    hq.now += KEEP.recorded_calls_days * DAY
    assert hq.apply()["calls"] == 1 and hq.count(schema.calls) == 1


def test_p8_proofs_outlive_what_they_are_about_and_a_standing_consent_stays(hq: Hq) -> None:
    """P8: a consent that nobody ended has no end; one that ended goes with its withdrawal, after the data."""
    hq.send(records.consent(at_ms=hq.now), records.consent(who=OTHER, at_ms=hq.now))
    ended = hq.now + 10 * DAY
    hq.now = ended
    hq.send(records.withdrawal(at_ms=ended))
    hq.now = ended + 4 * 365 * DAY
    hq.send(records.visit(visit_id=hexid(3), arrived_ms=hq.now))
    hq.now = ended + KEEP.proofs_days * DAY
    hq.apply()
    assert (hq.count(schema.consents), hq.count(schema.withdrawals)) == (2, 1), "a visit rests on it"
    with hq.database.read() as connection:
        assert visits_between(connection, "demo", 0, hq.now) == (), "the withdrawal still counts"
    hq.now = ended + (4 * 365 + KEEP.visits_days) * DAY
    gone = hq.apply()
    assert (gone["visits"], gone["consents"], gone["withdrawals"]) == (1, 1, 1)
    with hq.database.read() as connection:
        assert standing_scopes(connection, "demo", OTHER) == ("registration",)


def test_a_batch_that_comes_again_revives_nothing(hq: Hq) -> None:
    """The ledger outlives what it counted; of its fingerprint nothing is left either, in the end."""
    batch = hq.send(records.visit(arrived_ms=hq.now), records.call(started_ms=hq.now))
    hq.now += KEEP.visits_days * DAY
    hq.apply()
    hq.again(batch)
    assert (hq.count(schema.visits), hq.codes()) == (0, ["lapsed", "lapsed"])
    hq.now += KEEP.ledger_days * DAY
    hq.apply()
    with hq.database.read() as connection:
        assert set(connection.execute(select(schema.entries.c.sha256)).scalars()) == {""}
    hq.again(batch)
    hq.again(hq.signer.batch([entry(1, records.visit(party_size=9), hq.now)]))
    assert hq.count(schema.visits) == hq.count(schema.quarantine) == 0
    with hq.database.read() as connection:
        assert connection.execute(select(schema.epochs.c.received)).scalar_one() == 2, "nothing is missing"


def test_p8_what_is_over_at_its_arrival_is_not_kept(hq: Hq) -> None:
    """P8: a box that was away for years brings nothing back; one without a clock can't be judged by it."""
    hq.now += KEEP.visits_days * DAY
    hq.send(records.visit(visit_id=hexid(1)), records.consent(), wall_ms=NOON)
    assert (hq.count(schema.visits), hq.count(schema.consents)) == (0, 1)
    unknown = TimeQuality.UNKNOWN.value
    hq.send(records.visit(visit_id=hexid(2), arrived_ms=5), wall_ms=5, time_quality=unknown)
    assert hq.count(schema.visits) == 1
    hq.now += KEEP.visits_days * DAY - 1
    assert hq.due().get("visits") is None, "its period began at the receipt"
    hq.now += 1
    assert hq.due()["visits"] == 1


def test_a_time_in_the_future_keeps_nothing_for_longer(hq: Hq) -> None:
    hq.send(records.visit(arrived_ms=NOON + 9999 * DAY))
    hq.now += KEEP.visits_days * DAY
    assert hq.apply()["visits"] == 1


def test_no_earlier_revision_takes_the_place_of_the_last(hq: Hq) -> None:
    arrived = hq.now
    hq.send(records.visit(arrived_ms=arrived))
    hq.now += 9 * DAY
    hq.send(records.visit(revision=2, arrived_ms=arrived - DAY, departed_ms=arrived - DAY + 5))
    hq.now = arrived + (KEEP.visits_days - 1) * DAY + 6
    assert "visits" not in hq.due()
    hq.now = arrived + KEEP.visits_days * DAY
    assert hq.apply()["visits"] == 2


def test_a_devices_newest_state_stays_however_old(hq: Hq) -> None:
    hq.send(records.health(state="up", since_ms=hq.now), records.health(device="desk", since_ms=hq.now))
    hq.now += 10 * KEEP.operation_days * DAY
    assert "states" not in hq.apply() and hq.count(schema.health) == 2


def test_a_site_may_keep_its_visits_for_another_time(hq: Hq) -> None:
    hq.send(records.visit(arrived_ms=hq.now))
    hq.now += 30 * DAY
    other = Retention.model_validate({"sites": {"riverside": {"visits_days": 30}}})
    own = Retention.model_validate({"sites": {"harbour": {"visits_days": 30}}})
    assert "visits" not in hq.apply(other)
    assert hq.apply(own)["visits"] == 1


def test_another_tenants_rows_are_not_ours_to_delete(hq: Hq) -> None:
    hq.send(records.visit(arrived_ms=hq.now))
    hq.now += 9999 * DAY
    assert keeper.keep_house(hq.database, "other", KEEP, hq.now) == {}


def test_p8_orders_and_requests_go_after_their_answer_and_not_before(hq: Hq) -> None:
    """P8: what still waits for a box has no end; what was answered has."""
    hq.send(records.visit(arrived_ms=hq.now), records.package())
    hq.database.write(
        lambda c: order_erasure(c, "demo", WHO, ground=Ground.VISITOR_REQUEST, by="cli", now_ms=NOON)
    )
    hq.database.write(lambda c: links.lodge(c, "demo", hexid(5), bytes(9), NOON))
    with hq.database.read() as connection:
        found = keeper.plan(connection, "demo", KEEP, NOON + 9999 * DAY)
    assert not {one.name for one in found if one.due} & {"orders", "requests"}
    for name, table, days in (
        ("requests", schema.requests, KEEP.requests_days),
        ("orders", schema.commands, KEEP.proofs_days),
    ):
        hq.execute(update(table).values(state="answered", answered_ms=NOON))
        hq.now = NOON + days * DAY - 1
        assert hq.count(table) == 1 and name not in hq.apply()
        hq.now += 1
        assert hq.apply()[name] == 1 and hq.count(table) == 0


def test_p43_an_expired_consent_ends_use_as_a_withdrawal_does(hq: Hq) -> None:
    """P43: told twice it is the same; what was made after and comes late isn't shown; before, it stays."""
    hq.send(records.consent(at_ms=NOON), records.visit(visit_id=hexid(1)), wall_ms=NOON)
    over = records.withdrawal(at_ms=NOON + 50, by="period")
    hq.again(hq.send(over, wall_ms=NOON + 50))
    hq.send(records.visit(visit_id=hexid(2)), wall_ms=NOON + 60)
    with hq.database.read() as connection:
        shown = [visit.visit_id for visit in visits_between(connection, "demo", 0, hq.now)]
        assert shown == [hexid(1)] and standing_scopes(connection, "demo", WHO) == ()
    hq.now += 100
    hq.send(records.consent(consent_version=3, at_ms=hq.now))
    hq.send(records.visit(visit_id=hexid(3), arrived_ms=hq.now))
    with hq.database.read() as connection:
        assert standing_scopes(connection, "demo", WHO) == ("registration",)
        assert len(visits_between(connection, "demo", 0, hq.now + 1)) == 2


def test_the_service_keeps_house_at_its_start_and_ends_when_told(hq: Hq, tmp_path: Path) -> None:
    hq.send(records.visit(arrived_ms=hq.now))
    hq.now += KEEP.visits_days * DAY
    stop = threading.Event()
    part = threading.Thread(
        target=keeper.keeper(configured(tmp_path / "hq"), hq.database, lambda: hq.now), args=(stop,)
    )
    part.start()
    try:
        deadline = time.monotonic() + 20
        while hq.count(schema.visits) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        stop.set()
        part.join(20)
    assert hq.count(schema.visits) == 0 and not part.is_alive()


@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_however_few_rows_go_at_once_the_same_rows_go(
    hq: Hq, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Old and young rows of each class take turns; no transaction takes more than it may."""
    monkeypatch.setattr(keeper, "AT_ONCE", at_once)
    monkeypatch.setattr(keeper, "REST_S", 0.0)
    first = hq.now
    for n in range(1, 8):
        hq.now = first + n + (9999 * DAY if n % 3 == 0 else 0)
        hq.send(*(made(100 * n + m, hq.now) for m, (made, _, _) in enumerate(FACTS.values())))
    hq.now = first + 9998 * DAY
    left, most = hq.count(schema.visits), 0
    write = hq.database.write

    def counted(work: Callable[[Connection], Any]) -> Any:
        nonlocal left, most
        result = write(work)
        most, left = max(most, left - hq.count(schema.visits)), hq.count(schema.visits)
        return result

    monkeypatch.setattr(hq.database, "write", counted)
    assert hq.apply() == dict.fromkeys(FACTS, 5) | {"suppression": 5, "ledger": 5 * len(FACTS)}
    assert most == min(at_once, 5)
    assert hq.due() == {} and hq.codes().count("lapsed") == 5 * len(FACTS)


def test_what_breaks_off_is_gone_on_with_and_never_shows_what_had_ended(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P43: after each of its transactions whoever withdrew is still who withdrew."""
    monkeypatch.setattr(keeper, "AT_ONCE", 2)
    for n in range(1, 6):
        hq.send(records.consent(consent_version=n, at_ms=hq.now))
        hq.send(records.withdrawal(at_ms=hq.now + 1))
        hq.now += DAY
    hq.send(*(records.visit(visit_id=hexid(n), arrived_ms=hq.now) for n in range(1, 6)))
    hq.now += 9999 * DAY
    write, rounds = hq.database.write, 0

    def shown() -> int:
        with hq.database.read() as connection:
            visits = visits_between(connection, "demo", 0, hq.now)
            return len(visits) + len(standing_scopes(connection, "demo", WHO))

    def once(work: Callable[[Connection], Any]) -> Any:
        if write(work):
            raise StoreUnavailable("write to the database", "away")
        return []

    monkeypatch.setattr(hq.database, "write", once)
    while hq.due():
        with pytest.raises(StoreUnavailable):
            hq.apply()
        rounds += 1
        assert shown() == 0
    assert rounds == 3 * 3 + 8, "two rows each: of three classes and the ledger"
    assert hq.count(schema.visits) == hq.count(schema.consents) == hq.count(schema.withdrawals) == 0
    assert set(hq.codes()) == {"lapsed"}


def test_who_is_told_to_stop_takes_no_further_row(hq: Hq, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service ends in time, however much is due, and begins no class of which another isn't done."""
    monkeypatch.setattr(keeper, "AT_ONCE", 2)
    for n in range(1, 6):
        hq.send(records.consent(consent_version=n, at_ms=hq.now))
    hq.send(records.withdrawal(at_ms=hq.now + 1))
    hq.now += 9999 * DAY
    stop, write = threading.Event(), hq.database.write

    def first(work: Callable[[Connection], Any]) -> Any:
        if result := write(work):
            stop.set()
        return result

    monkeypatch.setattr(hq.database, "write", first)
    assert keeper.keep_house(hq.database, "demo", KEEP, hq.now, stop) == {"consents": 2}
    monkeypatch.undo()
    assert hq.apply() == {"consents": 3, "withdrawals": 1, "ledger": 6}


def test_every_table_has_a_period_or_a_reason_to_have_none() -> None:
    """P8: who adds a table decides how long it is kept."""
    from cloud.retention.lapses import LAPSES

    about_no_person_or_the_service_itself = {
        "boxes", "box_keys", "epochs", "audit_logs", "notices", "users", "column_mappings"
    }  # fmt: skip
    kept = {lapse.table.name for lapse in LAPSES} | about_no_person_or_the_service_itself
    assert kept == set(schema.METADATA.tables)
