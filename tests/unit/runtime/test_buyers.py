"""A buyer's yes reaches as far as they showed that the number is theirs; no answer tells of a stranger's."""

import asyncio

import pytest

from edge.domain.errors import InvalidInput, Refused
from edge.domain.idcard import CardKind
from edge.domain.judging.case import Case
from edge.domain.judging.inputs import read
from edge.ipc import kiosk
from edge.ipc.operator import ReportRow
from edge.runtime import mydata
from edge.runtime.buyers import VOUCHED_S
from edge.runtime.office import Office
from edge.runtime.risk import Risk
from edge.runtime.storethread import StoreThread
from edge.runtime.strangers import MOST
from edge.wire import Purpose, Scope
from tests.unit.runtime.rules import RULES, books
from tests.unit.runtime.test_cards import card
from tests.unit.runtime.test_reception import PHONE, AtTheDesk, rows

R, C, I = Scope.REGISTRATION, Scope.CHANNEL_RISK, Scope.ID_CARD  # noqa: E741 — I: the ID card
OWN, IMPOSTORS = "11010519491231002X", "110105198108030030"
STRANGER = "13900000001"
LATER_MS = 4_000_000_000_000


class Now:
    """A monotonic clock that stands."""

    at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def desk(office: Office, thread: StoreThread, monkeypatch: pytest.MonkeyPatch) -> AtTheDesk:
    monkeypatch.setattr(mydata, "ANSWER_S", 0.02)
    one = AtTheDesk(office, thread, "https://hq.example")
    one.buyers._now = Now()
    return one


def reported(desk: AtTheDesk) -> None:
    row = ReportRow(ref="R-1", phone=PHONE, channel="a channel", agent="", reported_ms=LATER_MS)
    books(desk.office, Risk(desk.office, RULES)).import_rows((row,))


def finding(desk: AtTheDesk) -> str | None:
    last = desk.office.store.last_verdict("R-1")
    return last.verdict if last else None


def case(desk: AtTheDesk) -> Case:
    last = desk.office.store.last_verdict("R-1")
    assert last is not None and last.inputs is not None
    return read(last.inputs.encode())[0]


async def registered(
    desk: AtTheDesk, number: str | None = None, scopes: frozenset[Scope] = frozenset({R, I})
) -> str:
    """Register, perhaps with a card; return the visit."""
    session = await desk.begin()
    answer = await desk.register(session, scopes)
    if number is not None:
        seen = await desk.read_card(session, card(CardKind.RESIDENT, number=number))
        assert seen.outcome == "read"
    await desk.reception.answer(kiosk.End(session=session))
    await asyncio.sleep(0.003)
    assert answer.visit is not None
    return answer.visit


async def answered(
    desk: AtTheDesk, phone: str = PHONE, *, yes: bool = True
) -> tuple[str, kiosk.BuyerAnswered]:
    session = await desk.begin()
    asked = kiosk.AnswerAsBuyer(session=session, notice_hash=desk.office.notice.hash, phone=phone, yes=yes)
    told = await desk.reception.answer(asked)
    assert isinstance(told, kiosk.BuyerAnswered)
    return session, told


async def shows(desk: AtTheDesk, session: str, number: str) -> str:
    desk.leases.card = card(CardKind.RESIDENT, number=number)
    told = await desk.reception.answer(kiosk.ShowBuyersCard(session=session))
    assert isinstance(told, kiosk.BuyersCard)
    return told.outcome


def test_a_number_that_was_only_typed_opens_no_earlier_visit(desk: AtTheDesk) -> None:
    """P14, P40: an impostor opens nothing that its owner left here and never let be checked."""

    async def scene() -> None:
        await registered(desk)
        reported(desk)
        _session, told = await answered(desk)
        assert (told.outcome, told.reach) == ("agreed", "from_now")
        assert (finding(desk), case(desk).presences) == ("UNKNOWN", ())
        await registered(desk, scopes=frozenset({R}))
        assert finding(desk) is not None

    asyncio.run(scene())


