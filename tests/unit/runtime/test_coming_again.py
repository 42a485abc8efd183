"""Coming again at the core: the number opens the visit; nothing is asked within 48 h of its refusal."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.errors import InvalidInput
from edge.ipc import kiosk
from edge.runtime.strangers import MOST, WITHIN_S, Strangers
from edge.wire import Scope
from tests.unit.runtime.test_reception import EVERYTHING, PHONE, AtTheDesk, rows

R, F, C, I = Scope.REGISTRATION, Scope.FACE_MATCH, Scope.CHANNEL_RISK, Scope.ID_CARD  # noqa: E741 — I: the ID card
STRANGER = "13900000001"


async def come(desk: AtTheDesk, phone: str = PHONE, session: str = "") -> kiosk.Registered:
    session = session or await desk.begin()
    answer = await desk.reception.answer(kiosk.ComeAgain(session=session, phone=phone))
    assert isinstance(answer, kiosk.Registered)
    return answer


async def first(desk: AtTheDesk, scopes: frozenset[Scope], declined: frozenset[Scope]) -> None:
    request = kiosk.Register(
        session=await desk.begin(), notice_hash=desk.office.notice.hash, scopes=scopes, declined=declined,
        phone=PHONE,
    )  # fmt: skip
    await desk.reception.answer(request)


def test_p50_what_stands_and_what_was_refused_of_late_is_not_asked(
    desk: AtTheDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P50: within 48 h of the refusal; and what was answered in this visit isn't asked in it again."""

    async def scene() -> None:
        await first(desk, frozenset({R, I}), frozenset({F}))
        answer = await come(desk)
        assert (answer.returning, answer.visits_before) == (True, 1)
        assert (set(answer.active), answer.ask) == ({R, I}, (C,))
        assert rows(desk.office, "visits") == 2
        later = desk.office.clock.now_ms() + 48 * 3600 * 1000
        monkeypatch.setattr(desk.office.clock, "now_ms", lambda: later)
        session = await desk.begin()
        assert set((await come(desk, session=session)).ask) == {C, F}
        choice = kiosk.Choose(
            session=session, notice_hash=desk.office.notice.hash, scopes=frozenset({F}),
            declined=frozenset({C}), source="friend",
        )  # fmt: skip
        told = await desk.reception.answer(choice)
        assert isinstance(told, kiosk.Registered)
        assert (set(told.active), told.ask) == ({R, I, F}, ())
        assert rows(desk.office, "sources") == 0, "kept only with channel_risk"
        with pytest.raises(InvalidInput, match="not_asked"):
            await desk.reception.answer(choice)

    asyncio.run(scene())


def test_p1_coming_again_agrees_to_nothing(desk: AtTheDesk) -> None:
    """P1: the number opens the visit of who is registered; no consent is written."""

    async def scene() -> None:
        await first(desk, frozenset({R}), frozenset())
        before = rows(desk.office, "consents")
        await come(desk)
        assert rows(desk.office, "consents") == before

    asyncio.run(scene())


def test_whose_registration_ended_is_as_unknown_as_a_stranger(desk: AtTheDesk) -> None:
    """P43: nothing is kept, and both get the same answer."""

    async def scene() -> None:
        await first(desk, EVERYTHING, frozenset())
        await desk.reception.answer(kiosk.Withdraw(phone=PHONE, scopes=EVERYTHING))
        visits = rows(desk.office, "visits")
        assert await come(desk) == await come(desk, STRANGER)
        assert rows(desk.office, "visits") == visits

    asyncio.run(scene())


def test_who_tries_numbers_learns_nothing_after_the_first_few(desk: AtTheDesk) -> None:
    """P40: a known number then gets the stranger's answer too, and no visit is opened."""

    async def scene() -> None:
        await first(desk, frozenset({R}), frozenset())
        for n in range(MOST):
            assert (await come(desk, f"1390000{n:04d}")).outcome == "unknown"
        assert (await come(desk)).outcome == "unknown"
        assert rows(desk.office, "visits") == 1

    asyncio.run(scene())


def test_what_was_not_asked_is_not_taken(desk: AtTheDesk) -> None:
    async def scene() -> None:
        session = await desk.registered(frozenset({R}))
        choice = kiosk.Choose(session=session, notice_hash=desk.office.notice.hash, scopes=frozenset({F}))
        with pytest.raises(InvalidInput, match="not_asked"):
            await desk.reception.answer(choice)

    asyncio.run(scene())


@given(st.lists(st.floats(0, 400), max_size=60))
def test_never_more_than_a_few_tries_in_any_ten_minutes(pauses: list[float]) -> None:
    now, tried = 0.0, list[float]()
    strangers = Strangers(lambda: now)
    for pause in pauses:
        now += pause
        if strangers.may_ask():
            strangers.note()
            tried.append(now)
    for at in tried:
        assert sum(at <= other <= at + WITHIN_S for other in tried) <= MOST
