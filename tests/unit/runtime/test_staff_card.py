"""Signing in by card: it gives what a PIN gives; of the card a keyed hash is kept, of others nothing."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from edge.domain.errors import InvalidInput, Refused
from edge.domain.idcard import CardKind
from edge.ipc import staff as protocol
from edge.ipc.messages import CardFailed
from edge.runtime import counter
from edge.runtime.appointments import Appointments
from edge.runtime.counter import StaffDesk
from edge.runtime.guests import Guests
from edge.runtime.leases import Leases
from edge.runtime.office import Office
from edge.runtime.owncard import OwnCard
from edge.runtime.workers import Worker
from edge.wire import Purpose
from tests.unit.runtime.samethread import SameThread
from tests.unit.runtime.test_cards import card
from tests.unit.runtime.test_reception import CONFIG, ScriptedLeases
from tests.unit.runtime.test_staff import AtTheDesk

MINE, SOMEBODYS = "11010519491231002X", "110105198108030030"


class Counter(AtTheDesk):
    """With a terminal."""

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self.office = self.front.office
        self.leases = ScriptedLeases()
        workers = {"card": cast(Worker, object())}
        own = OwnCard(CONFIG, self.office.gate, cast(Leases, self.leases), workers)
        self.desk = StaffDesk(
            self.staff,
            Guests(self.office),
            self.front.departures,
            self.amends,
            self.merging,
            self.buyers,
            self.paper,
            Appointments(self.office, self.front.risk),
            SameThread(),
            own,
        )

    def lay(self, number: str, **change: object) -> None:
        self.leases.card = card(CardKind.RESIDENT, number=number, **change)

    async def enrolled(self, name: str, number: str) -> tuple[int, str]:
        """Somebody who signed in by PIN and laid down their card; return their number and session."""
        who = await self.add(name)
        session = await self.sign_in(who)
        self.lay(number)
        kept = await self.desk.answer(protocol.KeepMyCard(session=session))
        assert kept == protocol.CardKept(outcome="kept")
        return who, session

    async def by_card(self) -> protocol.SignedIn:
        signed = await self.desk.answer(protocol.SignInByCard())
        assert isinstance(signed, protocol.SignedIn)
        return signed

    def kept(self) -> list[tuple[str, str, str]]:
        rows = self.office.store._database.query("SELECT * FROM staff_cards")
        return [(row.text("mark"), row.text("basis"), row.text("purpose")) for row in rows]


def run(test: Callable[[Counter], Coroutine[Any, Any, None]]) -> Callable[[Office], None]:
    def running(office: Office) -> None:
        asyncio.run(test(Counter(office)))

    running.__name__, running.__doc__ = test.__name__, test.__doc__
    return running


@run
async def test_a_card_gives_the_session_that_a_pin_gives(desk: Counter) -> None:
    """P2: what is kept of it is a keyed hash, under `employment`."""
    number, _ = await desk.enrolled("王小明", MINE)
    signed = await desk.by_card()
    assert signed.notice is None
    view = await desk.view(signed.session)
    assert (view.me, view.card) == (number, "kept")
    ((mark, basis, purpose),) = desk.kept()
    assert (len(mark), basis, purpose) == (64, "employment", "staffing")
    assert MINE not in mark


@run
async def test_what_a_card_signed_in_cannot_put_another_card_in_its_place(desk: Counter) -> None:
    await desk.enrolled("王小明", MINE)
    signed = await desk.by_card()
    desk.lay(SOMEBODYS)
    with pytest.raises(Refused, match="pin_needed"):
        await desk.desk.answer(protocol.KeepMyCard(session=signed.session))
    with pytest.raises(Refused, match="wrong_card"):
        await desk.by_card()


@run
async def test_a_visitors_card_leaves_nothing_and_wrong_ones_are_slowed_down(desk: Counter) -> None:
    """P6: neither rows nor anything in memory; as with wrong PINs, five are free."""
    await desk.enrolled("王小明", MINE)
    database = desk.office.store._database
    names = [r.text("name") for r in database.query("SELECT name FROM sqlite_master WHERE type = 'table'")]
    count = {name: database.count(f"SELECT count(*) FROM {name}") for name in names}
    desk.lay(SOMEBODYS)
    for _ in range(5):
        with pytest.raises(Refused, match="wrong_card"):
            await desk.by_card()
    desk.lay(MINE)
    read = desk.leases.granted
    with pytest.raises(Refused, match="too_many_attempts"):
        await desk.by_card()
    assert desk.leases.granted == read, "no card is read while one has to wait"
    assert {n: database.count(f"SELECT count(*) FROM {n}") for n in names} == count
    await desk.sign_in(11)  # a PIN still does
    desk.desk._failed[counter._CARDS].until = 0.0
    await desk.by_card()


@run
async def test_p7_an_operator_keeps_a_card_only_of_who_read_what_is_recorded(desk: Counter) -> None:
    """P7: the notice says that a keyed hash of the card's number is kept."""
    number = await desk.add("王小明")
    desk.lay(MINE)
    with pytest.raises(Refused, match="notice_unread"):
        await desk.desk.manage(protocol.KeepCardOf(number=number))
    assert desk.leases.granted == 0 and desk.kept() == []
    await desk.sign_in(number)
    members = await desk.desk.manage(protocol.KeepCardOf(number=number))
    assert isinstance(members, protocol.Members) and members.members[0].card
    assert (await desk.by_card()).notice is None
    await desk.desk.manage(protocol.DropCardOf(number=number))
    assert desk.kept() == []


