"""Sessions at the desk: bounded, expiring by themselves; what each lease comes to; a child's card."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date
from typing import cast

import pytest

from edge.config import Config
from edge.consent.gate import Gate
from edge.consent.policy import FACE_SUSPENDED_AFTER_MS
from edge.domain.errors import GatehouseError, InvalidInput, LinkDown, NotLeased, Refused
from edge.domain.faces import Vector, pack
from edge.domain.facts import PersonId
from edge.domain.idcard import CardKind
from edge.domain.phone import normalise
from edge.ipc import kiosk
from edge.ipc.driver import DeviceConfig
from edge.ipc.messages import CardFailed, CardRead, Compared
from edge.runtime import reception
from edge.runtime.buyers import Buyers
from edge.runtime.departures import Departures
from edge.runtime.desk import Desk
from edge.runtime.held import Held
from edge.runtime.leases import Device, Leases, Seen
from edge.runtime.links import Links
from edge.runtime.mydata import MyData
from edge.runtime.office import Office
from edge.runtime.owncard import OwnCard
from edge.runtime.reception import Reception
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.runtime.storethread import StoreThread
from edge.runtime.workers import Worker
from edge.wire import ConsentRecorded, ConsentWithdrawn, ErasureReceipt, Record, Scope, VisitRecorded
from tests.unit.runtime.rules import RULES

PHONE = "13800138000"
LIKE: Vector = (1.0, 0.0)
UNLIKE: Vector = (0.0, 1.0)
EVERYTHING = frozenset({Scope.REGISTRATION, Scope.FACE_MATCH, Scope.ID_CARD, Scope.CHANNEL_RISK})
CONFIG = Config.model_validate(
    {
        "site": {"tenant": "t", "site": "s", "box": "b"},
        "paths": {"state": "s", "run": "r", "credentials": "c"},
        "mqtt": {
            "host": "h", "ca": "a", "certificate": "b", "key": "c", "headquarters_keys": ["0" * 64],
        },
        "destinations": [{"host": "h", "country": "CN", "processor": "p"}],
        "notice": "n",
        "devices": (DeviceConfig(id="desk", kind="rtsp", worker="vision"),
                    DeviceConfig(id="card", kind="card_serial", worker="card")),
        "desk": {"camera": "desk", "terminal": "card"},
        "models": {"detector": "d", "embedder": "e", "confirm_at": 0.5},
        "rules": {"file": "rules.toml", "report_keeps_days": 30},
    }
)  # fmt: skip


class ScriptedLeases:
    """Gives the desk what a lease would see; the real leases have tests of their own."""

    def __init__(self) -> None:
        self.held = Held()
        self.seen: list[Seen | Exception] = []
        self.card: CardRead | CardFailed | Exception = TimeoutError()
        self.cancelled: list[PersonId] = []
        self.granted = 0
        self.verdict: Compared | Exception | None = None
        self.compared: list[float] = []
        self.stopped = False

    def cancel(self, person: PersonId) -> None:
        self.held.drop(person)
        self.cancelled.append(person)

    @contextlib.asynccontextmanager
    async def recognition(
        self, person: PersonId, camera: str, vision: Worker
    ) -> AsyncIterator[AsyncIterator[Seen]]:
        self.granted += 1

        async def see() -> AsyncIterator[Seen]:
            for one in self.seen:
                if isinstance(one, Exception):
                    raise one
                yield one

        yield see()

    @contextlib.asynccontextmanager
    async def verification(
        self, person: PersonId, terminal: Device, camera: Device
    ) -> AsyncIterator["ScriptedVerification"]:
        self.granted += 1
        yield ScriptedVerification(self)

    async def card_of_verification(self) -> CardRead | CardFailed:
        if isinstance(self.card, Exception):
            raise self.card
        return self.card

    async def compare(self, confirm_at: float) -> Compared | None:
        self.compared.append(confirm_at)
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict

    async def read_card(
        self, person: PersonId, terminal: str, worker: Worker, *, gives_way: bool = False
    ) -> CardRead | CardFailed:
        self.granted += 1
        if isinstance(self.card, Exception):
            raise self.card
        return self.card


class ScriptedVerification:
    """One lease of both devices, as ScriptedLeases says."""

    def __init__(self, leases: ScriptedLeases) -> None:
        self.cancelled = leases.stopped
        self.card = leases.card_of_verification
        self.compare = leases.compare


class AtTheDesk:
    """One reception over a real store."""

    def __init__(self, office: Office, thread: StoreThread, page: str | None = None) -> None:
        self.office = office
        self.leases = ScriptedLeases()
        self.offline_ms = 0
        workers = {kind: cast(Worker, object()) for kind in ("vision", "card")}
        risk = Risk(office, RULES)
        links = Links(office, page)
        rights = Rights(office, risk, "b", links)
        own = OwnCard(CONFIG, office.gate, cast(Leases, self.leases), workers)
        self.buyers = Buyers(office, risk, rights)
        self.reception = Reception(
            CONFIG,
            Desk(office, risk, rights, links),
            rights,
            links,
            MyData(office, own, thread.run),
            self.buyers,
            Departures(office, "21:00"),
            cast(Leases, self.leases),
            workers,
            thread,
            lambda: self.offline_ms,
        )

    async def begin(self) -> str:
        begun = await self.reception.answer(kiosk.Begin())
        assert isinstance(begun, kiosk.Begun)
        return begun.session

    async def register(
        self, session: str, scopes: frozenset[Scope] = EVERYTHING, phone: str = PHONE
    ) -> kiosk.Registered:
        request = kiosk.Register(
            session=session, notice_hash=self.office.notice.hash, scopes=scopes, phone=phone
        )
        registered = await self.reception.answer(request)
        assert isinstance(registered, kiosk.Registered)
        return registered

    async def registered(self, scopes: frozenset[Scope] = EVERYTHING, phone: str = PHONE) -> str:
        session = await self.begin()
        await self.register(session, scopes, phone)
        return session

    async def recognise(self, session: str, *seen: Seen | Exception) -> str:
        self.leases.seen = list(seen)
        answer = await self.reception.answer(kiosk.Recognise(session=session))
        assert isinstance(answer, kiosk.Recognised)
        return answer.outcome

    async def read_card(self, session: str, card: CardRead | CardFailed | Exception) -> kiosk.CardSeen:
        self.leases.card = card
        answer = await self.reception.answer(kiosk.ReadCard(session=session))
        assert isinstance(answer, kiosk.CardSeen)
        return answer


def face(vector: Vector = LIKE, faces: int = 1) -> Seen:
    return Seen(faces, vector, "sface")


def rows(office: Office, table: str) -> int:
    (row,) = office.store._database.query(f"SELECT count(*) AS n FROM {table}")
    return row.integer("n")


# ---- sessions -------------------------------------------------------------------------------


def test_sessions_are_bounded(desk: AtTheDesk) -> None:
    async def scene() -> None:
        sessions = [await desk.begin() for _ in range(reception.MOST_SESSIONS)]
        assert len(set(sessions)) == reception.MOST_SESSIONS
        with pytest.raises(InvalidInput, match="too_many_sessions"):
            await desk.begin()
        await desk.reception.answer(kiosk.End(session=sessions[0]))
        await desk.begin()

    asyncio.run(scene())


def test_a_session_is_over_after_ten_minutes_without_an_act(
    desk: AtTheDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("edge.runtime.reception.time.monotonic", lambda: now[0])
    assert reception.SESSION_S == 600

    async def scene() -> None:
        kept, idle = await desk.begin(), await desk.begin()
        desk.reception._sessions[kept].touched = desk.reception._sessions[idle].touched = 0.0
        now[0] = 599.0
        await desk.register(kept)
        now[0] = 601.0
        with pytest.raises(InvalidInput, match="session_over"):
            await desk.register(idle)
        assert await desk.recognise(kept, face(faces=0)) == "no_face"

    asyncio.run(scene())


def test_a_visitors_number_leaves_memory_though_nobody_comes_after(
    desk: AtTheDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "SESSION_S", 0.02)
    monkeypatch.setattr(reception, "SWEEP_S", 0.01)

    async def scene() -> None:
        for _ in range(2):  # once more after the sweeping had ended
            await desk.begin()
            async with asyncio.timeout(10):
                while desk.reception._sessions:
                    await asyncio.sleep(0.005)

    asyncio.run(scene())


@pytest.mark.parametrize("request_of", [
    lambda s: kiosk.Recognise(session=s), lambda s: kiosk.ReadCard(session=s),
])  # fmt: skip
def test_without_registration_there_is_no_lease(
    desk: AtTheDesk, request_of: Callable[[str], kiosk.KioskRequest]
) -> None:
    """P1: an unknown session, one that only began, one that declined: nothing looks, nothing reads."""

    async def scene() -> None:
        declined = await desk.begin()
        assert (await desk.register(declined, frozenset())).outcome == "declined"
        for session, code in (
            ("0" * 32, "session_over"),
            (await desk.begin(), "not_registered"),
            (declined, "not_reg"),
        ):
            with pytest.raises(InvalidInput, match=code):
                await desk.reception.answer(request_of(session))
        assert desk.leases.granted == 0

    asyncio.run(scene())


def test_a_session_registers_once_even_when_the_button_is_pressed_twice(desk: AtTheDesk) -> None:
    async def scene() -> None:
        session = await desk.begin()
        results = await asyncio.gather(*(desk.register(session) for _ in range(3)), return_exceptions=True)
        assert [isinstance(r, kiosk.Registered) for r in results].count(True) == 1
        refused = [r for r in results if isinstance(r, GatehouseError)]
        assert [r.cause for r in refused] == ["already_registered"] * 2
        assert rows(desk.office, "visits") == 1

    asyncio.run(scene())


def test_a_cleared_screen_ends_its_visitors_lease(desk: AtTheDesk) -> None:
    async def scene() -> None:
        session = await desk.registered()
        await desk.reception.answer(kiosk.End(session=session))
        assert len(desk.leases.cancelled) == 1
        await desk.reception.answer(kiosk.End(session=session))
        await desk.reception.answer(kiosk.End(session=await desk.begin()))
        assert len(desk.leases.cancelled) == 1

    asyncio.run(scene())


def test_p41_an_erased_persons_session_is_forgotten(desk: AtTheDesk) -> None:
    """Their number is in the core's memory as long as the session is; others' sessions go on."""

    async def scene() -> None:
        session, other = await desk.registered(), await desk.begin()
        await desk.register(other, phone="13900139000")
        asked = kiosk.Living(sessions=(session, other, "0" * 32))
        assert await desk.reception.answer(asked) == kiosk.Alive(sessions=(session, other))
        number = normalise(PHONE)
        token = desk.office.tokens.token("registration", number)
        person = desk.office.store.person_by_token(desk.office.gate.permit_rights(), token)
        assert person is not None
        desk.reception.forget((person,))
        assert await desk.reception.answer(asked) == kiosk.Alive(sessions=(other,))
        assert desk.leases.cancelled == [person]
        with pytest.raises(InvalidInput, match="session_over"):
            await desk.reception.answer(kiosk.Recognise(session=session))
        assert not desk.reception.idle

    asyncio.run(scene())


def test_the_notice_is_told_without_a_session(desk: AtTheDesk) -> None:
    assert asyncio.run(desk.reception.answer(kiosk.GetNotice())) == desk.office.notice


# ---- face -----------------------------------------------------------------------------------


def test_a_face_is_enrolled_once_and_confirms_the_next_visit(desk: AtTheDesk) -> None:
    async def scene() -> None:
        assert await desk.recognise(await desk.registered(), face(), face(), face()) == "enrolled"
        assert rows(desk.office, "templates") == 1
        again = await desk.registered()
        assert await desk.recognise(again, face(), face()) == "confirmed"
        assert rows(desk.office, "templates") == 1
        assert await desk.recognise(await desk.registered(), *[face(UNLIKE)] * 6) == "not_confirmed"

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        ([], "no_face"),
        ([face(faces=0)] * 9, "no_face"),
        ([face(faces=2)] * 9, "several_faces"),
        ([face(), face()], "not_confirmed"),  # too few to enrol
        ([face(), face(UNLIKE), face(), face(UNLIKE)], "not_confirmed"),  # two people taking turns
        ([face(), face(faces=2), face(), face(faces=0), face()], "enrolled"),
        ([face(), TimeoutError()], "not_confirmed"),
        ([TimeoutError()], "no_face"),
        ([face(), LinkDown("read", "link_down")], "unavailable"),
        ([NotLeased("take", "device_in_use")], "unavailable"),
    ],
)
def test_how_a_lease_ends_on_a_first_visit(
    desk: AtTheDesk, seen: list[Seen | Exception], outcome: str
) -> None:
    async def scene() -> None:
        assert await desk.recognise(await desk.registered(), *seen) == outcome
        assert rows(desk.office, "templates") == (1 if outcome == "enrolled" else 0)

    asyncio.run(scene())


@pytest.mark.parametrize("scopes", [EVERYTHING - {Scope.FACE_MATCH}, frozenset({Scope.REGISTRATION})])
def test_p49_without_face_match_nothing_looks(desk: AtTheDesk, scopes: frozenset[Scope]) -> None:
    """P49: separate consent for face; with all the other scopes active."""

    async def scene() -> None:
        with pytest.raises(Refused):
            await desk.recognise(await desk.registered(scopes), face(), face(), face())
        assert desk.leases.granted == 0
        assert rows(desk.office, "templates") == 0

    asyncio.run(scene())


def test_a_box_offline_for_over_seven_days_matches_no_face(desk: AtTheDesk) -> None:
    """domain.md, Consent: a withdrawal may wait for it."""

    async def scene() -> None:
        session = await desk.registered()
        desk.offline_ms = FACE_SUSPENDED_AFTER_MS + 1
        assert await desk.recognise(session, face(), face(), face()) == "unavailable"
        assert desk.leases.granted == 0
        desk.offline_ms = FACE_SUSPENDED_AFTER_MS
        assert await desk.recognise(session, face(), face(), face()) == "enrolled"

    asyncio.run(scene())


def test_p43_a_withdrawal_during_the_lease_keeps_no_template(desk: AtTheDesk) -> None:
    async def scene() -> None:
        session = await desk.registered()
        withdraw = kiosk.Withdraw(phone=PHONE, scopes=frozenset({Scope.FACE_MATCH}))

        @contextlib.asynccontextmanager
        async def recognition(
            person: PersonId, camera: str, vision: Worker
        ) -> AsyncIterator[AsyncIterator[Seen]]:
            async def see() -> AsyncIterator[Seen]:
                yield face()
                yield face()
                answer = await desk.reception.answer(withdraw)
                assert answer == kiosk.Withdrawn(scopes=(Scope.FACE_MATCH,))
                yield face()

            yield see()

        desk.leases.recognition = recognition  # type: ignore[method-assign] # a lease in which that happens
        with pytest.raises(Refused, match="no_consent"):
            await desk.recognise(session)
        assert len(desk.leases.cancelled) == 1
        assert rows(desk.office, "templates") == 0

    asyncio.run(scene())


def test_withdrawing_what_was_never_given_cancels_nothing(desk: AtTheDesk) -> None:
    async def scene() -> None:
        await desk.registered(frozenset({Scope.REGISTRATION}))
        for phone in (PHONE, "13900139000"):
            request = kiosk.Withdraw(phone=phone, scopes=frozenset({Scope.FACE_MATCH}))
            assert await desk.reception.answer(request) == kiosk.Withdrawn(scopes=())
        assert desk.leases.cancelled == []

    asyncio.run(scene())


# ---- card -----------------------------------------------------------------------------------


def card(birth: str = "19491231", valid_until: str = "长期", twice: bool = True) -> CardRead:
    return CardRead(
        device="card", kind=CardKind.RESIDENT, lease="1" * 32, at_ms=1,
        name="张三丰", sex="1", nation="01", birth=birth,
        address="某地", number="11010519491231002X", issuer="某局", valid_from="20200101",
        valid_until=valid_until,
        confirmed_twice=twice,
    )  # fmt: skip


def years_ago(years: int, days: int = 0) -> str:
    """The birth date of who becomes `years` old today, or `days` later."""
    today = date.today()  # noqa: DTZ011 — the desk's own calendar
    moved = date.fromordinal(today.toordinal() + days)
    return f"{moved.year - years:04d}{moved.month:02d}{moved.day:02d}"


def test_a_card_is_kept_and_only_masked_fields_are_shown(desk: AtTheDesk) -> None:
    async def scene() -> None:
        seen = await desk.read_card(await desk.registered(), card())
        assert seen == kiosk.CardSeen(
            outcome="read",
            kind=CardKind.RESIDENT,
            masked_name="张**",
            masked_number="110***********002X",
        )
        assert rows(desk.office, "cards") == 1

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (TimeoutError(), "no_card"),
        (CardFailed(device="card", lease="1" * 32, code="no_card"), "no_card"),
        (CardFailed(device="card", lease="1" * 32, code="read_failed"), "failed"),
        (CardFailed(device="card", lease="1" * 32, code="not_lifted"), "not_lifted"),
        (CardFailed(device="card", lease="1" * 32, code="unsupported_layout"), "unknown_card"),
        (LinkDown("speak", "worker_down"), "failed"),
        (NotLeased("grant", "device_in_use"), "failed"),
        (card(valid_until="20200101"), "expired"),
        (card(twice=False), "confirm_fields"),
    ],
)
def test_how_a_card_lease_ends_otherwise(
    desk: AtTheDesk, given: CardRead | CardFailed | Exception, outcome: str
) -> None:
    async def scene() -> None:
        assert (await desk.read_card(await desk.registered(), given)).outcome == outcome
        assert rows(desk.office, "cards") == 0

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("birth", "minor"),
    [(years_ago(14), False), (years_ago(14, 1), True), (years_ago(3), True), (years_ago(40), False)],
)
def test_p38_the_card_of_a_child_under_14_keeps_nothing(desk: AtTheDesk, birth: str, minor: bool) -> None:
    """P38: card birth date under 14: nothing stored, to the day; the birthday itself counts as 14."""

    async def scene() -> None:
        session = await desk.registered()
        seen = await desk.read_card(session, card(birth=birth))
        assert seen.outcome == ("minor" if minor else "read")
        if minor:
            assert seen == kiosk.CardSeen(outcome="minor")
            for table in ("cards", "contacts", "visits", "evidence", "templates"):
                assert rows(desk.office, table) == 0, "what was kept before the card told is gone as well"
            with pytest.raises(GatehouseError):
                await desk.recognise(session, face(), face(), face())
            assert rows(desk.office, "templates") == 0

    asyncio.run(scene())


def test_without_id_card_nothing_reads(desk: AtTheDesk) -> None:
    async def scene() -> None:
        with pytest.raises(Refused):
            await desk.read_card(await desk.registered(EVERYTHING - {Scope.ID_CARD}), card())
        assert desk.leases.granted == 0

    asyncio.run(scene())


def test_templates_are_read_as_they_were_kept(desk: AtTheDesk) -> None:
    async def scene() -> None:
        session = await desk.registered()
        await desk.recognise(session, face((0.6, 0.8)), face((0.6, 0.8)), face((0.6, 0.8)))
        visitor = desk.reception._visitor(session)
        ((model, vector),) = desk.reception._desk.templates(visitor)
        assert (model, vector) == ("sface", pack((0.6, 0.8)))

    asyncio.run(scene())


def test_a_template_of_another_model_is_not_compared_but_enrolled_anew(desk: AtTheDesk) -> None:
    async def scene() -> None:
        first = await desk.registered()
        assert await desk.recognise(first, *[face()] * 3) == "enrolled"
        await desk.reception.answer(kiosk.End(session=first))
        again = await desk.registered()
        other = [Seen(1, UNLIKE, "arcface")] * 3
        assert await desk.recognise(again, *other) == "enrolled"
        assert rows(desk.office, "templates") == 2

    asyncio.run(scene())


def waiting(office: Office, kind: str) -> list[Record]:
    batch = office.store.take_batch(500)
    entries = batch.entries if batch else ()
    return [entry.record for entry in entries if entry.record.kind == kind]


def test_p43_evidence_of_a_withdrawn_scope_is_not_told_again_at_departure(desk: AtTheDesk) -> None:
    """P43: the revision from before stands as it was; the one made afterwards holds nothing of it."""

    async def scene() -> None:
        await desk.read_card(await desk.registered(), card())
        withdraw = kiosk.Withdraw(phone=PHONE, scopes=frozenset({Scope.ID_CARD}))
        await desk.reception.answer(withdraw)
        assert await desk.reception.answer(kiosk.Depart(phone=PHONE)) == kiosk.Departed(closed=True)
        told = [
            {piece.kind for piece in record.evidence}
            for record in waiting(desk.office, "visit")
            if isinstance(record, VisitRecorded)
        ]
        assert told == [{"registration"}, {"registration", "id_card"}, {"registration"}]

    asyncio.run(scene())


def test_p43_a_withdrawal_is_the_last_word_though_the_clock_was_set_back(
    desk: AtTheDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headquarters orders consents and withdrawals by their times: a fast clock must not undo one."""

    async def scene() -> None:
        await desk.registered()
        set_back = desk.office.clock.now_ms() - 3_600_000
        monkeypatch.setattr(desk.office.clock, "now_ms", lambda: set_back)
        await desk.reception.answer(kiosk.Withdraw(phone=PHONE, scopes=frozenset({Scope.FACE_MATCH})))
        records = waiting(desk.office, "withdrawal")
        ended = [r.at_ms for r in records if isinstance(r, ConsentWithdrawn)]
        batch = desk.office.store.pending_batches()[0]
        agreed = [
            e.record.at_ms
            for e in batch.entries
            if isinstance(e.record, ConsentRecorded) and e.record.scope is Scope.FACE_MATCH
        ]
        assert len(ended) == len(agreed) == 1
        assert ended[0] >= agreed[0]

    asyncio.run(scene())