def test_what_a_receptionist_saw_opens_what_is_still_held(desk: AtTheDesk) -> None:
    """P14: the yes covers the registrations still lawfully held, once it is clear whose they are; at once."""

    async def scene() -> None:
        first = await registered(desk)
        visit = await registered(desk, scopes=frozenset({R}))
        reported(desk)
        assert finding(desk) == "UNKNOWN"
        desk.buyers.vouch(visit)
        _session, told = await answered(desk)
        assert (told.outcome, told.reach) == ("agreed", "all")
        assert finding(desk) == "RISK"
        assert len(case(desk).presences) == 2
        assert desk.office.store.visit(first) is not None

    asyncio.run(scene())


def test_a_look_at_papers_counts_for_ten_minutes_and_for_that_person_alone(desk: AtTheDesk) -> None:
    async def scene() -> None:
        visit = await registered(desk)
        desk.buyers.vouch(visit)
        now = desk.buyers._now
        assert isinstance(now, Now)
        now.at += VOUCHED_S
        _session, told = await answered(desk)
        assert told.reach == "from_now"
        desk.buyers.vouch(visit)
        row = desk.office.store.visit(visit)
        assert row is not None
        desk.reception.forget((row.person,))
        _session, told = await answered(desk)
        assert told.reach == "from_now"
        with pytest.raises(InvalidInput, match="visit_is_over"):
            desk.buyers.vouch("0" * 32)

    asyncio.run(scene())


def test_a_visit_without_a_number_has_nobody_to_vouch_for(desk: AtTheDesk) -> None:
    async def scene() -> None:
        request = kiosk.Register(
            session=await desk.begin(), notice_hash=desk.office.notice.hash, scopes=frozenset({R})
        )
        answer = await desk.reception.answer(request)
        assert isinstance(answer, kiosk.Registered) and answer.visit is not None
        with pytest.raises(Refused, match="no_number"):
            desk.buyers.vouch(answer.visit)

    asyncio.run(scene())


def test_the_card_that_was_kept_opens_visits_from_its_registration_on(desk: AtTheDesk) -> None:
    """P40: never more than the code of that registration showed; nothing more is kept of the card."""

    async def scene() -> None:
        await registered(desk, scopes=frozenset({R}))
        await registered(desk, OWN)
        reported(desk)
        kept = rows(desk.office, "cards"), rows(desk.office, "card_marks")
        session, told = await answered(desk)
        assert (told.by_card, finding(desk)) == (True, "UNKNOWN")
        assert await shows(desk, session, OWN) == "found"
        assert finding(desk) == "RISK"
        assert sorted(p.kind for p in case(desk).presences) == ["id_card", "registration"]
        assert (rows(desk.office, "cards"), rows(desk.office, "card_marks")) == kept

    asyncio.run(scene())


@pytest.mark.parametrize("laid", [IMPOSTORS, "110105199003070011"])
def test_p40_an_impostors_card_opens_nothing_of_the_owners_earlier_visits(desk: AtTheDesk, laid: str) -> None:
    """P40: he typed the number and let his own card be kept; it reaches his registration and none before."""

    async def scene() -> None:
        await registered(desk, OWN)
        await registered(desk, IMPOSTORS)
        reported(desk)
        session, _told = await answered(desk)
        outcome = await shows(desk, session, laid)
        assert outcome == ("found" if laid == IMPOSTORS else "nothing")
        assert len(case(desk).presences) == (2 if laid == IMPOSTORS else 0), "his own registration, no more"

    asyncio.run(scene())


def test_p40_an_answer_tells_nothing_of_what_a_numbers_owner_had_said(desk: AtTheDesk) -> None:
    """P40, P12: whatever they said, yes and no are answered alike; so is a no for a stranger."""

    async def scene() -> None:
        told = []
        for scopes, declined in (({R}, ()), ({R, C}, ()), ({R}, (C,))):
            request = kiosk.Register(
                session=await desk.begin(), notice_hash=desk.office.notice.hash, scopes=frozenset(scopes),
                declined=frozenset(declined), phone=PHONE,
            )  # fmt: skip
            await desk.reception.answer(request)
            told.append((await answered(desk))[1])
            told.append((await answered(desk, yes=False))[1])
        assert len({one.model_dump_json() for one in told}) == 2
        _session, strangers = await answered(desk, STRANGER, yes=False)
        assert strangers == told[-1]
        assert rows(desk.office, "person_tokens") == 2

    asyncio.run(scene())


