"""Whose rows a receipt of erasure may empty: the box's own, and what headquarters itself ordered (P41).

An enrolled box that was taken over signs any receipt it likes; no such receipt costs another box a row.
"""

import os
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.rights.orders import Ground, order_erasure
from cloud.store import schema
from cloud.store.database import Database, open_database
from edge.wire import Topics, parse_signed
from tests.unit.cloud import records
from tests.unit.cloud.signer import NOON, OTHER, WHO, Signer, entry, hexid

ORDERED = NOON + 50


@dataclass
class Site:
    """One headquarters with three enrolled boxes that know the same two people."""

    database: Database
    intake: Intake
    boxes: dict[str, Signer]
    sequence: int = 100

    def say(self, box: str, record: Any, wall_ms: int = NOON) -> str:
        """Let `box` send one record and return what the receipt says of it."""
        self.sequence += 1
        signer = self.boxes[box]
        payload = signer.batch([entry(self.sequence, record, wall_ms=wall_ms)])
        answer = self.intake.accept(signer.topics.batch, payload)
        assert answer is not None
        return str(parse_signed(answer.payload).body["results"][0]["code"])

    def visits(self) -> dict[str, list[str]]:
        """Return whose visits each box has here."""
        with self.database.read() as connection:
            asked = select(schema.visits.c.box, schema.visits.c.who).order_by(schema.visits.c.who)
            found: dict[str, list[str]] = {}
            for row in connection.execute(asked):
                found.setdefault(row.box, []).append(row.who)
        return found

    def order(self, who: str) -> dict[str, str]:
        """Order an erasure and return each box's command."""
        self.database.write(
            lambda c: order_erasure(
                c, "demo", who, ground=Ground.VISITOR_REQUEST, by="officer", now_ms=ORDERED
            )
        )
        return self.commands(who)

    def commands(self, who: str) -> dict[str, str]:
        with self.database.read() as connection:
            asked = select(schema.commands).where(schema.commands.c.who == who)
            return {row.box: row.command_id for row in connection.execute(asked)}


def _site(database: Database) -> Site:
    boxes = {}
    for name in ("box-1", "box-2", "box-3"):
        signer = Signer(topics=Topics("demo", "harbour", name))
        boxes[name] = signer
        signer.enrolled_in(database, replace=True)
    return Site(database, Intake(database, SigningKey(bytes(32)), lambda: NOON + 1000), boxes)


@pytest.fixture
def site(database: Database) -> Site:
    made = _site(database)
    for number, (box, who) in enumerate([("box-1", WHO), ("box-2", WHO), ("box-2", OTHER)]):
        made.say(box, records.visit(visit_id=hexid(number + 1), who=who))
    return made


def test_an_erasure_that_began_at_a_box_empties_that_boxs_rows_only(site: Site) -> None:
    """A minor's card, a visitor's own request: nobody at headquarters ordered it."""
    site.say("box-1", records.erasure(command_id=hexid(77)))
    assert site.visits() == {"box-2": [WHO, OTHER]}
    assert site.say("box-2", records.visit(visit_id=hexid(9))) == "ok"
    assert site.say("box-1", records.visit(visit_id=hexid(10))) == "erased"


def test_a_hostile_box_cannot_delete_anothers_rows_by_naming_its_people(site: Site) -> None:
    """P41: it names them as `who`, as `also`, and with a foreign command's id."""
    foreign = site.order(WHO)["box-2"]
    before = site.visits()["box-2"]
    site.say("box-3", records.erasure(command_id=hexid(77), who=OTHER, at_ms=NOON + 10**9))
    site.say("box-3", records.erasure(command_id=hexid(78), who="visit:" + "ee" * 32, also=(WHO, OTHER)))
    site.say("box-3", records.erasure(command_id=foreign, who=WHO))
    assert site.visits()["box-2"] == before
    assert site.say("box-2", records.visit(visit_id=hexid(9), revision=2)) == "ok"


