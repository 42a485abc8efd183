"""Names, visitors without a number, and how a visit ends: what is kept of each, and what is told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.ipc.kiosk import Register
from edge.runtime.clock import Clock
from edge.runtime.departures import Departures
from edge.runtime.desk import Desk
from edge.runtime.links import Links
from edge.runtime.office import Office
from edge.runtime.paper import Paper
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.wire import ConsentRecorded, EraseCommand, Purpose, Record, Scope, VisitRecorded
from tests.unit.runtime.rules import RULES

PHONE = "13800138000"
NAME = "欧阳晓晴"
CLOSES = "21:00"


class SetClock(Clock):
    """The office's clock, put to a time of the day by the test."""

    def __init__(self, at: datetime) -> None:
        super().__init__("hypervisor")
        self.at = at

    def now_ms(self) -> int:
        return int(self.at.timestamp() * 1000)


def paper_of(front: "Front") -> Paper:
    """Return what enters forms at this box."""
    return Paper(front.office, front.risk, front.rights, front.departures, CLOSES)


class Front:
    """The services of one box over a real store."""

    def __init__(self, office: Office) -> None:
        self.clock = SetClock(
            datetime.now().astimezone().replace(hour=14, minute=30, second=0, microsecond=0)
        )
        self.office = replace(office, clock=self.clock)
        risk = self.risk = Risk(self.office, RULES)
        links = Links(self.office, None)
        self.rights = Rights(self.office, risk, "b", links)
        self.desk = Desk(self.office, risk, self.rights, links)
        self.departures = Departures(self.office, CLOSES)

    def register(self, phone: str | None = PHONE, **more: object) -> PersonId:
        request = Register.model_validate(
            {
                "session": "a" * 32,
                "notice_hash": self.office.notice.hash,
                "scopes": {Scope.REGISTRATION},
                "phone": phone,
            }
            | more
        )
        _, visitor = self.desk.register(request)
        assert visitor is not None
        return visitor.person

    def told(self) -> list[Record]:
        batch = self.office.store.take_batch(1000)
        return [entry.record for entry in batch.entries] if batch else []

    def rows(self) -> dict[str, int]:
        database = self.office.store._database
        tables = (
            "consents",
            "person_tokens",
            "contacts",
            "names",
            "visits",
            "evidence",
            "outbox",
            "tombstones",
        )
        return {t: database.count(f"SELECT count(*) FROM {t}") for t in tables}


@pytest.fixture
def front(office: Office) -> Iterator[Front]:
    yield Front(office)


def test_a_name_is_kept_sealed_and_read_only_for_the_reception(front: Front) -> None:
    person = front.register(name=NAME)
    permit = front.office.gate.permit(Purpose.RECEPTION, person)
    assert front.office.store.name(permit) == NAME
    raw = front.office.store._database.one("SELECT sealed FROM names")
    assert raw and NAME.encode() not in raw.blob("sealed")
    assert not any(NAME in record.model_dump_json() for record in front.told())


def test_p43_a_withdrawn_registration_shows_no_name_any_more(front: Front) -> None:
    person = front.register(name=NAME)
    front.rights.withdraw(PHONE, frozenset({Scope.REGISTRATION}))
    with pytest.raises(Refused):
        front.office.gate.permit(Purpose.RECEPTION, person)


def test_p41_an_erasure_takes_the_name_along(front: Front) -> None:
    front.register(name=NAME)
    who = front.office.tokens.token("registration", "+86" + PHONE)
    front.rights.erase(EraseCommand(command_id="c" * 32, box="b", issued_ms=front.clock.now_ms(), who=who))
    assert front.rows()["names"] == 0


def test_who_has_no_number_is_registered_here_and_nowhere_else(front: Front) -> None:
    front.register(phone=None, name=NAME)
    assert front.told() == []
    rows = front.rows()
    assert (rows["visits"], rows["names"], rows["consents"]) == (1, 1, 1)
    assert (rows["person_tokens"], rows["contacts"], rows["outbox"]) == (0, 0, 0)


def test_p8_who_has_no_number_is_forgotten_with_their_departure(front: Front) -> None:
    """Nobody could find them again: neither they themselves to withdraw, nor an officer to erase."""
    person = front.register(phone=None, name=NAME)
    (visit,) = front.office.store.open_visits()
    front.departures.close(visit, front.clock.now_ms())
    rows = front.rows()
    assert (rows["visits"], rows["names"], rows["evidence"], rows["tombstones"]) == (0, 0, 0, 0)
    assert front.office.store._keys.held(person) == 0
    assert front.told() == []


def test_without_a_number_nothing_but_the_registration_can_be_agreed_to(front: Front) -> None:
    with pytest.raises(InvalidInput, match="phone_missing"):
        front.register(phone=None, scopes={Scope.REGISTRATION, Scope.FACE_MATCH})
    assert front.rows()["consents"] == 0


def test_somebody_with_a_number_is_never_forgotten_without_an_order(front: Front) -> None:
    person = front.register()
    with pytest.raises(Refused, match="has_a_token"):
        front.departures.forget(person)


def test_who_says_goodbye_leaves_at_that_time(front: Front) -> None:
    front.register()
    front.clock.at += timedelta(minutes=40)
    assert front.departures.by_number(PHONE)
    visit = [r for r in front.told() if isinstance(r, VisitRecorded)][-1]
    assert (visit.departed_ms, visit.departure_estimated) == (front.clock.now_ms(), False)
    assert not front.departures.by_number(PHONE)
    assert not front.departures.by_number("13900139000")


def test_who_says_nothing_has_left_by_closing_time_and_it_is_told_as_an_estimate(front: Front) -> None:
    front.register()
    closing = front.clock.at.replace(hour=21, minute=0)
    front.clock.at = closing - timedelta(minutes=1)
    assert front.departures.close_overdue() == 0
    front.clock.at = closing + timedelta(hours=5)
    assert front.departures.close_overdue() == 1
    visit = [r for r in front.told() if isinstance(r, VisitRecorded)][-1]
    assert (visit.departed_ms, visit.departure_estimated) == (int(closing.timestamp() * 1000), True)
    assert front.office.store.open_visits() == ()
    row = front.office.store.visit(visit.visit_id)
    assert row and row.estimated


def test_closing_time_forgets_who_has_no_number_and_leaves_who_withdrew(front: Front) -> None:
    front.register(phone=None)
    front.register()
    front.rights.withdraw(PHONE, frozenset({Scope.REGISTRATION}))
    told = front.told()
    assert [type(r) for r in told if isinstance(r, ConsentRecorded)] == [ConsentRecorded]
    front.clock.at += timedelta(hours=12)
    front.departures.close_overdue()
    assert front.told() == []
    assert len(front.office.store.open_visits()) == 1, "what was lawful stays as it was (P43)"
