"""What a card comes to: every kind is kept as far as `id_card` allows; an unsure one waits for a yes."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from edge.domain.errors import GatehouseError, Refused
from edge.domain.idcard import CardKind
from edge.ipc import control
from edge.ipc.messages import CardRead
from edge.runtime import held
from edge.runtime.office import Office
from edge.runtime.storethread import StoreThread
from edge.store.rows import CardRow
from edge.wire import Purpose, Scope
from tests.unit.runtime.test_reception import EVERYTHING, PHONE, AtTheDesk, rows, years_ago

LATER = f"{date.today() + timedelta(days=400):%Y%m%d}"  # noqa: DTZ011 — as the desk's calendar
EARLIER = f"{date.today() - timedelta(days=1):%Y%m%d}"  # noqa: DTZ011
NUMBERS = {
    CardKind.RESIDENT: "11010519491231002X",
    CardKind.PERMIT: "810000194912310028",
    CardKind.FOREIGNER_2017: "CAN110081080310",
    CardKind.FOREIGNER_2023: "911124198108030024",
}
FOREIGN = (CardKind.FOREIGNER_2017, CardKind.FOREIGNER_2023)
KINDS = pytest.mark.parametrize("kind", list(CardKind))


@pytest.fixture
def thread() -> Iterator[StoreThread]:
    class SameThread(StoreThread):
        async def run(self, function, *args, **kwargs):  # type: ignore[no-untyped-def] # as its parent
            await asyncio.sleep(0)
            return function(*args, **kwargs)

    one = SameThread()
    yield one
    one.close()


@pytest.fixture
def desk(office: Office, thread: StoreThread) -> AtTheDesk:
    return AtTheDesk(office, thread)


def card(kind: CardKind, **change: object) -> CardRead:
    foreign = kind in FOREIGN
    fields = {
        "device": "card", "lease": "1" * 32, "at_ms": 1, "kind": kind, "name": "张三丰", "sex": "1",
        "nation": "11" if kind is CardKind.RESIDENT else "", "country": "CAN" if foreign else "",
        "english_name": "SMITH, JOHN A" if foreign else "", "birth": "19810803",
        "address": "" if foreign else "北京市朝阳区某路1号", "number": NUMBERS[kind], "issuer": "某局",
        "valid_from": "20200101", "valid_until": LATER, "confirmed_twice": True,
    } | change  # fmt: skip
    return CardRead.model_validate(fields)


def kept(desk: AtTheDesk, session: str) -> CardRow | None:
    office = desk.office
    permit = office.gate.permit(Purpose.IDENTITY_CHECK, desk.reception._visitor(session).person)
    return office.store.card(permit)


async def answer(desk: AtTheDesk, session: str, yes: bool) -> control.CardSeen:
    seen = await desk.reception.answer(control.ConfirmCard(session=session, yes=yes))
    assert isinstance(seen, control.CardSeen)
    return seen


@KINDS
def test_of_each_kind_name_number_validity_and_kind_are_kept(desk: AtTheDesk, kind: CardKind) -> None:
    """P6: neither nation, country, sex, birth, address nor issuer; a foreigner's name is the English one."""

    async def scene() -> None:
        session = await desk.registered()
        seen = await desk.read_card(session, card(kind))
        assert (seen.outcome, seen.kind) == ("read", kind)
        assert (seen.nation, seen.masked_address, seen.valid_until) == ("", "", "")
        name = "SMITH, JOHN A" if kind in FOREIGN else "张三丰"
        assert kept(desk, session) == CardRow(name, NUMBERS[kind], LATER, kind)

    asyncio.run(scene())


@KINDS
def test_what_the_screen_shows_is_masked(desk: AtTheDesk, kind: CardKind) -> None:
    async def scene() -> None:
        seen = await desk.read_card(await desk.registered(), card(kind, confirmed_twice=False))
        assert seen.outcome == "confirm_fields"
        assert seen.masked_name == ("S****, J*** A 张**" if kind in FOREIGN else "张**")
        number = NUMBERS[kind]
        assert seen.masked_number == number[:3] + "*" * (len(number) - 7) + number[-4:]
        assert seen.nation == ("满" if kind is CardKind.RESIDENT else "")
        assert seen.masked_address == ("" if kind in FOREIGN else "北京市朝阳区****")
        assert seen.valid_until == LATER
        assert number not in repr(seen) and "张" not in repr(seen)

    asyncio.run(scene())


@KINDS
@pytest.mark.parametrize("twice", [True, False])
def test_p38_a_child_under_14_by_any_card(desk: AtTheDesk, kind: CardKind, twice: bool) -> None:
    """P38: nothing is stored, nothing waits, and what was registered is gone."""

    async def scene() -> None:
        session = await desk.registered()
        young = card(kind, birth=years_ago(13), confirmed_twice=twice)
        assert await desk.read_card(session, young) == control.CardSeen(outcome="minor")
        assert (rows(desk.office, "cards"), rows(desk.office, "contacts"), len(desk.leases.held)) == (0, 0, 0)

    asyncio.run(scene())


