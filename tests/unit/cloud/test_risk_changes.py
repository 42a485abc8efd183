"""What stands on the board and in a package when a finding's channel, version, box or project changes."""

import io
import json
import zipfile
from typing import Any

from sqlalchemy import select

from cloud.fleet.boxes import enrol
from cloud.ingest.intake import Intake
from cloud.keys import SigningKey
from cloud.reports.verdicts import risks_between
from cloud.risk import board
from cloud.risk.board import Filter
from cloud.store import schema
from cloud.store.database import Database
from edge.wire import BoxKeys, ErasureReceipt, TimeQuality, Topics, VerdictIssued
from edge.wire.facts import box_keys_signing_input
from edge.wire.finding import Finding, evidence_signing_input
from tests.unit.cloud.findings import BEN, MINUTE, case, finding
from tests.unit.cloud.signer import NOON, Signer, hexid
from tests.unit.cloud.test_risk import DEAL, box, pages, send, subject
from tests.unit.cloud.web import Pages, csrf, submit

__all__ = ["box", "pages"]
PICTURE = ("files", ("a.png", b"\x89PNG\r\n\x1a\nx", "image/png"))


def intake_of(pages: Pages) -> Intake:
    return Intake(pages.database, SigningKey(bytes(32)), lambda: NOON + 1000)


def enrolled(pages: Pages, signer: Signer) -> Signer:
    pages.database.write(lambda c: enrol(c, signer.topics, signer.public.hex(), now_ms=NOON))
    return signer


def listed(database: Database, about: board.About, **chosen: Any) -> list[tuple[str, int, bool]]:
    with database.read() as connection:
        boxes = board.projects(connection, "demo")["harbour"]
        found, _ = board.lines(connection, "demo", "harbour", boxes, about, Filter(**chosen))
    return [(one.verdict, one.finding["version"], one.reviewed) for one in found]


def package_of(pages: Pages) -> zipfile.ZipFile:
    answer = pages.log_in("clerk").get("/risk-package/harbour/deal/D-1")
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(answer.content))


def test_a_review_of_what_the_deal_was_before_isnt_one_of_what_it_is(pages: Pages, box: Signer) -> None:
    """A risk that nobody looked at yet stays in somebody's queue."""
    judge, at = pages.log_in("judge"), "/risk/harbour/report/R-1"
    assert submit(judge, at, "/risk-review", **subject(judge, at, outcome="more", reason="还需要材料"))
    assert listed(pages.database, "report") == [("NORMAL", 1, False)], "that more is needed decides nothing"
    assert submit(judge, at, "/risk-review", **subject(judge, at, outcome="upheld", reason="依据充分"))
    assert listed(pages.database, "report") == [("NORMAL", 1, True)]
    later = finding(box, case(-10), ref="R-1", version=2, decided_ms=NOON + 300 * MINUTE)
    send(intake_of(pages), box, later, start=9)
    assert listed(pages.database, "report", reviewed=False) == [("RISK", 2, False)]


def test_a_box_that_was_replaced_begins_its_versions_anew_and_the_newer_one_stands(pages: Pages) -> None:
    old = enrolled(pages, Signer())
    send(intake_of(pages), old, finding(old, case(60), ref="R-1", version=7))
    new = Signer(epoch=hexid(99))
    new.enrolled_in(pages.database, replace=True)
    fresh = finding(new, case(-10), ref="R-1", version=1, decided_ms=NOON + 86_400_000)
    later = Intake(pages.database, SigningKey(bytes(32)), lambda: NOON + 86_400_000)
    send(later, new, fresh)
    assert listed(pages.database, "report") == [("RISK", 1, False)]


