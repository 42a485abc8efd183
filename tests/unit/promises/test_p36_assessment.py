"""P36: an impact assessment that is missing or over turns faces off; nobody is asked, nothing is looked at.

What is kept of faces already stays for its own period, and every other way of being served goes on.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edge.config import Config, FaceAssessment
from edge.consent.gate import Gate
from edge.domain import facts
from edge.domain.assessment import WARN_DAYS, Assessment
from edge.domain.errors import InvalidInput, Refused
from edge.ipc.kiosk import Register
from edge.runtime.assessed import assessed
from edge.runtime.checks import Facts, assessment
from edge.runtime.clock import Clock
from edge.runtime.desk import Desk, Visitor
from edge.runtime.links import Links
from edge.runtime.office import Office
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.wire import Basis, BasisKind, Evidence, Purpose, Scope, TimeQuality
from tests.unit.runtime.rules import RULES

TODAY = date(2026, 6, 1)
TERM = {"sha256": "1" * 64, "made": "2026-01-01", "valid_until": "2026-06-01", "approved_by": "the officer"}
BOTH = frozenset({Scope.REGISTRATION, Scope.FACE_MATCH})


class Site:
    """A desk whose assessment holds or doesn't, as the test says."""

    def __init__(self, office: Office) -> None:
        self.holds = True
        self.office = replace(office, gate=Gate(office.store, lambda: self.holds))
        risk = Risk(self.office, RULES)
        links = Links(self.office, None)
        self.desk = Desk(self.office, risk, Rights(self.office, risk, "b", links), links)

    def register(self, scopes: frozenset[Scope] = BOTH) -> Visitor:
        _answer, visitor = self.desk.register(
            Register(session="a" * 32, notice_hash=self.desk.notice.hash, scopes=scopes, phone="13800138000")
        )
        assert visitor is not None
        return visitor


@pytest.fixture
def site(office: Office) -> Site:
    return Site(office)


def test_p36_without_it_nobody_is_asked_for_their_face(site: Site) -> None:
    """P36: the page doesn't offer it; a page from before is shown anew; the rest of it is as ever."""
    offered = {one.scope for one in site.desk.notice.scopes}
    site.holds = False
    assert {one.scope for one in site.desk.notice.scopes} == offered - {Scope.FACE_MATCH}
    assert site.desk.notice.hash == site.office.notice.hash
    with pytest.raises(InvalidInput, match="notice_changed"):
        site.register()
    site.register(frozenset({Scope.REGISTRATION}))
    assert site.office.store._database.count("SELECT count(*) FROM consents WHERE scope = 'face_match'") == 0


def test_p36_without_it_nothing_is_done_with_a_face(site: Site) -> None:
    """P36: no lease, no template read or kept, no evidence, no consent; whoever agreed before."""
    visitor = site.register()
    site.desk.enrol(visitor, "sface", b"v" * 512)
    assert len(site.desk.templates(visitor)) == 1
    site.holds = False
    gate, stamp = site.office.gate, site.office.stamp()
    with pytest.raises(Refused, match="no_assessment"):
        site.desk.may_lease(visitor, Purpose.FACE_CONFIRMATION)
    with pytest.raises(Refused, match="no_assessment"):
        site.desk.templates(visitor)
    with pytest.raises(Refused, match="no_assessment"):
        site.desk.enrol(visitor, "sface", b"w" * 512)
    basis = Basis(kind=BasisKind.CONSENT, scope=Scope.FACE_MATCH)
    seen = Evidence(kind="face_confirmed", at_ms=stamp["at_ms"], basis=basis)
    with pytest.raises(Refused, match="no_assessment"):
        gate.clear(
            visitor.person,
            facts.EvidenceAdded(
                **stamp, person=visitor.person, visit=visitor.visit, evidence=seen, records=()
            ),
        )
    with pytest.raises(Refused, match="no_assessment"):
        site.office.agree(visitor.person, Scope.FACE_MATCH, "tap", None)


def test_p36_what_is_kept_stays_and_counts_again_with_a_new_one(site: Site) -> None:
    """P36, P12: templates go by their own period; consents aren't touched; withdrawing works all the time."""
    visitor = site.register()
    site.desk.enrol(visitor, "sface", b"v" * 512)
    site.holds = False
    assert site.office.store.faces() == 1
    site.holds = True
    site.desk.may_lease(visitor, Purpose.FACE_CONFIRMATION)
    assert len(site.desk.templates(visitor)) == 1


@pytest.mark.parametrize(
    ("today", "holds"),
    [("2025-12-31", False), ("2026-01-01", True), ("2026-06-01", True), ("2026-06-02", False)],
)
def test_p36_it_holds_from_its_day_to_its_last(today: str, holds: bool) -> None:
    term = FaceAssessment.model_validate(TERM).term()
    assert term.holds(date.fromisoformat(today)) is holds


@pytest.mark.parametrize(
    "wrong",
    [{"valid_until": "2025-12-31"}, {"sha256": "no"}, {"approved_by": ""}, {"made": "soon"}, {"more": 1}],
)
def test_p36_the_register_takes_whole_entries_only(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FaceAssessment.model_validate(TERM | wrong)


def test_p36_the_cores_gate_asks_the_register_and_the_clock() -> None:
    """P36: no entry means no; at the turn of the last day the answer turns, without a restart."""

    class Moved(Clock):
        now = datetime.fromisoformat("2026-06-01T23:59:59").astimezone()

        def now_ms(self) -> int:
            return int(self.now.timestamp() * 1000)

    clock = Moved("hypervisor")
    entry = FaceAssessment.model_validate(TERM)
    unfinished: Any = Config  # the rest of a configuration isn't looked at
    question = assessed(unfinished.model_construct(face_assessment=entry), clock)
    assert question()
    clock.now += timedelta(seconds=1)
    assert not question()
    assert not assessed(unfinished.model_construct(face_assessment=None), clock)()


def facts_of(term: Assessment | None, *, used: bool = True) -> Facts:
    noon = datetime.fromisoformat(f"{TODAY}T12:00:00").astimezone()
    return Facts(
        Path("/"), TimeQuality.SYNCHRONISED, 0, None, "up", "connected", 0,
        faces_used=used, assessment=term, now_ms=int(noon.timestamp() * 1000),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("left", "state"),
    [(WARN_DAYS + 1, "ok"), (WARN_DAYS, "warn"), (0, "warn"), (-1, "expired"), (-400, "expired")],
)
def test_p36_status_says_so_in_time_and_after(left: int, state: str) -> None:
    """P36: thirty days before its end somebody is told what to do."""
    line = assessment.check(facts_of(Assessment(date(2020, 1, 1), TODAY + timedelta(days=left))))
    assert line.state == state and (state == "ok") is (not line.hint)


def test_p36_status_tells_a_missing_one_where_faces_would_be_used() -> None:
    assert assessment.check(facts_of(None)).state == "missing"
    assert assessment.check(facts_of(None, used=False)).state == "ok"
    future = assessment.check(facts_of(Assessment(TODAY + timedelta(days=1), date(2099, 1, 1))))
    assert future.state == "expired"
