"""One session of a telephone line: registers, takes calls, ends with a DeviceError; never retries.

Everything of the library happens in the thread that calls `run`, callbacks included (media frames
excepted); what other threads want comes through the inbox.
"""

import base64
import contextlib
import gc
import logging
import os
import threading
import time
import traceback
import weakref
from typing import TYPE_CHECKING

import pjsua2 as pj

from edge.devices._sip import setup
from edge.devices._sip.call import Call, Manner, NativeCall, Taps, tell_unanswered
from edge.devices._sip.inbox import Inbox
from edge.devices._sip.number import caller_number
from edge.domain.errors import DeviceError, DeviceMisconfigured, LinkDown
from edge.ipc.driver import Sink
from edge.ipc.guard import Guard
from edge.ipc.messages import DeviceState, Progress
from edge.ipc.supervise import now_ms

if TYPE_CHECKING:
    from edge.devices.sip import Config

log = logging.getLogger(__name__)

_ONE_LIBRARY = threading.Lock()
"""pjsua is one per process and ends the process when it is made twice: this lock stands for it."""

_made: "weakref.ReferenceType[_Endpoint] | None" = None
"""The library's object of the session before, for as long as anything refers to it."""
_GONE_S = 2.0

_TURN_MS = 20
_PROGRESS_S = 5.0
_GOODBYE_S = 0.5


class _Endpoint(pj.Endpoint):  # type: ignore[misc]  # pjsua2 has no types
    """Passes the library's own callback to `Session`."""

    def __init__(self, guard: Guard, owner: "Session") -> None:
        super().__init__()
        self._guard = guard
        self.owner: Session | None = owner

    def onRejectedIncomingCall(self, prm: pj.OnRejectedIncomingCallParam) -> None:
        """The library turned a caller away by itself: all its lines are taken."""
        with self._guard:
            if self.owner is not None:
                self.owner.on_rejected(prm.rdata.srcAddress, prm.rdata.wholeMsg)


class _Account(pj.Account):  # type: ignore[misc]  # pjsua2 has no types
    """Passes the library's callbacks to `Session`."""

    def __init__(self, guard: Guard, owner: "Session") -> None:
        super().__init__()
        self._guard = guard
        self.owner: Session | None = owner

    def onRegState(self, prm: pj.OnRegStateParam) -> None:
        """The registrar answered, or failed to."""
        with self._guard:
            if self.owner is not None:
                self.owner.on_registration(prm.code, prm.expiration)

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        """Somebody calls."""
        with self._guard:
            if self.owner is not None:
                self.owner.on_call(prm.callId, prm.rdata.srcAddress, prm.rdata.wholeMsg)


def _library(guard: Guard, owner: "Session") -> _Endpoint:
    """Return the library's object, made once the one before is gone: made beside it, it ends the process.

    Raises LinkDown if something refers to that one still, in a frame of an error that somebody keeps.
    """
    global _made  # noqa: PLW0603 — as the library itself: one per process
    until = time.monotonic() + _GONE_S
    while _made is not None and _made() is not None:
        if time.monotonic() > until:
            raise LinkDown("open the line", "library_in_use", "the session before hasn't let go of it")
        gc.collect()
        time.sleep(_TURN_MS / 1000)
    made = _Endpoint(guard, owner)
    _made = weakref.ref(made)
    return made


def run(config: "Config", sink: Sink, stop: threading.Event, inbox: Inbox) -> None:
    """Run one session until `stop` is set; raise DeviceError when it ends otherwise."""
    if not _ONE_LIBRARY.acquire(blocking=False):
        raise DeviceMisconfigured("open the line", "second_line", "one phone worker serves one line")
    try:
        Session(config, sink, stop, inbox).run()
    finally:
        _ONE_LIBRARY.release()


