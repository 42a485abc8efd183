"""Keeps one device's sessions going inside a worker; the twin of runtime/supervise.py, never a driver.

Errors that can recover (link down, frozen) back off exponentially with jitter from 1 s to 60 s, for
ever; errors that a person has to mend (wrong password) are tried again slowly. Only changes of state
are reported, and only the first failure of a cycle warns.
"""

import contextlib
import logging
import threading
import time

from tenacity import RetryCallState, Retrying, retry_if_not_exception_type
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_when_event_set
from tenacity.wait import wait_exponential_jitter

from edge.domain.errors import DeviceError, without_text
from edge.ipc.driver import Driver, Frame, Sink
from edge.ipc.messages import DeviceState, FromWorker

log = logging.getLogger(__name__)

FIRST_WAIT_S = 1.0
LAST_WAIT_S = 60.0
SLOW_WAIT_S = 60.0
"""Between tries when a person has to mend the device: no login storm, no locked account."""
HEALTHY_AFTER_S = 30.0
"""A session that lasted this long ends the cycle: its next failure starts from the first wait."""

_BACKOFF = wait_exponential_jitter(multiplier=FIRST_WAIT_S, max=LAST_WAIT_S, jitter=1.0)


def now_ms() -> int:
    """Return the wall time in milliseconds."""
    return time.time_ns() // 1_000_000


class Changes:
    """A Sink that passes everything on, but of a device's states only the changes."""

    def __init__(self, sink: Sink, device: str) -> None:
        self._sink = sink
        self.device = device
        self._last: tuple[str, str] | None = None
        self._last_ms = 0

    def observe(self, message: FromWorker) -> None:
        """Pass `message` on unless it repeats the last state."""
        if isinstance(message, DeviceState):
            if (message.state, message.code) == self._last:
                return
            self._last = (message.state, message.code)
            self._last_ms = message.at_ms
        self._sink.observe(message)

    def frame(self, device: str, frame: Frame) -> None:
        """Pass a frame on."""
        self._sink.frame(device, frame)

    def failed(self, error: DeviceError) -> None:
        """Report the state that `error` means, from when it began on; warn once per change."""
        if (error.state, error.code) != self._last:
            log.warning("device=%s state=%s code=%s", self.device, error.state, error.code)
        # Blind is a device from its last picture on, not from when that was noticed; but no state
        # begins before the one that it follows.
        began_ms = max(self._last_ms, now_ms() - round(error.since_s * 1000))
        self.report(error.state, error.code, began_ms)

    def report(self, state: str, code: str, at_ms: int | None = None) -> None:
        """Report a state of this device, since `at_ms` or now."""
        since_ms = now_ms() if at_ms is None else at_ms
        fields = {"device": self.device, "state": state, "code": code, "at_ms": since_ms}
        self.observe(DeviceState.model_validate(fields))


class _CycleOver(Exception):
    """A session that had been healthy ended: the next one starts a new back-off cycle."""


def keep_running(driver: Driver, device: str, sink: Sink, stop: threading.Event) -> None:
    """Run sessions of `driver` until `stop` is set; return then, never raise.

    The driver reports `up` by itself, when the device has delivered something.
    """
    changes = Changes(sink, device)
    changes.report("connecting", "starting")
    while not stop.is_set():
        # A DeviceError gets here only when `stop` ended the cycle. A session that returned without
        # being asked to waits as well: no driver may turn this into a busy loop.
        with contextlib.suppress(_CycleOver, DeviceError):
            _cycle(stop)(_session, driver, changes, stop)
        stop.wait(FIRST_WAIT_S)


def _cycle(stop: threading.Event) -> Retrying:
    return Retrying(
        wait=_wait,
        stop=stop_when_event_set(stop),
        sleep=sleep_using_event(stop),
        retry=retry_if_not_exception_type(_CycleOver),
        reraise=True,
    )


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, DeviceError) and not error.recoverable:
        return SLOW_WAIT_S
    return _BACKOFF(state)


def _session(driver: Driver, changes: Changes, stop: threading.Event) -> None:
    if stop.is_set():  # set while waiting for this try
        return
    began = time.monotonic()
    try:
        driver.run(changes)
    except DeviceError as error:
        changes.failed(error)
        _end(error, began)
    except Exception as error:  # a native library may raise anything; its device alone pays for it
        where = without_text(error)
        log.error("driver fault device=%s type=%s", changes.device, type(error).__name__, exc_info=where)
        fault = DriverFault("run a driver", "driver_fault")
        changes.failed(fault)
        _end(fault, began)


class DriverFault(DeviceError):
    """The driver itself failed in an unforeseen way; a new session may do better."""

    recoverable = True


def _end(error: DeviceError, began: float) -> None:
    if error.recoverable and time.monotonic() - began > HEALTHY_AFTER_S:
        raise _CycleOver from error
    raise error
