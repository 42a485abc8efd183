"""Batches in any order and any number of times leave the same tables; no bytes stop the intake."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from cloud.fleet.boxes import enrol
from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.store import schema
from cloud.store.database import Database, open_database
from edge.wire import Record, Voided
from tests.unit.cloud import records
from tests.unit.cloud.signer import NOON, OTHER, WHO, Signer, entry, hexid

SIGNER = Signer()
NEW = {WHO: "visit:" + "ac" * 32, OTHER: "visit:" + "ad" * 32}
"""Whose token takes the place of whose when the keys are exchanged."""
PEOPLE = st.sampled_from((*NEW, *NEW.values()))
WHEN = st.integers(NOON - 5, NOON + 5)
WRITTEN = (*schema.FACTS.values(), schema.entries, schema.suppression, schema.epochs)
ARRIVAL = {"received_ms", "first_seen_ms"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('hq') / 'hq.db'}")
    database.write(lambda c: enrol(c, SIGNER.topics, SIGNER.public.hex(), now_ms=NOON))
    yield database
    database.close()


def emptied(database: Database) -> Intake:
    def work(connection: Any) -> None:
        for table in (
            *schema.FACTS.values(),
            schema.entries,
            schema.suppression,
            schema.quarantine,
            schema.epochs,
        ):
            connection.execute(delete(table))

    database.write(work)
    return Intake(database, SigningKey(bytes(32)), lambda: NOON)


def content(database: Database) -> dict[str, Any]:
    """Return every written table, without the times of arrival."""
    with database.read() as connection:
        return {
            table.name: sorted(
                json.dumps({k: v for k, v in row.items() if k not in ARRIVAL}, sort_keys=True)
                for row in connection.execute(select(table)).mappings()
            )
            for table in WRITTEN
        }


@st.composite
def batches(draw: st.DrawFn) -> list[bytes]:
    """One epoch's batches: records of two people, their withdrawals and erasures, some later voided."""
    entries: list[dict[str, Any]] = []
    for sequence in range(1, draw(st.integers(2, 12))):
        who, old, at = draw(PEOPLE), draw(st.sampled_from(sorted(NEW))), draw(WHEN)
        choices: tuple[Record, ...] = (
            records.visit(who=who, visit_id=hexid(draw(st.integers(1, 3))), revision=sequence),
            records.consent(who=who, at_ms=at),
            records.withdrawal(who=who, at_ms=at),
            records.verdict(who=who, version=sequence),
            records.call(call_id=hexid(sequence)),
            records.health(since_ms=at),
            records.erasure(who=who, at_ms=at, command_id=hexid(sequence)),
            records.retokened(old=old, new=NEW[old]),
        )
        record = draw(st.sampled_from(choices))
        entries.append(entry(sequence, record, wall_ms=at))
        if record.kind not in ("erasure_receipt", "retokened") and draw(st.integers(0, 4)) == 0:
            entries.append(entry(sequence, Voided(), wall_ms=at))
    groups: dict[int, list[dict[str, Any]]] = {}
    for one in entries:
        groups.setdefault(draw(st.integers(0, 4)), []).append(one)
    return [SIGNER.batch(group) for group in groups.values()]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_order_and_repetition_of_batches_make_no_difference(store: Database, data: st.DataObject) -> None:
    sent = data.draw(batches())
    intake = emptied(store)
    for payload in sent:
        intake.accept(SIGNER.topics.batch, payload)
    once = content(store)
    repeated = data.draw(st.lists(st.sampled_from(sent), max_size=6))
    shuffled = data.draw(st.permutations(sent + repeated))
    intake = emptied(store)
    for payload in shuffled:
        intake.accept(SIGNER.topics.batch, payload)
    assert content(store) == once


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.binary(max_size=300))
def test_no_bytes_stop_the_intake(store: Database, payload: bytes) -> None:
    assert emptied(store).accept(SIGNER.topics.batch, payload) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_signed_body_stops_the_intake(store: Database, data: st.DataObject) -> None:
    """A box that was taken over signs what it likes."""
    body: Any = SIGNER.body([entry(1, records.visit()), entry(2, records.erasure())])
    place: Any = data.draw(st.sampled_from((body, body["entries"][0], body["entries"][0]["record"])))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    try:
        payload = SIGNER.sign(body)
    except (ValueError, TypeError):
        payload = json.dumps({"body": body, "key_id": "0" * 16, "signature": "0" * 128}).encode()
    emptied(store).accept(SIGNER.topics.batch, payload)


@given(topic=st.text(max_size=80))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_topic_stops_the_intake(store: Database, topic: str) -> None:
    emptied(store).accept(topic, SIGNER.batch([entry(1, records.visit())]))


def test_a_lost_database_is_an_error_and_not_a_receipt(tmp_path: Path) -> None:
    from cloud.errors import StoreUnavailable

    file = tmp_path / "hq.db"
    database = open_database(f"sqlite:///{file}")
    database.write(lambda c: enrol(c, SIGNER.topics, SIGNER.public.hex(), now_ms=NOON))
    database.close()
    for left in tmp_path.iterdir():
        left.unlink()
    file.mkdir()
    with pytest.raises(StoreUnavailable):
        Intake(database, SigningKey(bytes(32))).accept(
            SIGNER.topics.batch, SIGNER.batch([entry(1, records.visit())])
        )
