"""What the kiosk may ask of the core: sessions in memory, and the visitor's acts; never a second way in."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.config import Config
from edge.consent.policy import FACE_SUSPENDED_AFTER_MS
from edge.domain.errors import InvalidInput, LinkDown, NotLeased
from edge.domain.faces import Vector, confirmation, enrolment, pack, unpack
from edge.domain.facts import PersonId
from edge.ipc import kiosk
from edge.ipc.messages import Message
from edge.runtime.buyers import Buyer, Buyers
from edge.runtime.cards import Cards
from edge.runtime.departures import Departures
from edge.runtime.desk import Desk, Visitor
from edge.runtime.guardians import Guardians, by_signature
from edge.runtime.leases import Leases, Seen
from edge.runtime.links import Links
from edge.runtime.mydata import MyData
from edge.runtime.office import Shown, new_id
from edge.runtime.rights import Rights
from edge.runtime.storethread import StoreThread
from edge.runtime.strangers import Strangers
from edge.runtime.workers import Worker
from edge.wire import Purpose

log = logging.getLogger(__name__)

SESSION_S = 600.0
SWEEP_S = 30.0
"""How often idle sessions are looked for, while there are any."""
MOST_SESSIONS = 64


@dataclass(slots=True)
class _Session:
    touched: float = field(default_factory=time.monotonic)
    visitor: Visitor | None = None
    guardian: PersonId | None = None
    """Whose lease runs while a guardian's card is read: random, of this session alone."""
    registered: kiosk.Registered | None = None
    code: str | None = None
    """The link of the code that a card opened in this session."""
    asker: PersonId | None = None
    """A random id, nobody's: whose lease it is while a card is read to find its bearer."""
    buyer: Buyer | None = None
    """Who answered as a buyer in this session."""
    registering: asyncio.Lock = field(default_factory=asyncio.Lock)


