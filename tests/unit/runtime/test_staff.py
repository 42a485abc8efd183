"""Receptionists over a real store: signing in, what they have read, turns, and what they see of a guest."""

import asyncio
from collections.abc import Callable, Coroutine
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from edge.domain.errors import InvalidInput, Refused
from edge.ipc import staff as protocol
from edge.ipc.operator import ReportRow
from edge.runtime import counter
from edge.runtime.amends import Amends
from edge.runtime.appointments import Appointments
from edge.runtime.buyers import Buyers
from edge.runtime.counter import StaffDesk
from edge.runtime.guests import Guests
from edge.runtime.merging import Merging
from edge.runtime.office import Office
from edge.runtime.staff import Staff
from edge.runtime.staffnotice import load_staff
from edge.store.staff import STAFF_KEPT_MS
from edge.wire import Scope
from tests.unit.runtime.rules import books
from tests.unit.runtime.samethread import SameThread
from tests.unit.runtime.test_departures import Front, paper_of

PIN = "280914"
OTHER_PIN = "771503"
PHONE = "13800138000"
NOTICE = load_staff(Path(str(resources.files("edge"))) / "staff-notice.example.toml")


class AtTheDesk:
    def __init__(self, office: Office) -> None:
        self.front = Front(office)
        guests = Guests(self.front.office)
        self.staff = Staff(self.front.office, guests, NOTICE)
        self.amends = Amends(self.front.office, self.front.risk, self.front.rights)
        self.merging = Merging(self.front.office, self.front.risk, self.front.rights)
        self.paper = paper_of(self.front)
        self.buyers = Buyers(self.front.office, self.front.risk, self.front.rights)
        self.desk = StaffDesk(
            self.staff,
            guests,
            self.front.departures,
            self.amends,
            self.merging,
            self.buyers,
            self.paper,
            Appointments(self.front.office, self.front.risk),
            SameThread(),
        )

    async def add(self, name: str, pin: str = PIN) -> int:
        members = await self.desk.manage(protocol.AddStaff(name=name, pin=pin))
        assert isinstance(members, protocol.Members)
        return members.members[-1].number

    async def sign_in(self, number: int, pin: str = PIN, *, read: bool = True) -> str:
        signed = await self.desk.answer(protocol.SignIn(number=number, pin=pin))
        assert isinstance(signed, protocol.SignedIn)
        if read and signed.notice is not None:
            await self.desk.answer(
                protocol.Acknowledge(session=signed.session, notice_hash=signed.notice.hash)
            )
        return signed.session

    async def on_shift(self, name: str) -> tuple[str, int]:
        number = await self.add(name)
        session = await self.sign_in(number)
        await self.desk.answer(protocol.Shift(session=session, change="begin"))
        self.front.clock.at = self.front.clock.at.replace(second=self.front.clock.at.second + 1)
        return session, number

    async def view(self, session: str) -> protocol.DeskView:
        view = await self.desk.answer(protocol.GetDesk(session=session))
        assert isinstance(view, protocol.DeskView)
        return view


def run(test: Callable[[AtTheDesk], Coroutine[Any, Any, None]]) -> Callable[[Office], None]:
    """Run an async test in a loop of its own, over a real store."""

    def running(office: Office) -> None:
        asyncio.run(test(AtTheDesk(office)))

    running.__name__, running.__doc__ = test.__name__, test.__doc__
    return running


@run
async def test_a_number_and_its_pin_let_in_and_nothing_else_does(at: AtTheDesk) -> None:
    number = await at.add("王小明")
    for wrong in ((number, OTHER_PIN), (number + 1, PIN)):
        with pytest.raises(Refused, match="wrong_number_or_pin"):
            await at.sign_in(*wrong)
    session = await at.sign_in(number)
    assert (await at.view(session)).my_name == "王小明"
    with pytest.raises(Refused, match="signed_out"):
        await at.view("0" * 32)


