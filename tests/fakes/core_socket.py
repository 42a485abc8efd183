"""A scripted core behind a real Unix socket, speaking control.py's protocol, for tests only."""

import secrets
import socketserver
import tempfile
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from edge.ipc.control import (
    KIOSK_REQUEST,
    Answer,
    Begun,
    CardSeen,
    Departed,
    KioskRequest,
    Notice,
    Recognised,
    Register,
    Registered,
    ScopeOffer,
    Withdraw,
    Withdrawn,
)
from edge.ipc.messages import Message
from edge.wire import Scope

Reply = Message | Answer | bytes | None
"""What the double answers: a result, a whole answer (for errors), raw bytes, or None to hang up."""
Rule = Reply | Callable[[Any], Reply]


def offer(scope: Scope, zh: str, en: str, zh_detail: str, en_detail: str) -> ScopeOffer:
    """Return one scope's words."""
    return ScopeOffer(scope=scope, label={"zh": zh, "en": en}, detail={"zh": zh_detail, "en": en_detail})


NOTICE = Notice(
    version="n1",
    hash="5f" * 32,
    title={"zh": "个人信息告知", "en": "How we treat your data"},
    paragraphs={
        "zh": (
            "您的信息只存放在本案场的设备里，只用于您同意的用途。摄像头平时只数人数，不识别任何人。",
            "您可以随时在这里撤回同意，也可以要求查阅、更正或删除，十五个工作日内答复。",
            "来访登记保存十二个月，人脸特征值保存三个月，到期自动删除。",
        ),
        "en": (
            "Your data stays on this office’s own device and serves only what you agree to. "
            "The cameras count people and recognise no one.",
            "You can withdraw here at any time, and ask to see, correct or erase your data; "
            "you get an answer within 15 working days.",
            "Registrations are kept for twelve months, face templates for three, then deleted.",
        ),
    },
    scopes=(
        offer(
            Scope.REGISTRATION,
            "来访登记",
            "Registration",
            "记下号码和来访时间，下次来时马上认得您是老朋友。",
            "Your number and the time of your visit, so that we know you next time.",
        ),
        offer(
            Scope.ID_CARD,
            "身份证核对",
            "ID card",
            "读取证件，核对姓名与号码；照片不保存。",
            "Your card is read to check name and number; its photo isn’t kept.",
        ),
        offer(
            Scope.FACE_MATCH,
            "人脸确认",
            "Face confirmation",
            "只在您点“认出我”时使用；不同意，服务完全一样。",
            "Used only when you tap “Recognise me”. Without it you are served just the same.",
        ),
        offer(
            Scope.CHANNEL_RISK,
            "渠道核对",
            "Who brought you",
            "核对是谁先介绍您来的，避免佣金纠纷。",
            "Checks who introduced you first, to settle commissions.",
        ),
        offer(
            Scope.FOLLOW_UP,
            "后续联系",
            "Follow-up",
            "置业顾问可以给您打电话。",
            "A consultant may call you.",
        ),
    ),
    contact={"zh": "个人信息保护负责人：021-5555 0100", "en": "Data protection officer: 021-5555 0100"},
    complaints={
        "zh": "对答复不满意，可向当地网信部门投诉，电话 12377。",
        "en": "If you are not satisfied, you can complain to the cyberspace administration, telephone 12377.",
    },
)


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


_DEFAULTS: dict[str, Rule] = {
    "notice": NOTICE,
    "begin": lambda _: Begun(session=secrets.token_hex(16)),
    "register": _register,
    "recognise": Recognised(outcome="enrolled"),
    "read_card": CardSeen(outcome="read", masked_name="张*", masked_number="3101**********1234"),
    "depart": Departed(closed=True),
    "withdraw": _withdraw,
    "end": Answer(ok=True),
}


def refusal(code: str, hint: str = "") -> Answer:
    """Return an error of the core's."""
    return Answer(ok=False, code=code, hint=hint)


class CoreDouble:
    """Answers kiosk requests as scripted, and keeps what it was asked; use as a context manager."""

    def __init__(self) -> None:
        self._dir = tempfile.TemporaryDirectory(prefix="gh-")  # a socket's path has at most 107 bytes
        self.path = Path(self._dir.name) / "kiosk.sock"
        self.asked: list[KioskRequest] = []
        self._rules: defaultdict[str, deque[Rule]] = defaultdict(deque)
        self._gates: dict[str, threading.Event] = {}
        self._server: socketserver.ThreadingUnixStreamServer | None = None
        self._thread: threading.Thread | None = None

    def script(self, method: str, *rules: Rule) -> None:
        """Answer the next requests of `method` with `rules` in turn; the last one stays."""
        self._rules[method] = deque(rules)

    def hold(self, method: str) -> threading.Event:
        """Let requests of `method` wait until the returned event is set (or the double stops)."""
        return self._gates.setdefault(method, threading.Event())

    def of(self, method: str) -> list[Any]:
        """Return the requests of `method` so far."""
        return [request for request in self.asked if request.method == method]

    def start(self) -> None:
        """Listen at `path`."""
        double = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    reply = double.answer(line)
                    if reply is None:
                        return
                    self.wfile.write(reply + b"\n")

        self._server = socketserver.ThreadingUnixStreamServer(str(self.path), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, as a core that went away; may be started again."""
        for gate in self._gates.values():
            gate.set()
        if self._server and self._thread:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self.path.unlink(missing_ok=True)
            self._server = self._thread = None

    def answer(self, line: bytes) -> bytes | None:
        """Return the answer to one request line."""
        try:
            request = KIOSK_REQUEST.validate_json(line)
        except ValidationError:
            return refusal("bad_request").model_dump_json().encode()
        self.asked.append(request)
        if gate := self._gates.get(request.method):
            gate.wait(30)
        rules = self._rules[request.method]
        rule: Rule = _DEFAULTS[request.method]
        if rules:
            rule = rules.popleft() if len(rules) > 1 else rules[0]
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
