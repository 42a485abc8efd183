"""The visitor's own page at headquarters: what the public gets, what a box gets, what is forgotten."""

import base64
import os
from pathlib import Path

import pytest
from sqlalchemy import select

from cloud.fleet import commands
from cloud.ingest.intake import Intake
from cloud.rights import links
from cloud.store import schema
from cloud.store.database import Database
from cloud.web.patience import Patience
from edge.wire import RightsRequest, Voided
from edge.wire.commands import REQUEST_BYTES
from edge.wire.records import PACKAGE_BYTES
from tests.unit.cloud import records
from tests.unit.cloud.signer import NOON, Signer, entry, hexid
from tests.unit.cloud.web import Pages, configured

LINK, STRANGER = hexid(5), hexid(6)
DAY = 86_400_000


def sealed(byte: int) -> str:
    return base64.b64encode(bytes([byte]) * PACKAGE_BYTES).decode()


def deliver(intake: Intake, signer: Signer, *changes: dict[str, object], first: int = 1) -> None:
    raw = [entry(n, records.package(**change)) for n, change in enumerate(changes, first)]
    assert intake.accept(signer.topics.batch, signer.batch(raw)) is not None


def kept(database: Database) -> list[tuple[str, int]]:
    with database.read() as connection:
        return [(r.link_id, r.revision) for r in connection.execute(select(schema.packages))]


def test_the_highest_revision_of_each_link_stays_in_whatever_order(
    database: Database, intake: Intake, signer: Signer
) -> None:
    deliver(intake, signer, {"revision": 3, "sealed": sealed(3)}, {"revision": 2})
    deliver(intake, signer, {"revision": 1}, {"link_id": STRANGER, "revision": 1}, first=3)
    assert sorted(kept(database)) == [(LINK, 3), (STRANGER, 1)]
    with database.read() as connection:
        assert links.package(connection, "demo", LINK) == bytes([3]) * PACKAGE_BYTES
        assert links.package(connection, "other", LINK) is None


def test_a_package_that_was_erased_on_the_way_is_voided(
    database: Database, intake: Intake, signer: Signer
) -> None:
    deliver(intake, signer, {"revision": 3})
    intake.accept(signer.topics.batch, signer.batch([entry(1, Voided())]))
    assert kept(database) == []


def test_a_request_goes_to_the_box_that_made_the_link_until_it_is_answered_and_is_then_not_kept(
    database: Database, intake: Intake, signer: Signer
) -> None:
    deliver(intake, signer, {})
    asked = os.urandom(REQUEST_BYTES)
    database.write(lambda c: links.lodge(c, "demo", LINK, asked, NOON))
    database.write(lambda c: links.lodge(c, "demo", STRANGER, asked, NOON))
    (due,) = database.write(lambda c: commands.claim_due(c, NOON, 1000))
    assert isinstance(due.command, RightsRequest)
    assert (due.topics, due.command.link_id) == (signer.topics, LINK)
    assert base64.b64decode(due.command.sealed) == asked
    assert database.write(lambda c: commands.claim_due(c, NOON + 999, 1000)) == ()
    answer = records.answer(command_id=due.command.command_id, code="complaint_noted")
    intake.accept(signer.topics.batch, signer.batch([entry(9, answer)]))
    with database.read() as connection:
        row = connection.execute(select(schema.requests)).mappings().one()
    assert (row["state"], row["code"], row["sealed"]) == ("answered", "complaint_noted", None)
    assert not database.write(lambda c: commands.claim_due(c, NOON + DAY, 1000))


def test_a_links_unanswered_requests_are_bounded(database: Database, intake: Intake, signer: Signer) -> None:
    deliver(intake, signer, {})
    for _n in range(links.MOST_WAITING + 5):
        database.write(lambda c: links.lodge(c, "demo", LINK, bytes(REQUEST_BYTES), NOON))
    with database.read() as connection:
        assert links.waiting(connection, "demo", LINK) == links.MOST_WAITING


