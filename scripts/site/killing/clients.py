"""Those who use the box during a campaign: kiosk, desk, operator, callers; each writes down what it was told.

They are the product's own clients of the control sockets, and sipp. None of them reads the box's store.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from edge.domain.errors import LinkDown, ProtocolError, Refused
from edge.ipc import kiosk, operator
from edge.ipc.client import ControlClient
from edge.ipc.messages import Message
from edge.wire import Scope
from scripts.site.killing.book import Act, Book, End, Kind, Ring
from scripts.site.place import Place, now_ms
from scripts.site.sip_peers import Plan, place_call

A = TypeVar("A", bound=Message)
Asked = tuple[End, dict[str, Any]]

ANSWER_S = 45.0
"""Longer than anything that the core does on a busy machine: silence means that it is gone."""
PATIENCE_S = 6.0
"""A caller whose line is dead hangs up after this time, so that the next one can call."""
SOURCES: tuple[kiosk.Source, ...] = ("agent", "walk_in", "advert", "friend", "other")


class Peer(threading.Thread):
    """One client that acts until it is told to stop; `number(i)` are the people whom it alone serves."""

    def __init__(self, name: str, ordinal: int, place: Place, book: Book, seed: int) -> None:
        super().__init__(name=name)
        self._place = place
        self._book = book
        self._random = random.Random(f"{seed}/{name}")
        self._ordinal = ordinal
        self._stopping = threading.Event()
        run = place.box_directory / "run"
        self._kiosk = ControlClient(run / "kiosk.sock", ANSWER_S)
        self._operator = ControlClient(run / "control.sock", ANSWER_S)

    def number(self, index: int) -> str:
        """Return one of this peer's people, as E.164."""
        return f"+8613{self._ordinal}{index:08d}"

    def stop(self) -> None:
        """Let it finish the act that it is in; `join` it afterwards."""
        self._stopping.set()

    def run(self) -> None:
        """Act until stopped."""
        while not self._stopping.is_set():
            self.act()

    def act(self) -> None:
        """Do one thing."""
        raise NotImplementedError

    def pause(self, least_s: float, most_s: float) -> None:
        """Wait a random time, or until stopped."""
        self._stopping.wait(self._random.uniform(least_s, most_s))

    def ask(self, client: ControlClient, request: Message, answer: type[A]) -> tuple[End, A | None, str]:
        """Ask once, as the kiosk does; return how it ended, the answer and the code of a refusal."""
        try:
            return "acknowledged", client.ask(request, answer), ""
        except Refused as refusal:
            return "refused", None, refusal.code
        except (LinkDown, ProtocolError) as lost:
            if lost.cause == "core_silent":
                self._book.write(f"the core was silent for {ANSWER_S:.0f} s: {type(request).__name__}")
            return "unknown", None, ""

    def note(self, kind: Kind, number: str, asked: dict[str, Any], call: Callable[[], Asked]) -> Act:
        """Do `call` and write down what became of it."""
        before = now_ms()
        self._book.begun.set()
        end, answer = call()
        act = Act(kind, number, before, now_ms(), end, asked, answer)
        self._book.write(act)
        if end == "unknown":
            self.pause(0.05, 0.4)
        return act

    # -- the acts --------------------------------------------------------------------------

    def register(
        self,
        number: str,
        scopes: frozenset[Scope],
        declined: frozenset[Scope] = frozenset(),
        source: kiosk.Source | None = None,
    ) -> tuple[Act, str] | None:
        """Register as a visitor does; return the act and its session, or None if nothing began."""
        _end, notice, _code = self.ask(self._kiosk, kiosk.GetNotice(), kiosk.Notice)
        _end, begun, _code = self.ask(self._kiosk, kiosk.Begin(), kiosk.Begun)
        if notice is None or begun is None:
            self.pause(0.05, 0.4)
            return None
        agreed = Scope.REGISTRATION in scopes
        request = kiosk.Register(
            session=begun.session,
            notice_hash=notice.hash,
            scopes=scopes,
            declined=declined,
            phone=number[3:] if agreed else None,
            party_size=self._random.randint(1, 6),
            source=source,
        )
        asked = {"scopes": scopes, "declined": declined, "party_size": request.party_size}
        act = self.note("register", number, asked, lambda: self._said(request, kiosk.Registered))
        return act, begun.session

    def depart(self, number: str) -> Act:
        """Leave."""
        request = kiosk.Depart(phone=number[3:])
        return self.note("depart", number, {}, lambda: self._said(request, kiosk.Departed))

    def withdraw(self, number: str, scopes: frozenset[Scope]) -> Act:
        """Withdraw scopes."""
        request = kiosk.Withdraw(phone=number[3:], scopes=scopes)
        asked = {"scopes": scopes}
        return self.note("withdraw", number, asked, lambda: self._said(request, kiosk.Withdrawn))

    def _said(self, request: Message, answer: type[Message]) -> Asked:
        client = self._operator if isinstance(request, operator.ImportReports) else self._kiosk
        end, said, code = self.ask(client, request, answer)
        return end, said.model_dump(mode="json") if said is not None else {"code": code}


