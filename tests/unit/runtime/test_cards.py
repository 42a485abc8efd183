"""What a card comes to: every kind is kept as far as `id_card` allows; an unsure one waits for a yes."""

import asyncio
from datetime import date, timedelta

import pytest

from edge.consent.policy import FACE_SUSPENDED_AFTER_MS
from edge.domain.errors import GatehouseError, LinkDown, Refused
from edge.domain.idcard import CardKind
from edge.ipc import kiosk
from edge.ipc.messages import CardFailed, CardRead, Compared
from edge.runtime import held
from edge.store.rows import CardRow
from edge.wire import Purpose, Scope
from tests.unit.runtime.test_reception import EVERYTHING, PHONE, AtTheDesk, rows, years_ago

LATER = f"{date.today() + timedelta(days=400):%Y%m%d}"  # noqa: DTZ011 — as the desk's calendar
EARLIER = f"{date.today() - timedelta(days=1):%Y%m%d}"  # noqa: DTZ011 — a card says its day in no zone
NUMBERS = {
    CardKind.RESIDENT: "11010519491231002X",
    CardKind.PERMIT: "810000194912310028",
    CardKind.FOREIGNER_2017: "CAN110081080310",
    CardKind.FOREIGNER_2023: "911124198108030024",
}
FOREIGN = (CardKind.FOREIGNER_2017, CardKind.FOREIGNER_2023)
KINDS = pytest.mark.parametrize("kind", list(CardKind))


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


async def answer(desk: AtTheDesk, session: str, yes: bool) -> kiosk.CardSeen:
    seen = await desk.reception.answer(kiosk.ConfirmCard(session=session, yes=yes))
    assert isinstance(seen, kiosk.CardSeen)
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
        assert await desk.read_card(session, young) == kiosk.CardSeen(outcome="minor")
        assert (rows(desk.office, "cards"), rows(desk.office, "contacts"), len(desk.leases.held)) == (0, 0, 0)

    asyncio.run(scene())


@KINDS
@pytest.mark.parametrize("twice", [True, False])
def test_an_expired_card_of_any_kind_is_not_kept(desk: AtTheDesk, kind: CardKind, twice: bool) -> None:
    async def scene() -> None:
        seen = await desk.read_card(
            await desk.registered(), card(kind, valid_until=EARLIER, confirmed_twice=twice)
        )
        assert seen == kiosk.CardSeen(outcome="expired")
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
        assert await answer(desk, session, yes=False) == kiosk.CardSeen(outcome="not_confirmed")
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
        assert await answer(desk, session, yes=True) == kiosk.CardSeen(outcome="too_late")
        assert rows(desk.office, "cards") == 0

    asyncio.run(scene())


def test_the_end_of_the_session_forgets_it(desk: AtTheDesk) -> None:
    async def scene() -> None:
        session = await desk.registered()
        await desk.read_card(session, card(CardKind.RESIDENT, confirmed_twice=False))
        await desk.reception.answer(kiosk.End(session=session))
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
        await desk.reception.answer(kiosk.Withdraw(phone=PHONE, scopes=frozenset({Scope.ID_CARD})))
        assert len(desk.leases.held) == 0
        waiting = held.Waiting(unsure, "not_asked")  # as if it had slipped through
        desk.leases.held.put(desk.reception._visitor(session).person, waiting)
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


# ---- card and person, 1:1 --------------------------------------------------------------------


def verdict(outcome: str) -> Compared:
    return Compared.model_validate(
        {"lease": "1" * 32, "outcome": outcome, "score_permille": 700 if outcome == "same" else 100}
    )


async def verify(
    desk: AtTheDesk, session: str, given: CardRead | CardFailed | Exception, told: Compared | Exception | None
) -> kiosk.CardSeen:
    desk.leases.card, desk.leases.verdict = given, told
    seen = await desk.reception.answer(kiosk.VerifyCard(session=session))
    assert isinstance(seen, kiosk.CardSeen)
    return seen


def evidence(desk: AtTheDesk, session: str) -> list[str]:
    visit = desk.office.store.visit(desk.reception._visitor(session).visit)
    assert visit is not None
    return [e.kind for e in visit.evidence]