class Reception:
    """Answers the kiosk."""

    def __init__(
        self,
        config: Config,
        desk: Desk,
        rights: Rights,
        links: Links,
        mine: MyData,
        buyers: Buyers,
        departures: Departures,
        leases: Leases,
        workers: dict[str, Worker],
        thread: StoreThread,
        offline_ms: Callable[[], int],
    ) -> None:
        self._config = config
        self._desk = desk
        self._rights = rights
        self._links = links
        self._mine = mine
        self._buyers = buyers
        self._departures = departures
        self._leases = leases
        self._workers = workers
        self._call = thread.run
        self._offline_ms = offline_ms
        self._guardians = Guardians(config, leases, workers)
        self._cards = Cards(config, desk, rights, leases, workers, thread.run)
        self._sessions: dict[str, _Session] = {}
        self._strangers = Strangers()
        self._sweeping = False

    async def answer(self, request: kiosk.KioskRequest) -> Message:  # noqa: PLR0911, PLR0912 — one per request
        """Return the answer to one request; raises domain errors."""
        match request:
            case kiosk.GetNotice():
                notice: kiosk.Notice = await self._call(self._desk.shown)
                return notice
            case kiosk.Begin():
                return kiosk.Begun(session=self._begin())
            case kiosk.ComeAgain():
                return await self._come_again(request)
            case kiosk.Choose():
                return await self._choose(request)
            case kiosk.AnswerAsBuyer():
                return await self._answer_as_buyer(request)
            case kiosk.ShowBuyersCard():
                return await self._buyers_card(self._session(request.session))
            case kiosk.Register():
                return await self._register(request)
            case kiosk.RegisterChild():
                return await self._register_child(request)
            case kiosk.Recognise():
                return await self._recognise(self._visitor(request.session))
            case kiosk.ReadCard():
                return await self._cards.read(self._visitor(request.session))
            case kiosk.VerifyCard():
                return await self._cards.verify(self._visitor(request.session), self._faces_off())
            case kiosk.ConfirmCard():
                return await self._cards.confirm(self._visitor(request.session), request.yes)
            case kiosk.Depart():
                closed = await self._call(self._departures.by_number, request.phone)
                return kiosk.Departed(closed=closed)
            case kiosk.Withdraw():
                return await self._withdraw(request)
            case kiosk.FindByCard():
                return await self._find_by_card(self._session(request.session))
            case kiosk.GetCode():
                return kiosk.VisitorCode(address=await self._code(self._session(request.session)))
            case kiosk.End():
                self._end(request.session)
                return kiosk.Departed(closed=True)
            case kiosk.Living():
                self._forget_old()
                return kiosk.Alive(sessions=tuple(s for s in request.sessions if s in self._sessions))

    # -- sessions --------------------------------------------------------------------------

    def _begin(self) -> str:
        self._forget_old()
        if len(self._sessions) >= MOST_SESSIONS:
            raise InvalidInput("begin", "too_many_sessions", "wait for a screen to clear")
        session = new_id()
        self._sessions[session] = _Session()
        if not self._sweeping:
            self._sweep()
        return session

    def _sweep(self) -> None:
        """Forget in time, so that nobody's number stays in memory until the next visitor comes."""
        self._forget_old()
        self._sweeping = bool(self._sessions)
        if self._sweeping:
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _forget_old(self) -> None:
        now = time.monotonic()
        for name in [n for n, s in self._sessions.items() if now - s.touched > SESSION_S]:
            del self._sessions[name]

    def _end(self, name: str) -> None:
        """Forget a session; a lease that its visitor still has is over."""
        session = self._sessions.pop(name, None)
        if session is None:
            return
        visitor = session.visitor.person if session.visitor is not None else None
        for holder in filter(None, (visitor, session.guardian, session.asker)):
            self._leases.cancel(holder)

    @property
    def idle(self) -> bool:
        """Whether nobody stands at the kiosk."""
        return not self._sessions

    def forget(self, persons: tuple[PersonId, ...]) -> None:
        """End every session of who was erased: their number is in it, and nothing may rest on it."""
        for person in persons:
            self._buyers.forget(person)
        for name, session in list(self._sessions.items()):
            standing = {one.person for one in (session.visitor, session.buyer) if one is not None}
            if standing & set(persons):
                self._end(name)

    def _session(self, name: str) -> _Session:
        self._forget_old()
        session = self._sessions.get(name)
        if session is None:
            raise InvalidInput("use a session", "session_over", "begin again")
        session.touched = time.monotonic()
        return session

    def _visitor(self, name: str) -> Visitor:
        visitor = self._session(name).visitor
        if visitor is None:
            raise InvalidInput("use a session", "not_registered", "register first")
        return visitor

    async def _register(self, request: kiosk.Register) -> kiosk.Registered:
        session = self._session(request.session)
        async with session.registering:
            if session.visitor is not None:
                raise InvalidInput("register", "already_registered", "end this session first")
            answer, session.visitor = await self._call(self._desk.register, request)
            if session.visitor is not None and request.declined:
                self._leases.cancel(session.visitor.person)  # one that another session began
            session.registered = self._able(answer)
        return session.registered

    def _able(self, answer: kiosk.Registered) -> kiosk.Registered:
        faces = self._desk.faces_on
        return answer.model_copy(
            update={"can_match": faces, "can_verify": faces and self._cards.can_verify()}
        )

    async def _come_again(self, request: kiosk.ComeAgain) -> kiosk.Registered:
        session = self._session(request.session)
        async with session.registering:
            if session.visitor is not None:
                raise InvalidInput("register", "already_registered", "end this session first")
            if not self._strangers.may_ask():
                return kiosk.Registered(outcome="unknown")
            answer, session.visitor = await self._call(
                self._desk.come_again, request.phone, request.party_size
            )
            if session.visitor is None:
                self._strangers.note()
            session.registered = self._able(answer)
        return session.registered

    async def _choose(self, request: kiosk.Choose) -> kiosk.Registered:
        session, visitor = self._session(request.session), self._visitor(request.session)
        async with session.registering:
            before = session.registered
            if before is None or not request.scopes | request.declined <= set(before.ask):
                raise InvalidInput("choose", "not_asked", "only what may be asked of this visitor")
            session.registered = await self._call(self._desk.choose, visitor, request, before)
        return session.registered

    async def _answer_as_buyer(self, request: kiosk.AnswerAsBuyer) -> kiosk.BuyerAnswered:
        session = self._session(request.session)
        async with session.registering:
            if session.visitor is not None or session.buyer is not None:
                raise InvalidInput("answer as a buyer", "already_answered", "end this session first")
            if not request.yes:
                # Met or not: the same words, and nobody finds out by saying no who was here.
                await self._call(self._buyers.answer, request.notice_hash, request.phone, yes=False)
                return kiosk.BuyerAnswered(outcome="declined")
            if not self._strangers.may_ask():
                return kiosk.BuyerAnswered(outcome="unknown")
            session.buyer = await self._call(
                self._buyers.answer, request.notice_hash, request.phone, yes=True
            )
            if session.buyer is None:
                self._strangers.note()
                return kiosk.BuyerAnswered(outcome="unknown")
        by_card = self._mine.there
        return kiosk.BuyerAnswered(outcome="agreed", reach=session.buyer.reach, by_card=by_card)

    async def _buyers_card(self, session: _Session) -> kiosk.BuyersCard:
        async with session.registering:
            if session.buyer is None:
                raise InvalidInput("show a card", "not_answered", "answer first")
            session.asker = PersonId(new_id())
            outcome, since_ms = await self._mine.since(session.asker, session.buyer.person)
            if since_ms is not None:
                session.buyer = await self._call(self._buyers.by_card, session.buyer, since_ms)
        return kiosk.BuyersCard(outcome=outcome)

    async def _register_child(self, request: kiosk.RegisterChild) -> kiosk.ChildRegistered:
        """Register a child by what the guardian shows; whose session ended meanwhile changed their mind."""
        session = self._session(request.session)
        async with session.registering:
            if session.visitor is not None:
                raise InvalidInput("register", "already_registered", "end this session first")
            shown = (
                by_signature(request) if request.by == "signature" else await self._guardians_card(session)
            )
            if not isinstance(shown, Shown):
                return kiosk.ChildRegistered(outcome=shown)
            if self._sessions.get(request.session) is not session:
                return kiosk.ChildRegistered(outcome="failed")
            answer, session.visitor = await self._call(self._desk.register_child, request, shown)
        return kiosk.ChildRegistered(outcome="registered", registered=answer)

    async def _guardians_card(self, session: _Session) -> Shown | kiosk.GuardianOutcome:
        await self._call(self._desk.may_read_guardian)
        session.guardian = PersonId(new_id())
        try:
            return await self._guardians.by_card(session.guardian)
        finally:
            session.guardian = None

    async def _withdraw(self, request: kiosk.Withdraw) -> kiosk.Withdrawn:
        ended, persons = await self._call(self._rights.withdraw, request.phone, request.scopes)
        for person in persons:
            self._leases.cancel(person)
        return kiosk.Withdrawn(scopes=ended)

    async def _find_by_card(self, session: _Session) -> kiosk.MyCode:
        async with session.registering:
            if session.visitor is not None:
                raise InvalidInput("find by card", "already_registered", "end this session first")
            session.asker = PersonId(new_id())
            outcome, session.code = await self._mine.ask(session.asker)
        return kiosk.MyCode(outcome=outcome)

    async def _code(self, session: _Session) -> str | None:
        """Return the address of this session's code: of its registration, or the one that a card opened."""
        visitor, link = session.visitor, session.code
        if visitor is not None:
            link = await self._call(self._desk.give_code, visitor)
        elif link is None:
            raise InvalidInput("use a session", "not_registered", "register first")
        return await self._call(self._links.address, link) if link else None

    # -- face ------------------------------------------------------------------------------

    def _faces_off(self) -> bool:
        return self._offline_ms() > FACE_SUSPENDED_AFTER_MS or not self._desk.faces_on

    async def _recognise(self, visitor: Visitor) -> kiosk.Recognised:
        if not self._desk.faces_on:
            return kiosk.Recognised(outcome="unavailable")
        await self._call(self._desk.may_lease, visitor, Purpose.FACE_CONFIRMATION)
        camera, vision = self._config.desk.camera, self._workers.get("vision")
        if camera is None or vision is None or self._faces_off():
            return kiosk.Recognised(outcome="unavailable")
        try:
            return kiosk.Recognised(outcome=await self._look(visitor, camera, vision))
        except (LinkDown, NotLeased) as error:
            log.warning("recognition unavailable cause=%s", error.cause)
            return kiosk.Recognised(outcome="unavailable")

    async def _look(self, visitor: Visitor, camera: str, vision: Worker) -> kiosk.FaceOutcome:
        kept = await self._call(self._desk.templates, visitor)
        templates = [(model, unpack(vector)) for model, vector in kept]
        looking = _Look(templates, self._threshold())
        with contextlib.suppress(TimeoutError):  # the lease is over: what was seen until then counts
            async with self._leases.recognition(visitor.person, camera, vision) as seen:
                async for one in seen:
                    if looking.add(one) is not None:
                        break
        if looking.template is not None:
            await self._call(self._desk.enrol, visitor, looking.model, pack(looking.template))
        elif looking.outcome() == "confirmed":
            await self._call(self._desk.face_confirmed, visitor)
        return looking.outcome()

    def _threshold(self) -> float:
        assert self._config.models is not None  # the configuration refuses cameras without models
        return self._config.models.confirm_at


