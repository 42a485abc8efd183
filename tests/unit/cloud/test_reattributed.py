"""A visit that a box told under a wrong number: gone there, whatever arrives in which order; no more."""

import itertools
from typing import Any

import pytest
from sqlalchemy import select

from cloud.store import schema
from cloud.store.database import Database
from edge.wire import Record, Scope
from tests.unit.cloud import records
from tests.unit.cloud.signer import NOON, OTHER, WHO, hexid
from tests.unit.cloud.test_erasure_scope import Site, _site

NEW = "visit:" + "ac" * 32
HERE: dict[str, Any] = {"visit_id": hexid(1), "scopes": (Scope.REGISTRATION,)}


@pytest.fixture
def site(database: Database) -> Site:
    return _site(database)


def rows(site: Site, table: Any, *columns: str) -> list[tuple[Any, ...]]:
    with site.database.read() as connection:
        found = connection.execute(select(*(table.c[name] for name in columns))).all()
    return sorted(tuple(row) for row in found)


def test_in_any_order_only_the_right_person_has_the_visit(database: Database) -> None:
    site = _site(database)
    sent: list[Record] = [
        records.visit(),
        records.consent(),
        records.reattributed(**HERE),
        records.visit(revision=2, who=OTHER),
    ]
    for number, order in enumerate(itertools.permutations(sent)):
        for signer in site.boxes.values():
            signer.epoch = hexid(2000 + number)
        for record in order:
            site.say("box-1", record)
        assert set(rows(site, schema.visits, "who", "revision")) == {(OTHER, 2)}
        assert rows(site, schema.consents, "who") == []


def test_nothing_else_of_the_numbers_owner_goes(site: Site) -> None:
    kept: list[Record] = [
        records.visit(visit_id=hexid(9)),
        records.consent(at_ms=NOON - 86_400_000),
        records.consent(scope=Scope.CHANNEL_RISK),
        records.verdict(),
        records.withdrawal(scope=Scope.FACE_MATCH),
    ]
    for record in (*kept, records.visit(), records.consent(consent_version=2)):
        site.say("box-1", record)
    site.say("box-2", records.visit())
    site.say("box-1", records.reattributed(**HERE))
    assert rows(site, schema.visits, "box", "visit_id") == [("box-1", hexid(9)), ("box-2", hexid(1))]
    assert rows(site, schema.consents, "scope", "consent_version") == [
        ("channel_risk", 1),
        ("registration", 1),
    ]
    assert len(rows(site, schema.verdicts, "who")) == len(rows(site, schema.withdrawals, "who")) == 1


def test_it_follows_a_person_through_an_exchange_of_keys(site: Site) -> None:
    site.say("box-1", records.retokened(old=WHO, new=NEW))
    site.say("box-1", records.visit())
    assert rows(site, schema.visits, "who") == [(NEW,)]
    site.say("box-1", records.reattributed(**HERE, who=NEW))
    assert rows(site, schema.visits, "who") == []
    site.say("box-1", records.visit())
    assert rows(site, schema.visits, "who") == [], "a late one under the older token"


def test_a_visit_that_comes_back_to_the_number_stays(database: Database) -> None:
    """What was told before that word goes, in any order; what was told after it is the number's again."""
    site = _site(database)
    sent: list[tuple[Record, int]] = [
        (records.visit(), NOON),
        (records.reattributed(**HERE), NOON + 5),
        (records.visit(revision=3), NOON + 9),
    ]
    for number, order in enumerate(itertools.permutations(sent)):
        for signer in site.boxes.values():
            signer.epoch = hexid(4000 + number)
        for record, wall_ms in order:
            site.say("box-1", record, wall_ms)
        assert set(rows(site, schema.visits, "who", "revision")) == {(WHO, 3)}