def test_p41_an_erasure_covers_what_a_fast_clock_dated_later(
    desk: AtTheDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P41: headquarters deletes what was made up to the receipt's time, so that is the latest of all."""

    async def scene() -> None:
        session = await desk.registered()
        batch = desk.office.store.take_batch(500)
        assert batch is not None
        left = max(entry.wall_ms for entry in batch.entries)
        set_back = desk.office.clock.now_ms() - 3_600_000
        monkeypatch.setattr(desk.office.clock, "now_ms", lambda: set_back)
        await desk.read_card(session, card(birth=years_ago(3)))
        (receipt,) = waiting(desk.office, "erasure_receipt")
        assert isinstance(receipt, ErasureReceipt)
        assert receipt.at_ms >= left

    asyncio.run(scene())


def test_without_an_assessment_no_lease_looks_at_a_face_P36(office: Office, thread: StoreThread) -> None:
    """P36: neither alone nor with the card; the page is told, so that it offers neither."""
    holds = True
    desk = AtTheDesk(replace(office, gate=Gate(office.store, lambda: holds)), thread)

    async def scene() -> None:
        nonlocal holds
        session = await desk.begin()
        assert (await desk.register(session)).can_match
        holds = False
        assert await desk.recognise(session, face()) == "unavailable"
        answer = await desk.reception.answer(kiosk.VerifyCard(session=session))
        assert isinstance(answer, kiosk.CardSeen) and answer.face == "unavailable"
        assert desk.leases.granted == 0
        again = await desk.register(await desk.begin(), frozenset({Scope.REGISTRATION}))
        assert not again.can_match and not again.can_verify

    asyncio.run(scene())
