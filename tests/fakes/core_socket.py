"""A scripted core behind a real Unix socket, speaking control.py's protocol, for tests only."""

import secrets
import socketserver
import tempfile
import threading
import tomllib
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

import edge
from edge.ipc.control import Answer
from edge.ipc.kiosk import (
    Alive,
    Begun,
    BuyerAnswered,
    BuyersCard,
    CardSeen,
    ChildRegistered,
    Departed,
    KioskRequest,
    MyCode,
    Notice,
    Recognised,
    Register,
    Registered,
    VisitorCode,
    Withdraw,
    Withdrawn,
)
from edge.ipc.messages import Message
from edge.ipc.staff import Done, Door, PaperDesk, Receiver, StaffRequest
from edge.wire import Scope
from edge.wire.notice import read_notice

Reply = Message | Answer | bytes | None
"""What the double answers: a result, a whole answer (for errors), raw bytes, or None to hang up."""
Rule = Reply | Callable[[Any], Reply]


_EXAMPLE = Path(edge.__file__).parent / "notice.example.toml"
NOTICE = Notice.model_validate(tomllib.loads(_EXAMPLE.read_text(encoding="utf-8")) | {"hash": "5f" * 32})
"""The example that sites start from, under a hash that is none."""


def _register(request: Register) -> Message:
    if Scope.REGISTRATION not in request.scopes:
        return Registered(outcome="declined", not_asked_again=tuple(sorted(request.declined)))
    order = [o.scope for o in NOTICE.scopes]
    return Registered(
        outcome="registered",
        visit=secrets.token_hex(16),
        active=tuple(sorted(request.scopes, key=order.index)),
        not_asked_again=tuple(sorted(request.declined)),
    )


def _withdraw(request: Withdraw) -> Message:
    return Withdrawn(scopes=tuple(sorted(request.scopes)))


CODE = "https://hq.example/r/" + "5" * 32 + "#" + "s" * 43
PAPER = PaperDesk(
    notice=read_notice(tomllib.loads(_EXAMPLE.read_text(encoding="utf-8"))),
    code="3f2a91bc",
    scopes=(Scope.REGISTRATION, Scope.CHANNEL_RISK),
    staff=(Receiver(number=11, name="王小明"), Receiver(number=12, name="李晓华")),
)
_DEFAULTS: dict[str, Rule] = {
    "notice": NOTICE,
    "begin": lambda _: Begun(session=secrets.token_hex(16)),
    "register": _register,
    "register_child": ChildRegistered(
        outcome="registered",
        registered=Registered(outcome="registered", visit="7" * 32, active=(Scope.REGISTRATION,)),
    ),
    "come_again": Registered(outcome="unknown"),
    "choose": Registered(outcome="registered", visit="7" * 32, active=(Scope.REGISTRATION,)),
    "answer_as_buyer": lambda asked: BuyerAnswered(
        outcome="agreed" if asked.yes else "declined", by_card=asked.yes
    ),
    "show_buyers_card": BuyersCard(outcome="found"),
    "vouch": Done(),
    "recognise": Recognised(outcome="enrolled"),
    "read_card": CardSeen(outcome="read", masked_name="张*", masked_number="3101**********1234"),
    "verify_card": CardSeen(outcome="read", face="verified", masked_name="张*", masked_number="3***4"),
    "confirm_card": CardSeen(outcome="read", masked_name="张*", masked_number="3101**********1234"),
    "depart": Departed(closed=True),
    "withdraw": _withdraw,
    "find_by_card": MyCode(outcome="found"),
    "code": VisitorCode(address=CODE),
    "door": Door(card=True),
    "paper": PAPER,
    "enter_paper": Done(),
    "end": Departed(closed=True),
    "living": lambda asked: Alive(sessions=asked.sessions),
}


_REQUEST: TypeAdapter[KioskRequest | StaffRequest] = TypeAdapter(KioskRequest | StaffRequest)


def refusal(code: str, hint: str = "") -> Answer:
    """Return an error of the core's."""
    return Answer(ok=False, code=code, hint=hint)


class CoreDouble:
    """Answers requests of kiosk and desk as scripted, and keeps what it was asked; a context manager."""

    def __init__(self) -> None:
        self._dir = tempfile.TemporaryDirectory(prefix="gh-")  # a socket's path has at most 107 bytes
        self.path = Path(self._dir.name) / "kiosk.sock"
        self.asked: list[KioskRequest | StaffRequest] = []
        self._rules: defaultdict[str, deque[Rule]] = defaultdict(deque)
        self._gates: dict[str, threading.Event] = {}
        self._servers: list[tuple[Path, socketserver.ThreadingUnixStreamServer, threading.Thread]] = []

    def script(self, method: str, *rules: Rule) -> None:
        """Answer the next requests of `method` with `rules` in turn; the last one stays."""
        self._rules[method] = deque(rules)

    def hold(self, method: str) -> threading.Event:
        """Let requests of `method` wait until the returned event is set (or the double stops)."""
        return self._gates.setdefault(method, threading.Event())

    def reset(self) -> None:
        """Answer as at the beginning, and forget what was asked."""
        self.release()
        self._rules.clear()
        self.asked.clear()
        if not self._servers:
            self.start()

    def release(self) -> None:
        """Let go of everything that is held."""
        for gate in self._gates.values():
            gate.set()
        self._gates.clear()

    def of(self, method: str) -> list[Any]:
        """Return the requests of `method` so far."""
        return [request for request in self.asked if request.method == method]

    def start(self) -> None:
        """Listen at `path`, and beside it for the desk."""
        double = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    reply = double.answer(line)
                    if reply is None:
                        return
                    self.wfile.write(reply + b"\n")

        class Server(socketserver.ThreadingUnixStreamServer):
            request_queue_size = 100  # asyncio's: with socketserver's 5, a busy machine refuses the sixth

        for path in (self.path, self.path.with_name("desk.sock")):
            server = Server(str(path), Handler)
            server.daemon_threads = False
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            self._servers.append((path, server, thread))

    def stop(self) -> None:
        """Stop listening, as a core that went away; may be started again."""
        self.release()
        while self._servers:
            path, server, thread = self._servers.pop()
            server.shutdown()
            server.server_close()
            thread.join()
            path.unlink(missing_ok=True)

    def answer(self, line: bytes) -> bytes | None:
        """Return the answer to one request line."""
        try:
            request = _REQUEST.validate_json(line)
        except ValidationError:
            return refusal("invalid_request").model_dump_json().encode()
        self.asked.append(request)
        if gate := self._gates.get(request.method):
            gate.wait(30)
        rules = self._rules[request.method]
        rule = (rules.popleft() if len(rules) > 1 else rules[0]) if rules else _DEFAULTS[request.method]
        return _encode(rule(request) if callable(rule) else rule)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._dir.cleanup()


def _encode(reply: Reply) -> bytes | None:
    if reply is None or isinstance(reply, bytes):
        return reply
    if not isinstance(reply, Answer):
        reply = Answer(ok=True, result=reply.model_dump(mode="json"))
    return reply.model_dump_json().encode()
