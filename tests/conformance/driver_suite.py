"""The contract of edge.ipc.driver.Driver as a suite that every driver passes; knows no kind of device.

Use it so:

    from tests.conformance.driver_suite import DriverContract, Rig

    class TestRtsp(DriverContract):
        @pytest.fixture
        def rig(self) -> Iterator[Rig]:
            with a_real_peer() as peer:
                yield Rig(device="cam-1", connect=…, absent=…, vanish=peer.stop, restore=peer.start)
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from edge.domain.errors import DeviceError
from edge.ipc.driver import Driver, Frame
from edge.ipc.messages import (
    Assign,
    CardLease,
    Compare,
    DeviceState,
    FrameLease,
    FromWorker,
    LeaseOver,
    PhotoLease,
    Progress,
    Recognise,
    RecordCall,
    Stop,
    ToWorker,
)

CLOSE_S = 2.0
"""Seconds in which `run` returns after `close`."""
HANDLE_S = 0.5
"""Seconds that one `handle` may take: far above "at once", far below any wait for a device."""
ID = "0" * 31 + "1"


def _nothing() -> None:
    """Do nothing: for a rig whose device can't be taken away."""


@dataclass
class Rig:
    """How to get at one kind of driver: a working device, one that isn't there, and its cable."""

    device: str
    connect: Callable[[], Driver]
    """Open a driver of a device that is there and works."""
    absent: Callable[[], Driver]
    """Open a driver of a device that doesn't exist."""
    vanish: Callable[[], None] | None = None
    """Take the device of `connect` away; None if the kind can't lose it during a session."""
    restore: Callable[[], None] = _nothing
    handles: frozenset[type] = frozenset()
    """Message types that mean something to this driver; all others must be ignored."""
    alive_s: float = 15.0
    """Seconds until a healthy device shows life (a Progress, a frame, or the state "up")."""
    lost_s: float = 20.0
    """Seconds until a lost or absent device ends the session."""
    fds_may_grow: int = 0
    """Descriptors that a native library keeps per session, with the reason beside the number."""


class Witness:
    """A Sink that remembers what it was given and lets a test wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.messages: list[FromWorker] = []
        self.frames = 0

    def observe(self, message: FromWorker) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def frame(self, device: str, frame: Frame) -> None:
        with self._changed:
            self.frames += 1
            self._changed.notify_all()

    def wait(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait until `true()`; return whether it became so."""
        with self._changed:
            return self._changed.wait_for(true, seconds)

    def of(self, kind: type) -> list[FromWorker]:
        """Return the messages of one type, oldest first."""
        with self._changed:
            return [m for m in self.messages if isinstance(m, kind)]

    def alive(self) -> bool:
        """Return whether the device showed life."""
        return self.frames > 0 or any(
            isinstance(m, Progress) or (isinstance(m, DeviceState) and m.state == "up") for m in self.messages
        )