@run
async def test_the_pin_is_kept_as_a_hash_and_the_name_sealed(at: AtTheDesk) -> None:
    await at.add("王小明")
    row = at.front.office.store._database.one("SELECT pin, sealed FROM staff")
    assert row and row.text("pin").startswith("$argon2id$")
    assert PIN not in row.text("pin") and "王小明".encode() not in row.blob("sealed")
    request = protocol.SignIn(number=11, pin=PIN)
    assert PIN not in repr(request)


@run
async def test_a_weak_pin_is_refused(at: AtTheDesk) -> None:
    with pytest.raises(InvalidInput, match="weak_pin"):
        await at.add("王小明", "111111")


@run
async def test_wrong_pins_are_slowed_down_and_a_new_pin_ends_the_waiting(at: AtTheDesk) -> None:
    number = await at.add("王小明")
    for _ in range(5):
        with pytest.raises(Refused, match="wrong_number_or_pin"):
            await at.sign_in(number, OTHER_PIN)
    with pytest.raises(Refused, match="too_many_attempts"):
        await at.sign_in(number)
    await at.desk.manage(protocol.SetPin(number=number, pin=OTHER_PIN))
    assert await at.sign_in(number, OTHER_PIN)


@run
async def test_p7_before_they_read_what_is_recorded_of_them_there_is_nothing(at: AtTheDesk) -> None:
    number = await at.add("王小明")
    session = await at.sign_in(number, read=False)
    for request in (protocol.GetDesk(session=session), protocol.Shift(session=session, change="begin")):
        with pytest.raises(Refused, match="notice_unread"):
            await at.desk.answer(request)
    with pytest.raises(InvalidInput, match="notice_changed"):
        await at.desk.answer(protocol.Acknowledge(session=session, notice_hash="0" * 64))
    await at.desk.answer(protocol.Acknowledge(session=session, notice_hash=NOTICE.hash))
    await at.desk.answer(protocol.Shift(session=session, change="begin"))
    again = await at.desk.answer(protocol.SignIn(number=number, pin=PIN))
    assert isinstance(again, protocol.SignedIn) and again.notice is None


@run
async def test_a_session_without_an_act_is_locked_and_looking_is_none(at: AtTheDesk) -> None:
    session, _ = await at.on_shift("王小明")
    at.desk._sessions[session].touched -= counter.LOCK_S - 1
    left = (await at.view(session)).locks_in_s
    assert left <= 1
    at.desk._sessions[session].touched -= 2
    with pytest.raises(Refused, match="signed_out"):
        await at.view(session)


@run
async def test_who_is_disabled_is_out_at_once_and_off_shift(at: AtTheDesk) -> None:
    session, number = await at.on_shift("王小明")
    await at.desk.manage(protocol.DisableStaff(number=number))
    with pytest.raises(Refused, match="signed_out"):
        await at.view(session)
    with pytest.raises(Refused, match="wrong_number_or_pin"):
        await at.sign_in(number)
    assert at.staff.list().members[0].on_shift is False


@run
async def test_turns_go_round_are_skipped_and_paused(at: AtTheDesk) -> None:
    a, first = await at.on_shift("甲")
    b, second = await at.on_shift("乙")
    _, third = await at.on_shift("丙")

    async def line() -> list[int]:
        return [one.number for one in (await at.view(a)).line]

    assert await line() == [first, second, third]
    await at.desk.answer(protocol.Turn(session=a, number=first))
    assert await line() == [second, third, first]
    await at.desk.answer(protocol.Shift(session=b, change="pause"))
    assert await line() == [third, first, second]
    await at.desk.answer(protocol.Shift(session=b, change="resume"))
    assert await line() == [second, third, first]
    await at.desk.answer(protocol.Shift(session=b, change="end"))
    assert await line() == [third, first]
    with pytest.raises(InvalidInput, match="not_on_shift"):
        await at.desk.answer(protocol.Shift(session=b, change="end"))