def test_who_tries_numbers_learns_nothing_after_the_first_few(desk: AtTheDesk) -> None:
    """P40"""

    async def scene() -> None:
        await registered(desk)
        for n in range(MOST):
            assert (await answered(desk, f"1390000{n:04d}"))[1].outcome == "unknown"
        assert (await answered(desk))[1].outcome == "unknown"

    asyncio.run(scene())


def test_a_no_ends_what_stood_and_is_never_a_risk(desk: AtTheDesk) -> None:
    """P12, P43: refusing looks exactly as never having come."""

    async def scene() -> None:
        await registered(desk, scopes=frozenset({R, C}))
        reported(desk)
        assert finding(desk) == "RISK"
        await answered(desk, yes=False)
        assert finding(desk) == "UNKNOWN"
        session, _told = await answered(desk, yes=False)
        with pytest.raises(InvalidInput, match="not_answered"):
            await shows(desk, session, OWN)

    asyncio.run(scene())


def test_p2_every_consent_has_its_own_proof_also_one_that_only_reaches_farther(desk: AtTheDesk) -> None:
    """P2, P7: under the notice in force; a yes that stands and reaches as far is left as it is."""

    async def scene() -> None:
        visit = await registered(desk)
        await registered(desk, scopes=frozenset({R}))
        for vouched in (False, False, True, True, False):
            if vouched:
                desk.buyers.vouch(visit)
            else:
                desk.buyers._vouched.clear()
            await answered(desk)
        row = desk.office.store.visit(visit)
        assert row is not None
        history = desk.office.store.every_consent(desk.office.gate.permit_rights(row.person))
        mine = [one for one in history if one.scope is C]
        assert [one.state for one in mine] == ["ACTIVE", "RECONSENT", "ACTIVE"]
        assert [one.proof is not None for one in mine] == [True, False, True]
        assert desk.office.store.consent(row.person, C).covers_ms is None
        desk.office.gate.permit(Purpose.CHANNEL_RISK, row.person)

    asyncio.run(scene())


def test_a_receptionists_look_is_good_for_one_yes(desk: AtTheDesk) -> None:
    """P12: whoever withdrew after it agrees anew by what they type, and that reaches no farther back."""

    async def scene() -> None:
        visit = await registered(desk)
        desk.buyers.vouch(visit)
        await answered(desk)
        row = desk.office.store.visit(visit)
        assert row is not None and desk.office.store.consent(row.person, C).covers_ms is None
        await answered(desk, yes=False)
        await answered(desk)
        assert desk.office.store.consent(row.person, C).covers_ms is not None

    asyncio.run(scene())


def test_p7_an_answer_to_other_words_is_refused(desk: AtTheDesk) -> None:
    """P7"""

    async def scene() -> None:
        await registered(desk)
        asked = kiosk.AnswerAsBuyer(session=await desk.begin(), notice_hash="0" * 64, phone=PHONE, yes=True)
        with pytest.raises(InvalidInput, match="notice_changed"):
            await desk.reception.answer(asked)

    asyncio.run(scene())


def test_changed_words_agreed_to_anew_reach_as_far_as_before(desk: AtTheDesk) -> None:
    """A typed number opens nothing new; what was checked before may be checked again."""

    async def scene() -> None:
        await registered(desk, scopes=frozenset({R, C}))
        reported(desk)
        row = desk.office.store.open_visits()[0]
        desk.buyers._rights.ask_again(row.person, C)
        assert finding(desk) == "UNKNOWN"
        await registered(desk, scopes=frozenset({R, C}))
        assert finding(desk) == "RISK"
        assert len(case(desk).presences) == 2

    asyncio.run(scene())
