"""An appointment is evidence from the moment when its visitor came, and of nothing while nobody did."""

import json
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import Retention
from edge.domain.amending import day_began_ms
from edge.domain.appointing import AHEAD_MS, appointing_fault, same_day
from edge.domain.errors import InvalidInput, Refused
from edge.domain.retention import DAY_MS
from edge.ipc.kiosk import Notice, Register
from edge.runtime.access import Access
from edge.runtime.access_page import render
from edge.runtime.amends import Amends
from edge.runtime.appointments import Appointments
from edge.runtime.office import new_id
from edge.store.rows import AppointmentRow
from edge.wire import Scope, VisitReattributed, VisitRecorded
from tests.unit.runtime.test_books import ANNA, BEN, HOUR, LISTED, Box, T, report

R, C = Scope.REGISTRATION, Scope.CHANNEL_RISK
NOON = day_began_ms(T, UTC) + 12 * HOUR
LATER = NOON + 3 * DAY_MS


class Front(Box):
    """A box whose customer has an appointment three days from now; the visit at which it was made is over."""

    def __init__(self, directory: Path, notice: Notice) -> None:
        super().__init__(directory, notice)
        self.appointments = Appointments(self.office, self.risk)
        self.amends = Amends(self.office, self.risk, self.rights)

    def appointed(self, phone: str = ANNA, *scopes: Scope) -> str:
        """Return the appointment that this visitor made."""
        self.clock.at_ms = NOON
        visitor = self.register(phone, frozenset({R, *scopes}))
        row = self.amends.visit(visitor.visit)
        self.appointments.make(row, LATER, 2)
        self.office.store._database.run(
            "UPDATE visits SET departed_ms = ? WHERE visit = ?", (NOON, row.visit)
        )
        return next(iter(self.office.store.appointments_of(row.person))).appointment

    def row(self, appointment: str) -> AppointmentRow:
        found = self.office.store.appointment(appointment)
        assert found is not None
        return found

    def came(self, appointment: str, at_ms: int = LATER) -> str:
        self.clock.at_ms = at_ms
        with self.office.store.transaction():
            return self.appointments.came(appointment)

    def not_came(self, appointment: str) -> str:
        with self.office.store.transaction():
            return self.appointments.not_came(appointment)

    def count(self, table: str) -> int:
        return self.office.store._database.count(f"SELECT count(*) FROM {table}")


@pytest.fixture
def front(tmp_path: Path, notice: Notice) -> Any:
    made = Front(tmp_path, notice)
    yield made
    made.office.store.close()


@given(st.integers(0, 1 << 44), st.integers(-AHEAD_MS * 2, AHEAD_MS * 2))
def test_an_appointment_is_for_a_time_to_come_within_ninety_days(now: int, by: int) -> None:
    fault = appointing_fault(now + by, now)
    assert fault == ("is_past" if by <= 0 else "too_far_ahead" if by > AHEAD_MS else None)


@given(st.integers(0, 1 << 44), st.integers(0, DAY_MS - 1))
def test_a_day_is_the_offices(at_ms: int, within: int) -> None:
    zone = timezone(timedelta(hours=8))
    began = day_began_ms(at_ms, zone)
    assert same_day(began + within, at_ms, zone)
    assert not same_day(began - 1, at_ms, zone) and not same_day(began + DAY_MS, at_ms, zone)


@pytest.mark.parametrize(("reported", "found"), [(LATER + HOUR, "RISK"), (LATER - HOUR, "NORMAL")])
def test_who_came_for_an_appointment_was_here_then(front: Front, reported: int, found: str) -> None:
    """P14: under their own two consents."""
    which = front.appointed(ANNA, C)
    front.office.store._database.run("DELETE FROM evidence")  # of the visit before nothing counts any more
    front.take(LISTED, report(at=reported))
    assert front.verdict("R-1") == ("UNKNOWN", ("no_evidence_of_presence",)), (
        "agreed on a time, and nothing else"
    )
    visit = front.came(which)
    verdict, _reasons = front.verdict("R-1")
    assert verdict == found
    assert '"appointment"' in (front.findings()["report", "R-1"] or "")
    told = [one for one in front.sent() if isinstance(one, VisitRecorded) and one.visit_id == visit]
    assert [e.kind for e in told[-1].evidence] == ["appointment"]
    assert told[-1].returning and told[-1].party_size == 2 and told[-1].arrived_ms == LATER
    assert front.row(which).kept_in == visit


def test_one_that_nobody_kept_is_no_evidence_and_says_nothing(front: Front) -> None:
    front.appointed(ANNA, C)
    front.take(LISTED, report(at=LATER + HOUR))
    assert "appointment" not in (front.findings()["report", "R-1"] or "")
    assert not any(
        "appointment" in one.model_dump_json() for one in front.sent() if isinstance(one, VisitRecorded)
    )


def test_who_registered_at_the_kiosk_already_has_one_visit_with_both_signs(front: Front) -> None:
    which = front.appointed()
    front.clock.at_ms = LATER
    visitor = front.register(ANNA, frozenset({R}))
    assert front.came(which, LATER + 1) == visitor.visit
    row = front.office.store.visit(visitor.visit)
    assert row is not None and [e.kind for e in row.evidence] == ["registration", "appointment"]
    assert front.not_came(which) == visitor.visit
    row = front.office.store.visit(visitor.visit)
    assert row is not None and [e.kind for e in row.evidence] == ["registration"] and row.revision == 3
    assert front.row(which).kept_ms is None