@run
async def test_a_card_signs_in_one_person_and_a_new_one_replaces_the_old(desk: Counter) -> None:
    await desk.enrolled("王小明", MINE)
    other = await desk.sign_in(await desk.add("李小红"))
    desk.lay(MINE)
    taken = await desk.desk.answer(protocol.KeepMyCard(session=other))
    assert taken == protocol.CardKept(outcome="card_taken")
    for number in (SOMEBODYS, "110105199001010031"):
        desk.lay(number)
        assert await desk.desk.answer(protocol.KeepMyCard(session=other)) == protocol.CardKept(outcome="kept")
    assert len(desk.kept()) == 2
    desk.lay(SOMEBODYS)
    with pytest.raises(Refused, match="wrong_card"):
        await desk.by_card()


@run
async def test_disabling_somebody_destroys_their_card(desk: Counter) -> None:
    number, _session = await desk.enrolled("王小明", MINE)
    await desk.desk.manage(protocol.DisableStaff(number=number))
    assert desk.kept() == []
    with pytest.raises(Refused, match="wrong_card"):
        await desk.by_card()
    with pytest.raises(InvalidInput, match="disabled"):
        await desk.desk.manage(protocol.KeepCardOf(number=number))


@run
async def test_a_card_that_was_read_once_or_not_at_all_is_not_kept(desk: Counter) -> None:
    session = await desk.sign_in(await desk.add("王小明"))
    desk.lay(MINE, confirmed_twice=False)
    for card_, outcome in (
        (desk.leases.card, "failed"),
        (TimeoutError(), "no_card"),
        (CardFailed(device="card", lease="1" * 32, code="not_lifted"), "not_lifted"),
    ):
        desk.leases.card = card_
        kept = await desk.desk.answer(protocol.KeepMyCard(session=session))
        assert kept == protocol.CardKept.model_validate({"outcome": outcome})
    assert desk.kept() == []


@run
async def test_p26_a_card_is_read_for_no_other_purpose(desk: Counter) -> None:
    """P26: a closed list; every other purpose needs its scope."""
    for purpose in Purpose:
        if purpose in (Purpose.RIGHTS, Purpose.STAFFING):
            desk.office.gate.permit_own_card(purpose)
            continue
        with pytest.raises(Refused, match="no_basis"):
            desk.office.gate.permit_own_card(purpose)


def test_without_a_terminal_nobody_is_offered_a_card(office: Office) -> None:
    async def scene() -> None:
        desk = AtTheDesk(office)
        assert await desk.desk.answer(protocol.GetDoor()) == protocol.Door(card=False)
        with pytest.raises(Refused, match="no_terminal"):
            await desk.desk.answer(protocol.SignInByCard())

    asyncio.run(scene())
