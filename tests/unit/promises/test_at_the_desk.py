"""At the desk: refusing one thing loses that alone (P12), and who comes back is known at once (P13)."""

import asyncio

import pytest

from edge.domain.errors import Refused
from edge.ipc import kiosk
from edge.runtime.clock import Clock
from edge.wire import Scope
from tests.unit.runtime.test_reception import EVERYTHING, PHONE, AtTheDesk, card, face, rows

R, F, I, C = Scope.REGISTRATION, Scope.FACE_MATCH, Scope.ID_CARD, Scope.CHANNEL_RISK  # noqa: E741 — I: the ID card
HOUR_MS = 3_600_000


async def visit(
    desk: AtTheDesk, scopes: frozenset[Scope], declined: frozenset[Scope]
) -> tuple[str, kiosk.Registered]:
    session = await desk.begin()
    answer = await desk.reception.answer(
        kiosk.Register(
            session=session,
            notice_hash=desk.office.notice.hash,
            scopes=scopes,
            declined=declined,
            phone=PHONE,
            source="walk_in" if C in scopes else None,
        )
    )
    assert isinstance(answer, kiosk.Registered)
    return session, answer


@pytest.mark.parametrize("refused", [F, I, C])
def test_p12_refusing_one_scope_loses_that_service_alone(desk: AtTheDesk, refused: Scope) -> None:
    """P12: the visit, the card, the face, the source, coming back and leaving: all but what was refused."""

    async def scene() -> None:
        session, answer = await visit(desk, EVERYTHING - {refused}, frozenset({refused}))
        assert answer.outcome == "registered"
        assert set(answer.active) == EVERYTHING - {refused}
        assert rows(desk.office, "visits") == 1
        assert rows(desk.office, "sources") == (refused is not C)
        if refused is F:
            with pytest.raises(Refused):
                await desk.recognise(session, face(), face(), face())
        else:
            assert await desk.recognise(session, face(), face(), face()) == "enrolled"
        if refused is I:
            with pytest.raises(Refused):
                await desk.read_card(session, card())
        else:
            assert (await desk.read_card(session, card())).outcome == "read"
        again = await visit(desk, frozenset({R}), frozenset())
        assert again[1].returning
        assert await desk.reception.answer(kiosk.Depart(phone=PHONE)) == kiosk.Departed(closed=True)

    asyncio.run(scene())


def test_p12_refusing_registration_keeps_nothing_and_is_no_fault(desk: AtTheDesk) -> None:
    async def scene() -> None:
        _session, answer = await visit(desk, frozenset(), EVERYTHING)
        assert answer.outcome == "declined"
        for table in ("consents", "visits", "person_tokens", "contacts", "outbox"):
            assert rows(desk.office, table) == 0

    asyncio.run(scene())


@pytest.mark.parametrize("scopes", [frozenset({R}), frozenset({R, F})])
def test_p13_a_returning_visitor_is_known_at_once_with_a_face_and_without(
    desk: AtTheDesk, scopes: frozenset[Scope]
) -> None:
    """P13: the registration itself says first or returning; no lease has to run for it."""

    async def scene() -> None:
        session, first = await visit(desk, scopes, frozenset())
        assert (first.returning, first.visits_before) == (False, 0)
        if F in scopes:
            assert await desk.recognise(session, face(), face(), face()) == "enrolled"
        granted = desk.leases.granted
        session, second = await visit(desk, scopes, frozenset())
        assert (second.returning, second.visits_before) == (True, 1)
        assert desk.leases.granted == granted, "nothing looked"
        if F in scopes:
            assert await desk.recognise(session, face(), face()) == "confirmed"

    asyncio.run(scene())


def test_p50_a_refused_scope_is_not_offered_again_for_48_hours(
    desk: AtTheDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P50: the page that follows a registration is told what not to ask for."""
    now = [1_800_000_000_000]
    monkeypatch.setattr(Clock, "now_ms", lambda _self: now[0])

    async def scene() -> None:
        _session, answer = await visit(desk, frozenset({R}), frozenset({F}))
        assert answer.not_asked_again == (F,)
        now[0] += 48 * HOUR_MS - 1
        assert (await visit(desk, frozenset({R}), frozenset()))[1].not_asked_again == (F,)
        now[0] += 1
        assert (await visit(desk, frozenset({R}), frozenset()))[1].not_asked_again == ()

    asyncio.run(scene())