def test_a_wrong_tap_is_taken_back_and_the_finding_with_it(front: Front) -> None:
    """P4: the visit never was, here or at headquarters, and the same appointment can be kept after all."""
    which = front.appointed(ANNA, C)
    front.office.store._database.run("DELETE FROM evidence")
    front.take(LISTED, report(at=LATER + HOUR))
    visit = front.came(which)
    assert front.verdict("R-1")[0] == "RISK"
    assert front.sent()
    assert front.not_came(which) == visit
    assert front.verdict("R-1") == ("UNKNOWN", ("no_evidence_of_presence",))
    assert front.office.store.visit(visit) is None
    taken = [one for one in front.sent() if isinstance(one, VisitReattributed)]
    assert [(one.visit_id, one.scopes) for one in taken] == [(visit, ())]
    with pytest.raises(InvalidInput, match="too_late"):
        front.not_came(which)
    front.came(which, LATER + HOUR)
    assert front.verdict("R-1")[0] == "RISK"


def test_a_tap_of_another_day_is_neither_made_nor_taken_back(front: Front) -> None:
    which = front.appointed()
    with pytest.raises(InvalidInput, match="not_today"):
        front.came(which, LATER + DAY_MS)
    front.came(which)
    with pytest.raises(InvalidInput, match="not_today"):
        front.came(which)
    front.clock.at_ms = LATER + DAY_MS
    with pytest.raises(InvalidInput, match="too_late"):
        front.not_came(which)


def test_one_a_day_and_none_for_who_cannot_be_found_again(front: Front) -> None:
    front.appointed()
    visitor = front.register(ANNA, frozenset({R}))
    with pytest.raises(InvalidInput, match="one_that_day"):
        front.appointments.make(front.amends.visit(visitor.visit), LATER + 1, 2)
    request = Register(
        session=new_id(), notice_hash=front.office.notice.hash, scopes=frozenset({R}), party_size=1
    )
    _answer, nobody = front.desk.register(request)
    assert nobody is not None
    with pytest.raises(Refused, match="no_number"):
        front.appointments.make(front.amends.visit(nobody.visit), LATER, 2)


def test_a_cancelled_one_leaves_nothing(front: Front) -> None:
    which = front.appointed()
    front.appointments.cancel(which)
    assert front.count("appointments") == 0
    with pytest.raises(InvalidInput, match="no_such_appointment"):
        front.came(which)


def test_p43_who_withdrew_their_registration_is_expected_by_nobody(front: Front) -> None:
    """P43, and not even after they registered anew."""
    which = front.appointed()
    assert [one.phone for one in front.appointments.shown()] == ["138****8001"]
    front.rights.withdraw(ANNA, frozenset({R}))
    assert front.appointments.shown() == () and front.count("appointments") == 0
    with pytest.raises(InvalidInput, match="no_such_appointment"):
        front.came(which)


def test_p41_an_erasure_takes_it(front: Front) -> None:
    """P41"""
    front.came(front.appointed(ANNA, C))
    front.appointed(BEN)
    front.rights.erase_number(ANNA)
    assert front.count("appointments") == 1


def test_p8_it_goes_after_its_time_kept_or_not_and_the_visit_stays(front: Front) -> None:
    """P8"""
    visit = front.came(front.appointed())
    periods = Retention().periods()
    front.office.store.purge_due(periods, LATER + 7 * DAY_MS - 1)
    assert front.count("appointments") == 1
    assert front.office.store.purge_due(periods, LATER + 7 * DAY_MS) == {"appointments": 1}
    row = front.office.store.visit(visit)
    assert row is not None and row.evidence[0].kind == "appointment"


def test_p40_the_person_sees_it(front: Front) -> None:
    """P40"""
    which = front.appointed()
    held = Access(front.office).describe((front.row(which).person,), ANNA)
    assert [(one.due_ms, one.kept_ms) for one in held.appointments] == [(LATER, None)]
    page = render(held, "0" * 16)
    assert "约定时间" in page
    assert json.loads(held.model_dump_json())["appointments"][0]["party_size"] == 2


def test_p4_it_goes_along_with_the_number_that_was_right(front: Front) -> None:
    """P4: an appointment that was made under a mistyped number is its visitor's."""
    front.clock.at_ms = NOON
    visitor = front.register(ANNA, frozenset({R}))
    front.appointments.make(front.amends.visit(visitor.visit), LATER, 2)
    with front.amends.transaction():
        front.amends.renumber(front.amends.visit(visitor.visit), BEN)
    (person,) = front.rights.find(BEN)
    assert len(front.office.store.appointments_of(person)) == 1 and front.count("appointments") == 1


def test_two_records_made_one_keep_both_ones_appointments(front: Front) -> None:
    """P4"""
    which = front.appointed(ANNA)
    front.clock.at_ms = NOON + HOUR
    other = front.register(BEN, frozenset({R}))
    front.appointments.make(front.amends.visit(other.visit), LATER + DAY_MS, 1)
    with front.amends.transaction():
        person, _erasure = front.merging.merge(front.amends.visit(other.visit).person, ANNA)
    assert len(front.office.store.appointments_of(person)) == 2
    assert front.row(which).person == person