@KINDS
@pytest.mark.parametrize("twice", [True, False])
def test_an_expired_card_of_any_kind_is_not_kept(desk: AtTheDesk, kind: CardKind, twice: bool) -> None:
    async def scene() -> None:
        seen = await desk.read_card(
            await desk.registered(), card(kind, valid_until=EARLIER, confirmed_twice=twice)
        )
        assert seen == control.CardSeen(outcome="expired")
        assert (rows(desk.office, "cards"), len(desk.leases.held)) == (0, 0)

    asyncio.run(scene())


@KINDS
def test_an_unsure_card_is_kept_only_on_the_visitors_yes(desk: AtTheDesk, kind: CardKind) -> None:
    async def scene() -> None:
        session = await desk.registered()
        await desk.read_card(session, card(kind, confirmed_twice=False))
        assert (rows(desk.office, "cards"), len(desk.leases.held)) == (0, 1)
        seen = await answer(desk, session, yes=True)
        assert (seen.outcome, seen.kind, seen.nation) == ("read", kind, "")
        assert (rows(desk.office, "cards"), len(desk.leases.held)) == (1, 0)
        visitor = desk.reception._visitor(session)
        visit = desk.office.store.visit(visitor.visit)
        assert visit is not None
        assert [e.kind for e in visit.evidence] == ["registration", "id_card"]
        assert (await answer(desk, session, yes=True)).outcome == "too_late", "once"

    asyncio.run(scene())


def test_a_no_keeps_nothing_and_forgets(desk: AtTheDesk) -> None:
    async def scene() -> None:
        session = await desk.registered()
        await desk.read_card(session, card(CardKind.RESIDENT, confirmed_twice=False))
        assert await answer(desk, session, yes=False) == control.CardSeen(outcome="not_confirmed")
        assert (rows(desk.office, "cards"), len(desk.leases.held)) == (0, 0)
        assert (await answer(desk, session, yes=True)).outcome == "too_late"

    asyncio.run(scene())


def test_without_an_answer_it_is_forgotten_by_itself(
    desk: AtTheDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "HOLD_S", 0.05)

    async def scene() -> None:
        session = await desk.registered()
        await desk.read_card(session, card(CardKind.RESIDENT, confirmed_twice=False))
        await asyncio.sleep(0.1)
        assert len(desk.leases.held) == 0
        assert await answer(desk, session, yes=True) == control.CardSeen(outcome="too_late")
        assert rows(desk.office, "cards") == 0

    asyncio.run(scene())


def test_the_end_of_the_session_forgets_it(desk: AtTheDesk) -> None:
    async def scene() -> None:
        session = await desk.registered()
        await desk.read_card(session, card(CardKind.RESIDENT, confirmed_twice=False))
        await desk.reception.answer(control.End(session=session))
        assert len(desk.leases.held) == 0
        with pytest.raises(GatehouseError):
            await answer(desk, session, yes=True)

    asyncio.run(scene())


def test_p43_a_withdrawal_in_between_forgets_it_and_nothing_is_kept(desk: AtTheDesk) -> None:
    """P43: the yes to the fields is no consent to keep them."""

    async def scene() -> None:
        session = await desk.registered()
        unsure = card(CardKind.RESIDENT, confirmed_twice=False)
        await desk.read_card(session, unsure)
        await desk.reception.answer(control.Withdraw(phone=PHONE, scopes=frozenset({Scope.ID_CARD})))
        assert len(desk.leases.held) == 0
        desk.leases.held.put(desk.reception._visitor(session).person, unsure)  # as if it had slipped through
        with pytest.raises(Refused):
            await answer(desk, session, yes=True)
        assert rows(desk.office, "cards") == 0

    asyncio.run(scene())


def test_a_new_lease_forgets_what_waited(desk: AtTheDesk) -> None:
    async def scene() -> None:
        session = await desk.registered()
        await desk.read_card(session, card(CardKind.RESIDENT, confirmed_twice=False))
        assert (await desk.read_card(session, TimeoutError())).outcome == "no_card"
        assert (await answer(desk, session, yes=True)).outcome == "too_late"

    asyncio.run(scene())


def test_another_visitor_cannot_answer_for_somebody(desk: AtTheDesk) -> None:
    async def scene() -> None:
        first = await desk.registered()
        await desk.read_card(first, card(CardKind.RESIDENT, confirmed_twice=False))
        second = await desk.registered(EVERYTHING, "13900139000")
        assert (await answer(desk, second, yes=True)).outcome == "too_late"
        assert rows(desk.office, "cards") == 0

    asyncio.run(scene())


def test_a_card_whose_row_is_from_before_there_were_kinds_is_a_residents(desk: AtTheDesk) -> None:
    from edge.wire import canonical

    async def scene() -> None:
        session = await desk.registered()
        await desk.read_card(session, card(CardKind.PERMIT))
        store, person = desk.office.store, desk.reception._visitor(session).person
        old = canonical(["李四", NUMBERS[CardKind.RESIDENT], "20301231"])
        sealed = store._keys.seal((person, Scope.ID_CARD), "cards", person, old)
        store._database.run("UPDATE cards SET sealed = ? WHERE person = ?", (sealed, person))
        assert kept(desk, session) == CardRow(
            "李四", NUMBERS[CardKind.RESIDENT], "20301231", CardKind.RESIDENT
        )

    asyncio.run(scene())