def test_a_package_tells_nothing_that_was_decided_on_another_channels_finding(pages: Pages) -> None:
    signer = enrolled(pages, Signer())
    first = finding(signer, case(-10, deal="D-1"), ref="D-1", decided_ms=NOON + 100 * MINUTE)
    send(intake_of(pages), signer, first)
    pages.now.ms = NOON + 200 * MINUTE
    judge = pages.log_in("judge")
    submit(judge, DEAL, "/risk-review", **subject(judge, outcome="upheld", reason="这家报备晚于到访"))
    # decided before that review, and here after it
    moved = finding(
        signer, case(60, deal="D-1"), ref="D-1", version=2, channel="beta", decided_ms=NOON + 150 * MINUTE
    )
    send(intake_of(pages), signer, moved, start=2)
    assert json.loads(package_of(pages).read("opinions.json"))["reviews"] == []


def test_of_two_boxes_the_one_that_speaks_says_whose_deal_it_is(pages: Pages) -> None:
    one, two = enrolled(pages, Signer()), Signer(Topics("demo", "harbour", "box-2"), epoch=hexid(9))
    enrolled(pages, two)
    send(intake_of(pages), one, finding(one, case(None, deal="D-1"), ref="D-1", channel="alpha"))
    moved = finding(two, case(-10, deal="D-1"), ref="D-1", channel="beta", decided_ms=NOON + 300 * MINUTE)
    send(intake_of(pages), two, moved)
    page = pages.log_in("clerk").get(DEAL).text
    assert 'name="channel" value="beta"' in page
    assert [n for n in package_of(pages).namelist() if n.startswith("finding")] == ["finding-box-2-1.json"]


def test_p2_what_came_with_an_appeal_goes_also_when_the_box_came_to_another_project(
    pages: Pages, box: Signer
) -> None:
    boss = pages.log_in("boss")
    told = {"channel": "alpha", "text": "我方带客户到场"}
    answer = boss.post("/risk-appeal", data={"csrf": _token(boss), **subject(boss, **told)}, files=[PICTURE])
    assert answer.status_code == 303
    _moves(pages, box, "seaside")
    there = "/risk/seaside/deal/D-1"
    words = subject(boss, there, outcome="upheld", reason="没有依据")
    assert submit(boss, there, "/risk-review", **words).status_code == 409, "who objected decides nowhere"
    receipt = ErasureReceipt(
        command_id=hexid(77), who=BEN, outcome="erased", keys_destroyed=1, rows={}, at_ms=NOON + 500 * MINUTE
    )
    send(intake_of(pages), box, receipt, start=30)
    with pages.database.read() as connection:
        assert connection.execute(select(schema.attachments)).all() == []
        assert connection.execute(select(schema.appeals.c.ref, schema.appeals.c.text)).all() == [("", "")]


def _token(browser: Any) -> str:
    return csrf(browser.get(DEAL))


def _moves(pages: Pages, box: Signer, project: str) -> None:
    where = box.topics
    said = box_keys_signing_input(where.tenant, where.site, where.box, project, "5" * 64)
    keys = BoxKeys(project=project, enrolment_key="5" * 64, signature=box.key.sign(said).hex())
    assert send(intake_of(pages), box, keys, start=20) == [("committed", "ok")]


def test_a_verdict_that_its_own_rules_contradict_is_refused_although_the_box_signed_it(pages: Pages) -> None:
    signer = enrolled(pages, Signer())
    risk = finding(signer, case(-10), ref="R-9")
    said = Finding("NORMAL", risk.outcomes)
    told = risk.model_copy(
        update={"verdict": "NORMAL", "reasons": said.reasons, "review_reasons": said.review_reasons}
    )
    assert send(intake_of(pages), signer, _signed_anew(signer, told)) == [
        ("quarantined", "finding_contradicts")
    ]


def _signed_anew(signer: Signer, record: VerdictIssued) -> VerdictIssued:
    where = {"tenant": signer.topics.tenant, "site": signer.topics.site, "box": signer.topics.box}
    evidence = record.evidence(where, TimeQuality.SYNCHRONISED)
    assert evidence is not None
    return record.model_copy(update={"signature": signer.key.sign(evidence_signing_input(evidence)).hex()})


def test_the_overview_counts_deals_with_a_risk_as_well(pages: Pages, box: Signer) -> None:
    with pages.database.read() as connection:
        assert risks_between(connection, "demo", 0, NOON * 2) == 1