@pytest.mark.parametrize(
    ("told", "face"),
    [
        (verdict("same"), "verified"),
        (verdict("different"), "not_verified"),
        (verdict("no_face"), "no_face"),
        (verdict("no_face_on_photo"), "no_face_on_photo"),
        (None, "unavailable"),
        (TimeoutError(), "no_face"),
        (LinkDown("speak", "worker_down"), "no_face"),
    ],
)
def test_whatever_the_comparison_says_the_card_is_read_and_a_face_alone_adds_nothing(
    desk: AtTheDesk, told: Compared | Exception | None, face: str
) -> None:
    async def scene() -> None:
        session = await desk.registered()
        seen = await verify(desk, session, card(CardKind.RESIDENT, photo="sent"), told)
        assert (seen.outcome, seen.face) == ("read", face)
        assert evidence(desk, session) == [
            "registration", "id_card", *(["face_confirmed"] if face == "verified" else [])
        ]  # fmt: skip
        assert desk.leases.compared == [0.5], "by the configured threshold, once"
        assert rows(desk.office, "templates") == 0, "nothing of a face is kept"

    asyncio.run(scene())


def test_without_pixels_nobody_is_looked_at(desk: AtTheDesk) -> None:
    async def scene() -> None:
        session = await desk.registered()
        seen = await verify(desk, session, card(CardKind.PERMIT, photo="not_decodable"), verdict("same"))
        assert (seen.outcome, seen.face) == ("read", "photo_not_decodable")
        assert desk.leases.compared == []
        assert evidence(desk, session) == ["registration", "id_card"]

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (card(CardKind.RESIDENT, photo="sent", birth=years_ago(9)), "minor"),
        (card(CardKind.RESIDENT, photo="sent", valid_until=EARLIER), "expired"),
        (CardFailed(device="card", lease="1" * 32, code="not_lifted"), "not_lifted"),
        (CardFailed(device="card", lease="1" * 32, code="read_failed"), "failed"),
        (TimeoutError(), "no_card"),
    ],
)
def test_a_card_that_wont_do_is_compared_with_nobody(
    desk: AtTheDesk, given: CardRead | CardFailed | Exception, outcome: str
) -> None:
    """P38 among them: a child's face isn't looked at."""

    async def scene() -> None:
        seen = await verify(desk, await desk.registered(), given, verdict("same"))
        assert seen.outcome == outcome
        assert desk.leases.compared == []
        assert rows(desk.office, "cards") == 0

    asyncio.run(scene())


@pytest.mark.parametrize("yes", [True, False])
def test_an_unsure_card_that_was_compared_waits_with_its_verdict(desk: AtTheDesk, yes: bool) -> None:
    async def scene() -> None:
        session = await desk.registered()
        unsure = card(CardKind.RESIDENT, photo="sent", confirmed_twice=False)
        assert (await verify(desk, session, unsure, verdict("same"))).outcome == "confirm_fields"
        assert evidence(desk, session) == ["registration"]
        seen = await answer(desk, session, yes)
        assert (seen.outcome, seen.face) == (("read", "verified") if yes else ("not_confirmed", "not_asked"))
        assert evidence(desk, session) == ["registration", *(["id_card", "face_confirmed"] if yes else [])]

    asyncio.run(scene())


def test_a_verification_that_the_visitor_stopped_keeps_not_even_the_card(desk: AtTheDesk) -> None:
    """The card was read and holds; the tap on "stop" came while the camera looked."""

    async def scene() -> None:
        session = await desk.registered()
        desk.leases.stopped = True
        seen = await verify(desk, session, card(CardKind.RESIDENT, photo="sent"), TimeoutError())
        assert (seen.outcome, seen.masked_number) == ("failed", "")
        assert (rows(desk.office, "cards"), evidence(desk, session)) == (0, ["registration"])

    asyncio.run(scene())


@pytest.mark.parametrize("lacking", [Scope.ID_CARD, Scope.FACE_MATCH])
def test_p49_it_needs_both_consents(desk: AtTheDesk, lacking: Scope) -> None:
    """P49: the consent to the card is none to the face, nor the other way round."""

    async def scene() -> None:
        session = await desk.registered(EVERYTHING - {lacking})
        with pytest.raises(Refused):
            await verify(desk, session, card(CardKind.RESIDENT, photo="sent"), verdict("same"))
        assert desk.leases.granted == 0

    asyncio.run(scene())


def test_after_a_week_offline_nobody_is_compared(desk: AtTheDesk) -> None:
    async def scene() -> None:
        session = await desk.registered()
        desk.offline_ms = FACE_SUSPENDED_AFTER_MS + 1
        seen = await verify(desk, session, card(CardKind.RESIDENT, photo="sent"), verdict("same"))
        assert (seen.outcome, seen.face, desk.leases.granted) == ("failed", "unavailable", 0)

    asyncio.run(scene())