@dataclass
class Session:
    """One `run` in a thread of its own, with what became of it."""

    driver: Driver
    sink: Witness = field(default_factory=Witness)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.driver.run(self.sink)
        except BaseException as error:  # noqa: BLE001 — the contract is about exactly what escapes from run
            self.error = error

    def ended(self, seconds: float) -> bool:
        """Wait for `run` to end; return whether it did."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def live(self, rig: Rig) -> "Session":
        """Wait until the device shows life."""
        alive = self.sink.wait(lambda: self.sink.alive() or not self._thread.is_alive(), rig.alive_s)
        assert alive and self.sink.alive(), f"no life within {rig.alive_s} s, run ended with {self.error!r}"
        return self

    def close(self) -> None:
        """Close, and check that `run` returned in time without an error."""
        self.driver.close()
        assert self.ended(CLOSE_S), f"run was still going {CLOSE_S} s after close"
        assert self.error is None, f"an asked-for end raised {self.error!r}"


def messages_for(device: str) -> list[ToWorker]:
    """Return one of every message that the core can send."""
    return [
        Assign(devices=()),
        FrameLease(lease=ID, device=device, seconds=1),
        CardLease(lease=ID, device=device, seconds=1),
        PhotoLease(lease=ID, device=device, seconds=1),
        LeaseOver(lease=ID, device=device),
        RecordCall(device=device, call=ID, key="A" * 43 + "="),
        Recognise(lease=ID, models={}, seconds=1),
        Compare(lease=ID, models={}, seconds=1, confirm_at_permille=450),
        Stop(),
    ]


def _open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 — counts descriptors, no paths wanted


def _own_threads() -> set[threading.Thread]:
    # A dummy thread is a native one that once called into Python; it isn't ours to end.
    return {t for t in threading.enumerate() if not isinstance(t, threading._DummyThread)}


class DriverContract:
    """What a Driver promises. Subclass it as `Test…` and give it a `rig` fixture."""

    @pytest.fixture
    def rig(self) -> Iterator[Rig]:
        raise NotImplementedError("a subclass gives the rig")

    @pytest.fixture
    def spare_fd(self) -> Iterator[Callable[[], int]]:
        """A `take_fd` whose descriptors are closed afterwards, taken or not."""
        given: list[int] = []

        def take() -> int:
            given.append(os.open(os.devnull, os.O_RDWR))
            return given[-1]

        yield take
        for fd in given:
            with suppress(OSError):  # the driver that took it may have closed it, as it should
                os.close(fd)

    def test_opening_touches_no_device(self, rig: Rig) -> None:
        rig.absent().close()

    def test_shows_life_and_returns_within_two_seconds_of_close(self, rig: Rig) -> None:
        Session(rig.connect()).live(rig).close()

    def test_close_twice_from_two_threads(self, rig: Rig) -> None:
        session = Session(rig.connect()).live(rig)
        other = threading.Thread(target=session.driver.close)
        other.start()
        session.close()
        other.join(CLOSE_S)
        session.driver.close()
        assert not other.is_alive()

    def test_close_without_a_session(self, rig: Rig) -> None:
        driver = rig.connect()
        driver.close()
        driver.close()

    def test_a_run_after_close_returns_or_is_a_session_that_can_be_closed(self, rig: Rig) -> None:
        first = Session(rig.connect()).live(rig)
        first.close()
        again = Session(first.driver)
        if not again.ended(0.3):
            again.live(rig).close()
        assert again.error is None or isinstance(again.error, DeviceError)

    def test_opened_again_it_works_again(self, rig: Rig) -> None:
        Session(rig.connect()).live(rig).close()
        Session(rig.connect()).live(rig).close()

    def test_an_absent_device_is_a_device_error_with_a_code(self, rig: Rig) -> None:
        session = Session(rig.absent())
        assert session.ended(rig.lost_s), "the session with an absent device never ended"
        assert isinstance(session.error, DeviceError), repr(session.error)
        assert session.error.code
        assert not session.sink.alive()

    def test_a_vanished_device_is_a_recoverable_error_and_the_same_driver_recovers(self, rig: Rig) -> None:
        if rig.vanish is None:
            pytest.skip("this kind of device can't be lost during a session")
        session = Session(rig.connect()).live(rig)
        rig.vanish()
        assert session.ended(rig.lost_s), "the session with a vanished device never ended"
        assert isinstance(session.error, DeviceError), repr(session.error)
        assert session.error.recoverable
        rig.restore()
        Session(session.driver).live(rig).close()

    def test_messages_of_others_are_ignored_at_once(self, rig: Rig, spare_fd: Callable[[], int]) -> None:
        session = Session(rig.connect()).live(rig)
        for message in messages_for(rig.device):
            if type(message) not in rig.handles:
                start = time.monotonic()
                session.driver.handle(message, spare_fd)
                assert time.monotonic() - start < HANDLE_S, f"handle({message.type}) took too long"
        assert not session.ended(0.3), f"a message of others ended the session: {session.error!r}"
        session.close()

    def test_own_messages_return_at_once_in_and_out_of_a_session(
        self, rig: Rig, spare_fd: Callable[[], int]
    ) -> None:
        driver = rig.connect()
        for message in messages_for(rig.device):
            driver.handle(message, spare_fd)
        session = Session(driver).live(rig)
        for message in messages_for(rig.device):
            start = time.monotonic()
            driver.handle(message, spare_fd)
            assert time.monotonic() - start < HANDLE_S, f"handle({message.type}) took too long"
        session.close()

    def test_sessions_leave_no_thread_and_no_descriptor(self, rig: Rig) -> None:
        Session(rig.connect()).live(rig).close()  # the first one loads what stays loaded
        threads, fds = _own_threads(), _open_fds()
        for _ in range(3):
            Session(rig.connect()).live(rig).close()
        assert _own_threads() <= threads
        assert _open_fds() <= fds + 3 * rig.fds_may_grow
