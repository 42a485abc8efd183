"""After an exchange of keys, or of two records: rows of one person are joined, in any order of arrival."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from cloud.rights.orders import Ground, order_erasure
from cloud.store import schema
from cloud.store.database import Database
from edge.wire import Record
from tests.unit.cloud import records
from tests.unit.cloud.signer import NOON, OTHER, WHO, entry, hexid
from tests.unit.cloud.test_erasure_scope import ORDERED, Site, _site

FIRST, SECOND = "visit:" + "ac" * 32, "visit:" + "ad" * 32
HELD: tuple[Record, ...] = (
    records.visit(),
    records.consent(),
    records.withdrawal(),
    records.verdict(),
    records.call(recorded=True, who=WHO, recorded_ms=5),
)


@pytest.fixture
def site(database: Database) -> Site:
    return _site(database)


def whose(site: Site) -> dict[str, set[str]]:
    """Return under which tokens each box has rows here, in any table of people."""
    found: dict[str, set[str]] = {}
    with site.database.read() as connection:
        for table in schema.PERSONAL:
            for row in connection.execute(select(table.c.box, table.c.who)):
                if row.who is not None:
                    found.setdefault(row.box, set()).add(row.who)
    return found


def exchange(site: Site, box: str, old: str = WHO, new: str = FIRST, wall_ms: int = NOON + 200) -> None:
    site.say(box, records.retokened(old=old, new=new), wall_ms)


@pytest.mark.parametrize("exchanged", [records.retokened, records.merged])
def test_every_row_of_the_box_moves_to_the_new_token(site: Site, exchanged: Callable[..., Record]) -> None:
    for record in HELD:
        site.say("box-1", record)
    site.say("box-1", records.visit(visit_id=hexid(9), who=OTHER))
    site.say("box-1", exchanged(old=WHO, new=FIRST), NOON + 200)
    assert whose(site) == {"box-1": {FIRST, OTHER}}
    site.say("box-1", exchanged(old=WHO, new=FIRST), NOON + 200)
    assert whose(site) == {"box-1": {FIRST, OTHER}}, "twice is once"


def test_two_exchanges_in_any_order_of_arrival_end_at_the_newest(database: Database) -> None:
    site = _site(database)
    sent: list[tuple[Record, int]] = [
        (records.visit(), NOON),
        (records.retokened(old=WHO, new=FIRST), NOON + 100),
        (records.visit(visit_id=hexid(2), who=FIRST), NOON + 150),
        (records.retokened(old=FIRST, new=SECOND), NOON + 200),
    ]
    for number, order in enumerate(itertools.permutations(sent)):
        for signer in site.boxes.values():
            signer.epoch = hexid(1000 + number)
        for record, wall_ms in order:
            site.say("box-1", record, wall_ms)
        assert whose(site) == {"box-1": {SECOND}}


def test_one_batch_may_hold_the_exchange_and_what_came_before(site: Site) -> None:
    signer = site.boxes["box-1"]
    raw = [
        entry(1, records.retokened(old=WHO, new=FIRST)),
        entry(2, records.visit()),
        entry(3, records.consent()),
    ]
    site.intake.accept(signer.topics.batch, signer.batch(raw))
    assert whose(site) == {"box-1": {FIRST}}


def test_an_exchange_renames_no_other_boxs_rows(site: Site) -> None:
    """A box that was taken over can neither take nor hide what another one sent."""
    site.say("box-2", records.visit())
    exchange(site, "box-1")
    exchange(site, "box-3", old=OTHER, new=WHO)
    site.say("box-3", records.erasure(command_id=hexid(77), who=OTHER))
    assert whose(site) == {"box-2": {WHO}}
    assert site.say("box-2", records.visit(visit_id=hexid(8))) == "ok"
    exchange(site, "box-2")
    assert whose(site) == {"box-2": {FIRST}}, "joined again once its own exchange came"


def test_exchanges_that_bite_their_own_tail_end(site: Site) -> None:
    site.say("box-1", records.visit())
    exchange(site, "box-1")
    exchange(site, "box-1", old=FIRST, new=WHO)
    for number in range(80):
        old, new = (f"visit:{n:064x}" for n in (number, number + 1))
        exchange(site, "box-1", old=old, new=new)
    assert site.say("box-1", records.visit(visit_id=hexid(3), who=f"visit:{0:064x}")) == "ok"


ERASED = NOON + 300
_EVENTS: dict[str, tuple[Any, int]] = {
    "visit": (records.visit(), NOON),
    "exchange": (records.retokened(old=WHO, new=FIRST), NOON + 100),
    "after": (records.visit(visit_id=hexid(2), who=FIRST), NOON + 150),
    "back": (records.visit(visit_id=hexid(3), who=FIRST), ERASED + 1),
}


@pytest.mark.parametrize("named", [WHO, FIRST])
def test_an_erasure_covers_both_names_in_any_order_of_arrival(database: Database, named: str) -> None:
    """P41, P42: and a person who comes back afterwards is there."""
    site = _site(database)
    receipt = (records.erasure(who=named, at_ms=ERASED), ERASED)
    for number, order in enumerate(itertools.permutations([*_EVENTS.values(), receipt])):
        for signer in site.boxes.values():
            signer.epoch = hexid(2000 + number)
        for record, wall_ms in order:
            site.say("box-1", record, wall_ms)
    with database.read() as connection:
        left = {row.visit_id for row in connection.execute(select(schema.visits))}
    assert left == {hexid(3)}


def test_an_order_reaches_a_box_that_exchanged_its_keys_after_it(site: Site) -> None:
    """P41: box 1 works with the new keys already, box 2 still with the old ones."""
    site.say("box-1", records.visit(who=FIRST))
    site.say("box-2", records.visit(visit_id=hexid(2), who=WHO))
    command = site.order(FIRST)
    assert set(command) == {"box-1"}
    site.say("box-1", records.erasure(who=FIRST, command_id=command["box-1"], at_ms=ORDERED + 5))
    assert whose(site) == {"box-2": {WHO}}
    exchange(site, "box-2")
    assert whose(site) == {}
    assert set(site.commands(FIRST)) == {"box-1", "box-2"}


def test_an_order_by_an_exchanged_token_still_finds_the_boxes(site: Site) -> None:
    site.say("box-1", records.visit())
    exchange(site, "box-1")
    site.database.write(
        lambda c: order_erasure(c, "demo", WHO, ground=Ground.VISITOR_REQUEST, by="o", now_ms=ORDERED + 500)
    )
    command = site.commands(WHO)["box-1"]
    assert site.say("box-1", records.erasure(command_id=command, at_ms=ORDERED + 600)) == "ok"
    assert whose(site) == {}


def test_the_ledger_shows_the_exchange(site: Site) -> None:
    from cloud.reports.ledger import rows

    exchange(site, "box-1")
    with site.database.read() as connection:
        (row,) = rows(connection, "demo", "retokened")
    assert row["record"] == {"kind": "retokened", "old": WHO, "new": FIRST}