@run
async def test_a_registered_party_is_proposed_to_whose_turn_it_is_and_remembered(at: AtTheDesk) -> None:
    session, first = await at.on_shift("甲")
    _, second = await at.on_shift("乙")
    at.front.register(name="欧阳晓晴", party_size=3)
    (guest,) = (await at.view(session)).guests
    assert (guest.name, guest.phone, guest.party_size) == ("欧阳晓晴", "138****8000", 3)
    assert (guest.returning, guest.visits_before, guest.last_receiver) == (False, 0, None)
    assert (guest.receiver, guest.proposed, guest.reported) == (None, first, False)
    await at.desk.answer(protocol.Receive(session=session, visit=guest.visit, number=second))
    view = await at.view(session)
    assert view.guests[0].receiver == second
    assert [one.number for one in view.line] == [first, second]
    await at.desk.answer(protocol.Leave(session=session, visit=guest.visit))
    assert (await at.view(session)).guests == ()
    at.front.register()
    (again,) = (await at.view(session)).guests
    assert (again.returning, again.visits_before, again.last_receiver) == (True, 1, "乙")
    left = at.front.office.store.audit_tail(1)[0]
    assert (left.code, left.subject) == ("desk_left", f"{guest.visit}.staff{first}")


@run
async def test_p13_a_report_shows_as_reported_and_only_with_channel_risk(at: AtTheDesk) -> None:
    session, _ = await at.on_shift("甲")
    row = ReportRow(ref="R1", phone=PHONE, channel="某渠道", agent="李经纪", reported_ms=1_700_000_000_000)
    books(at.front.office, at.front.risk).import_rows((row,))
    at.front.register()
    (guest,) = (await at.view(session)).guests
    assert not guest.reported, "without channel_risk the desk doesn't look"
    at.front.register(scopes={Scope.REGISTRATION, Scope.CHANNEL_RISK})
    view = await at.view(session)
    assert [g.reported for g in view.guests] == [True, True]
    said = view.model_dump_json()
    assert "某渠道" not in said and "李经纪" not in said and "RISK" not in said and "R1" not in said


@run
async def test_p43_who_withdrew_is_not_shown_any_more(at: AtTheDesk) -> None:
    session, _ = await at.on_shift("甲")
    at.front.register(name="欧阳晓晴")
    at.front.rights.withdraw(PHONE, frozenset({Scope.REGISTRATION}))
    assert (await at.view(session)).guests == ()


@run
async def test_who_has_no_number_is_shown_without_one_and_gone_when_they_leave(at: AtTheDesk) -> None:
    session, _ = await at.on_shift("甲")
    at.front.register(phone=None, name="欧阳晓晴")
    (guest,) = (await at.view(session)).guests
    assert (guest.phone, guest.name) == (None, "欧阳晓晴")
    await at.desk.answer(protocol.Leave(session=session, visit=guest.visit))
    assert at.front.rows()["visits"] == at.front.rows()["names"] == 0
    with pytest.raises(InvalidInput, match="visit_is_over"):
        await at.desk.answer(protocol.Leave(session=session, visit=guest.visit))


@run
async def test_p8_what_is_recorded_of_staff_ends_when_their_notice_says(at: AtTheDesk) -> None:
    session, number = await at.on_shift("甲")
    _, other = await at.on_shift("乙")
    at.front.register()
    visit = (await at.view(session)).guests[0].visit
    await at.desk.answer(protocol.Receive(session=session, visit=visit, number=number))
    await at.desk.answer(protocol.Shift(session=session, change="end"))
    await at.desk.manage(protocol.DisableStaff(number=number))
    store, now = at.front.office.store, at.front.clock.now_ms()
    database = store._database

    def rows() -> list[int]:
        tables = ("staff", "shifts", "receptions", "staff_told")
        return [database.count(f"SELECT count(*) FROM {table}") for table in tables]

    store.purge_staff(now + STAFF_KEPT_MS - 3_600_000)
    assert rows() == [2, 2, 1, 2]
    store.purge_staff(now + STAFF_KEPT_MS + 3_600_000)
    assert rows() == [1, 1, 0, 1], "who works here keeps the shift they are on"
    assert [m.number for m in at.staff.list().members] == [other]


def test_the_keys_of_staff_survive_a_restart(office: Office) -> None:
    """The sweep at the start destroys keys that no row needs."""
    at = AtTheDesk(office)
    asyncio.run(at.add("王小明"))
    office.store.sweep()
    assert at.staff.list().members[0].name == "王小明"