class Kiosk(Peer):
    """A busy screen: visitors come, come back, leave and withdraw."""

    PEOPLE = 24

    def act(self) -> None:
        """Serve one visitor."""
        number = self.number(self._random.randrange(self.PEOPLE))
        match self._random.choices(("come", "leave", "withdraw", "decline"), (55, 30, 10, 5))[0]:
            case "come":
                self._come(number)
            case "leave":
                self.depart(number)
            case "withdraw":
                scopes = [frozenset({Scope.CHANNEL_RISK}), frozenset({Scope.REGISTRATION}), frozenset(Scope)]
                self.withdraw(number, self._random.choices(scopes, (7, 1, 1))[0])
            case "decline":
                self.register(number, frozenset())
        self.pause(0.0, 0.2)

    def _come(self, number: str) -> None:
        risk = self._random.choices(("yes", "no", "open"), (5, 1, 4))[0]
        scopes = {Scope.REGISTRATION} | ({Scope.CHANNEL_RISK} if risk == "yes" else set())
        declined = frozenset({Scope.CHANNEL_RISK}) if risk == "no" else frozenset()
        source = self._random.choice(SOURCES) if risk == "yes" else None
        self.register(number, frozenset(scopes), declined, source)


class Desk(Peer):
    """The desk with terminal and camera: visitors put down a card, or let themselves be recognised."""

    PEOPLE = 6

    def __init__(
        self, name: str, ordinal: int, place: Place, book: Book, seed: int, card: dict[str, str]
    ) -> None:
        super().__init__(name, ordinal, place, book, seed)
        self._card = card

    def act(self) -> None:
        """Serve one visitor at the desk."""
        number = self.number(self._random.randrange(self.PEOPLE))
        face = self._random.random() < 0.35
        scope = Scope.FACE_MATCH if face else Scope.ID_CARD
        opened = self.register(number, frozenset({Scope.REGISTRATION, scope}))
        if opened is not None and opened[0].sure:
            (self._look if face else self._read)(number, opened[1])
            if self._random.random() < 0.6:
                self.depart(number)
        self.pause(0.1, 0.8)

    def _read(self, number: str, session: str) -> None:
        assert self._place.terminal is not None
        self._place.terminal.place(self._card)
        request = kiosk.ReadCard(session=session)
        self.note("card", number, {}, lambda: self._said(request, kiosk.CardSeen))
        self._place.terminal.lift()

    def _look(self, number: str, session: str) -> None:
        request = kiosk.Recognise(session=session)
        self.note("face", number, {}, lambda: self._said(request, kiosk.Recognised))