class Session:
    """A registered line and its calls."""

    def __init__(self, config: "Config", sink: Sink, stop: threading.Event, inbox: Inbox) -> None:
        self._config = config
        self._sink = sink
        self._stop = stop
        self._inbox = inbox
        self._guard = Guard()
        self._taps = Taps(self._guard)
        self._calls: dict[str, Call] = {}
        self._natives: set[NativeCall] = set()
        self._native: _Endpoint | None = None  # never in a variable of a frame: see run
        self._account: _Account | None = None
        self._trusted: frozenset[str] = frozenset()
        self._lapses_at = 0.0
        self._registered = False
        self._failure: DeviceError | None = None
        self._turns = 0
        self._progress_at = time.monotonic()

    def run(self) -> None:
        """Do the whole session in this thread."""
        self._manner = Manner(
            device=self._config.id,
            notice=str(self._config.notice_wav),
            notice_s=setup.notice_seconds(self._config),
            ring_s=self._config.ring_ms / 1000,
            longest_s=self._config.max_call_s,
        )
        self._trusted = setup.trusted_addresses(self._config)
        self._native = _library(self._guard, self)
        try:
            self._start()
            while not self._stop.is_set():
                self._turn()
        except BaseException as error:
            _let_go(error)
            raise
        finally:
            self._end()

    @property
    def _endpoint(self) -> _Endpoint:
        assert self._native is not None
        return self._native

    # ---- start and end

    def _start(self) -> None:
        self._endpoint.libCreate()
        self._endpoint.libInit(setup.endpoint_config())
        transport = pj.TransportConfig()
        transport.port = self._config.bind_port
        transport.boundAddress = str(self._config.bind)
        try:
            self._endpoint.transportCreate(setup.TRANSPORTS[self._config.transport], transport)
        except pj.Error as error:
            raise LinkDown("open the SIP port", "port_unavailable", f"status {error.status}") from None
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        for codec in self._endpoint.codecEnum2():
            self._endpoint.codecSetPriority(codec.codecId, setup.CODECS.get(codec.codecId, 0))
        self._lapses_at = time.monotonic() + self._config.answer_s
        self._account = _Account(self._guard, self)
        self._account.create(setup.account_config(self._config))

    def _end(self) -> None:
        """Tell every call's end, give back the line, destroy all native objects in the safe order."""
        self._goodbye()
        for call in self._calls.values():
            call.release()
        self._calls.clear()
        self._natives.clear()
        self._inbox.drop_all()
        if self._account is not None:
            self._give_back_line(self._account)
            self._account.owner = None
            self._account.shutdown()
            self._account = None
        fault = self._guard.take()
        _let_go(fault)
        if self._endpoint.libGetState() >= pj.PJSUA_STATE_RUNNING:
            self._endpoint.audDevManager().setNoDev()
        self._taps.clear()
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)  # all was said; it would wait a second
        self._endpoint.owner = None
        self._native = None
        if fault is not None:
            raise fault

    def _goodbye(self) -> None:
        for native in list(self._natives):
            native.say_goodbye()
        until = time.monotonic() + _GOODBYE_S
        while time.monotonic() < until and self._natives:
            self._endpoint.libHandleEvents(_TURN_MS)

    def _give_back_line(self, account: _Account) -> None:
        if self._failure is not None or not self._registered:
            return
        account.setRegistration(False)
        until = time.monotonic() + _GOODBYE_S
        while time.monotonic() < until and self._registered:
            self._endpoint.libHandleEvents(_TURN_MS)

    # ---- one turn of the loop

    def _turn(self) -> None:
        self._endpoint.libHandleEvents(_TURN_MS)
        self._guard.check()
        now = time.monotonic()
        self._take_requests()
        for call in list(self._calls.values()):
            call.tick(now)
            if call.over:
                del self._calls[call.id]
        if now > self._lapses_at and self._failure is None:
            self._fail(LinkDown("register", "registration_lapsed" if self._registered else "no_answer"))
        if self._failure is not None and not self._calls:
            raise self._failure
        self._report_progress(now)

    def _report_progress(self, now: float) -> None:
        self._turns += 1
        if self._registered and now - self._progress_at >= _PROGRESS_S:
            self._sink.observe(Progress(device=self._config.id, units=self._turns))
            self._turns, self._progress_at = 0, now

    def _take_requests(self) -> None:
        for request, fd in self._inbox.take():
            call = self._calls.get(request.call)
            if call is None or not call.recordable:
                os.close(fd)
                log.warning("recording came too late or twice call=%s", request.call)
            else:
                call.record(fd, base64.b64decode(request.key))
        for name in self._inbox.take_stops():  # after the requests: each ends one that came before it
            if (call := self._calls.get(name)) is not None:
                call.stop_recording()

    # ---- by the library

    def on_registration(self, code: int, expires_s: int) -> None:
        """Follow the registrar's answers."""
        if code == 200 and expires_s > 0:
            self._registered = True
            self._failure = None
            self._lapses_at = time.monotonic() + expires_s
            self._report("up", "registered")
        elif code == 200:
            self._registered = False  # as we asked, at the end
        else:
            self._fail(setup.registration_error(code))

    def on_call(self, native_id: int, source: str, message: str) -> None:
        """Take a call that comes from the registrar; turn others away."""
        native = NativeCall(self._account, native_id, self._guard, self._natives.discard)
        self._natives.add(native)
        if not self._trusts(source):
            log.warning("refused a call that didn't come from the registrar device=%s", self._config.id)
            native.hangup(_forbidden())
            return
        busy = len(self._calls) >= self._config.max_calls
        call = Call(native, caller_number(message), self._manner, self._sink.observe, self._taps)
        self._calls[call.id] = call
        if busy:
            call.refuse(486)
        else:
            call.ring()

    def on_rejected(self, source: str, message: str) -> None:
        """Tell of a caller whom the library turned away."""
        if self._trusts(source):
            tell_unanswered(self._config.id, caller_number(message), self._sink.observe)

    def _trusts(self, source: str) -> bool:
        return source.rpartition(":")[0].strip("[]") in self._trusted

    def _fail(self, error: DeviceError) -> None:
        """End the session with `error`, but let calls that are going on end first."""
        self._failure = error
        self._lapses_at = float("inf")
        if self._calls:
            log.warning("device=%s state=%s code=%s calls=%s", *self._words(error), len(self._calls))
            self._report(error.state, error.code)

    def _words(self, error: DeviceError) -> tuple[str, str, str]:
        return self._config.id, error.state, error.code

    def _report(self, state: str, code: str) -> None:
        fields = {"device": self._config.id, "state": state, "code": code, "at_ms": now_ms()}
        self._sink.observe(DeviceState.model_validate(fields))


def _let_go(error: BaseException | None) -> None:
    """Empty the frames that `error` keeps alive: no native object may outlive the library.

    A callback's frame also keeps the frame of the library's call that led to it.
    """
    while error is not None:
        for frame, _line in traceback.walk_tb(error.__traceback__):
            for caller, _its_line in traceback.walk_stack(frame):
                with contextlib.suppress(RuntimeError):  # still running: it lets go by itself
                    caller.clear()
        error = error.__context__


def _forbidden() -> pj.CallOpParam:
    prm = pj.CallOpParam()
    prm.statusCode = 403
    return prm