def test_a_receipt_is_forgotten_after_30_days_and_what_is_held_isnt_P8(
    database: Database, intake: Intake, signer: Signer
) -> None:
    deliver(intake, signer, {"last": True}, {"link_id": STRANGER})
    database.write(lambda c: links.lodge(c, "demo", STRANGER, bytes(REQUEST_BYTES), NOON))
    with database.read() as connection:
        received = connection.execute(select(schema.entries.c.received_ms)).scalars().first()
    assert received is not None
    assert database.write(lambda c: links.forget(c, received + 30 * DAY)) == 0
    assert database.write(lambda c: links.forget(c, received + 30 * DAY + 1)) == 1
    assert kept(database) == [(STRANGER, NOON)]
    database.write(lambda c: links.forget(c, max(received, NOON) + 30 * DAY + 1))
    with database.read() as connection:
        row = connection.execute(select(schema.requests)).mappings().one()
    assert (row["outcome"], row["sealed"]) == ("expired", None)


# -- what the public gets ----------------------------------------------------------------------


@pytest.fixture
def pages(tmp_path: Path, database: Database, intake: Intake, signer: Signer) -> Pages:
    deliver(intake, signer, {"sealed": sealed(7)})
    return Pages(configured(tmp_path / "hq", **{'tenant = "demo"': 'tenant = "demo"'}), database)


def test_a_link_that_doesnt_exist_is_answered_like_one_that_does_P32_P40(pages: Pages) -> None:
    browser = pages.browser()
    for path, size in (("", None), ("/package", PACKAGE_BYTES)):
        known, unknown = (browser.get(f"/r/{link}{path}") for link in (LINK, STRANGER))
        assert (known.status_code, known.headers) == (unknown.status_code, unknown.headers)
        assert known.status_code == 200
        assert size is None or len(known.content) == len(unknown.content) == size
        assert (known.content == unknown.content) == (size is None)
    assert browser.get(f"/r/{STRANGER}/package").content == unknown.content
    assert browser.get("/r/nonsense/package").status_code == 200
    said = [browser.post(f"/r/{link}/request", content=bytes(REQUEST_BYTES)) for link in (LINK, STRANGER)]
    assert [(a.status_code, a.content) for a in said] == [(202, b'{"taken":true}')] * 2


def test_the_page_sets_no_cookie_and_lets_nothing_else_in_P33(pages: Pages) -> None:
    browser = pages.browser()
    for answer in (browser.get(f"/r/{LINK}?lang=en"), browser.get(f"/r/{LINK}/package")):
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        strict = answer.headers["content-security-policy"]
        assert "default-src 'none'" in strict and "unsafe" not in strict
    assert not browser.cookies


def test_only_a_request_of_the_one_length_is_taken(pages: Pages) -> None:
    browser = pages.browser()
    for size in (0, 1, REQUEST_BYTES - 1, REQUEST_BYTES + 1, 1 << 20):
        assert browser.post(f"/r/{LINK}/request", content=bytes(size)).status_code == 400
    with pages.database.read() as connection:
        assert connection.execute(select(schema.requests)).all() == []


def test_who_asks_too_often_waits_whether_the_link_exists_or_not(pages: Pages) -> None:
    browser = pages.browser()
    for link in (LINK, STRANGER):
        pages.site.asks.clear()
        states = [
            browser.post(f"/r/{link}/request", content=bytes(REQUEST_BYTES)).status_code for _ in range(11)
        ]
        assert states == [202] * 10 + [429]


def test_patience_is_for_each_subject_and_comes_back() -> None:
    patience = Patience(most=2, seconds=1)
    assert [patience.allows("a") for _ in range(3)] == [True, True, False]
    assert patience.allows("b")
    assert not patience.allows("b", "a")
    patience.clear()
    assert patience.allows("a")