class Operator(Peer):
    """Imports agents' reports, and imports the same file again when no answer came, or by mistake."""

    def __init__(
        self, name: str, ordinal: int, place: Place, book: Book, seed: int, people: list[str]
    ) -> None:
        super().__init__(name, ordinal, place, book, seed)
        self._people = people
        self._made = 0
        self._files: list[tuple[operator.ReportRow, ...]] = []
        self._again: tuple[operator.ReportRow, ...] | None = None

    def act(self) -> None:
        """Import one file."""
        rows = self._again or self._file()
        request = operator.ImportReports(rows=rows)
        asked = {"refs": {r.ref: (f"+86{r.phone}", r.reported_ms) for r in rows}}
        done = self.note("import", "", asked, lambda: self._said(request, operator.Imported))
        self._again = rows if done.end == "unknown" else None
        self.pause(0.3, 1.5)

    def _file(self) -> tuple[operator.ReportRow, ...]:
        if self._files and self._random.random() < 0.15:
            return self._random.choice(self._files)
        rows = tuple(self._row() for _ in range(self._random.randint(1, 5)))
        self._files.append(rows)
        return rows

    def _row(self) -> operator.ReportRow:
        self._made += 1
        return operator.ReportRow(
            ref=f"R-{self._made}",
            phone=self._random.choice(self._people)[3:],
            channel="示例渠道",
            agent="王经纪",
            reported_ms=now_ms() + self._random.choice((-3_600_000, 0, 1000)),
        )


class Rights(Peer):
    """Headquarters' clerk: orders the erasure of visitors who asked for it, who later come anew."""

    KNOWN_S = 30.0
    """How long a visit may take to reach headquarters, with everything being killed."""

    def __init__(self, name: str, ordinal: int, place: Place, book: Book, seed: int) -> None:
        super().__init__(name, ordinal, place, book, seed)
        self._made = 0
        self._erased: list[str] = []

    def act(self) -> None:
        """Let one visitor come, and order the erasure of what is held of them."""
        self._made += 1
        number = self.number(self._made)
        scopes = frozenset({Scope.REGISTRATION, self._random.choice((Scope.CHANNEL_RISK, Scope.ID_CARD))})
        came = [self.register(number, scopes) for _ in range(self._random.randint(1, 2))]
        if any(one is not None and one[0].sure for one in came):
            self._order(number)
        self.pause(0.2, 1.5)

    def _order(self, number: str) -> None:
        who, until = self._place.token("registration", number), time.monotonic() + self.KNOWN_S

        def order() -> Asked:
            words = ("erase", "--who", "-", "--reason", "visitor_request")
            while True:
                try:
                    return "acknowledged", {"order": self._place.cloud(*words, stdin=who)}
                except RuntimeError as refusal:
                    if "unknown_token" not in str(refusal) or time.monotonic() > until:
                        self._book.write(f"an erasure could not be ordered: {str(refusal)[-200:]}")
                        return "refused", {}
                    time.sleep(0.3)

        if self.note("erase", number, {}, order).sure:
            self._erased.append(number)

    def come_again(self) -> None:
        """Let everybody who was erased come anew: the box knows none of them. After the run is drained."""
        for number in self._erased:
            self.register(number, frozenset({Scope.REGISTRATION, Scope.CHANNEL_RISK}))
            self.depart(number)


class Caller(Peer):
    """Calls the office, each time as somebody else; half of them press 1."""

    def __init__(self, name: str, ordinal: int, place: Place, book: Book, seed: int) -> None:
        super().__init__(name, ordinal, place, book, seed)
        self._made = 0

    def act(self) -> None:
        """Make one call."""
        assert self._place.registrar is not None
        self._made += 1
        number = self.number(self._made)
        plan = Plan(number, seconds=self._random.uniform(1.0, 5.0), patience=PATIENCE_S)
        if self._random.random() < 0.5:
            plan = replace(plan, seconds=5.0, key="1", key_at=1.5, speaks_from=2.5)
        before = now_ms()
        try:
            word = place_call(plan, "8001", ("127.0.0.1", self._place.registrar.port))
        except RuntimeError:  # nobody answered, or the line went in the middle of it
            word = None
        self._book.write(Ring(number, before, now_ms(), plan.key, word))
        self.pause(0.2, 1.0)


def people_of(peers: list[Peer]) -> list[str]:
    """Return every person whom these peers may serve, and some whom nobody does."""
    return [peer.number(i) for peer in peers for i in range(30)]


def wait_for_core(place: Place, seconds: float) -> bool:
    """Wait until the core answers its operators; return whether it does."""
    client = ControlClient(place.box_directory / "run" / "control.sock", 5.0)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            client.ask(operator.GetOutbox(), operator.OutboxState)
        except (LinkDown, ProtocolError):
            time.sleep(0.05)
        else:
            return True
    return False