def test_an_ordered_box_empties_no_more_than_the_order_named(site: Site) -> None:
    command = site.order(WHO)["box-1"]
    later = records.visit(visit_id=hexid(8))
    site.say("box-2", later, wall_ms=ORDERED + 1)
    site.say("box-1", records.erasure(command_id=command, also=(OTHER,), at_ms=NOON + 10**9))
    assert site.visits() == {"box-2": [WHO, OTHER]}  # the visit after the order, and somebody else
    assert site.say("box-1", records.erasure(command_id=command, who=OTHER)) == "ok"
    assert site.visits() == {"box-2": [WHO, OTHER]}


def test_an_order_empties_what_every_box_sent_before_it(site: Site) -> None:
    commands = site.order(WHO)
    assert set(commands) == {"box-1", "box-2"}
    site.say("box-1", records.erasure(command_id=commands["box-1"]))
    assert site.visits() == {"box-2": [OTHER]}
    assert site.say("box-2", records.visit(visit_id=hexid(8)), wall_ms=ORDERED) == "erased"


def test_a_box_that_turns_out_to_know_the_person_is_ordered_as_well(site: Site) -> None:
    """P41: it was offline when the order was given; what it sends late stays out, and it gets the order."""
    command = site.order(WHO)["box-1"]
    site.say("box-1", records.erasure(command_id=command))
    assert site.say("box-3", records.visit(visit_id=hexid(8)), wall_ms=ORDERED - 1) == "erased"
    reached = site.commands(WHO)
    assert set(reached) == {"box-1", "box-2", "box-3"}
    assert site.say("box-3", records.visit(visit_id=hexid(9)), wall_ms=ORDERED - 1) == "erased"
    assert site.commands(WHO) == reached
    assert site.say("box-3", records.visit(visit_id=hexid(10)), wall_ms=ORDERED + 1) == "ok"


def test_one_that_came_between_order_and_receipt_is_ordered_as_well(site: Site) -> None:
    command = site.order(WHO)["box-1"]
    assert site.say("box-3", records.visit(visit_id=hexid(8)), wall_ms=ORDERED - 1) == "ok"
    site.say("box-1", records.erasure(command_id=command))
    assert "box-3" not in site.visits()
    assert "box-3" in site.commands(WHO)


def test_an_erasure_known_before_the_upgrade_holds_for_every_box(database: Database) -> None:
    """The first schema didn't say whose receipt it was."""
    from cloud.store.migrations.run import upgrade

    def as_it_was(connection: Any) -> None:
        connection.execute(text("DROP TABLE suppression"))
        connection.execute(
            text(
                "CREATE TABLE suppression (tenant VARCHAR(40), who VARCHAR(96), erased_ms BIGINT,"
                " PRIMARY KEY (tenant, who))"
            )
        )
        connection.execute(text(f"INSERT INTO suppression VALUES ('demo', '{WHO}', {NOON})"))
        newest = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        upgrade(connection, "0002")  # that one alone: the tables of later ones are there already
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{newest}'"))

    database.write(as_it_was)
    site = _site(database)
    assert site.say("box-2", records.visit()) == "erased"
    assert site.say("box-2", records.visit(revision=2), wall_ms=NOON + 1) == "ok"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return open_database(f"sqlite:///{tmp_path_factory.mktemp('hq') / 'hq.db'}")


_TOKENS = st.sampled_from((WHO, OTHER))
_RECEIPTS = st.builds(
    records.erasure,
    command_id=st.integers(1, 6).map(hexid),
    who=_TOKENS,
    also=st.lists(_TOKENS, max_size=2).map(tuple),
    at_ms=st.integers(NOON, NOON + 10**10),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(receipts=st.lists(_RECEIPTS, min_size=1, max_size=6))
def test_no_unordered_receipt_costs_another_box_a_row(played: Database, receipts: list[Any]) -> None:
    site = _site(played)
    for signer in site.boxes.values():
        signer.epoch = os.urandom(16).hex()  # the database is the same in every example
    site.say("box-2", records.visit(), wall_ms=NOON)
    before = site.visits()["box-2"]
    for receipt in receipts:
        site.say("box-3", receipt)
    assert site.visits()["box-2"] == before