class _Look:
    """One visitor before the camera: collects templates until the outcome is clear."""

    def __init__(self, templates: list[tuple[str, Vector]], threshold: float) -> None:
        self._templates = templates
        self._threshold = threshold
        self._seen: list[Vector] = []
        self._several = 0
        self._confirmed: bool | None = None
        self.template: Vector | None = None
        self.model = ""

    def add(self, one: Seen) -> kiosk.FaceOutcome | None:
        """Take one frame's result; return the outcome once it is clear."""
        if one.faces != 1:
            self._several += one.faces > 1
            return None
        self.model = one.model
        self._seen.append(one.vector)
        # Templates of another model can't be compared: after a change of model one is enrolled anew.
        known = [vector for model, vector in self._templates if model == one.model]
        if known:
            self._confirmed = confirmation(self._seen, known, self._threshold)
        else:
            self.template = enrolment(self._seen, self._threshold)
        clear = self._confirmed is not None or self.template is not None
        return self.outcome() if clear else None

    def outcome(self) -> kiosk.FaceOutcome:
        """Return the outcome as it stands when the lease is over."""
        if self.template is not None:
            return "enrolled"
        if self._confirmed:
            return "confirmed"
        if self._seen:
            return "not_confirmed"
        return "several_faces" if self._several else "no_face"
