"""A device's sessions: what can recover does, what can't is slow, states are said once."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from edge.domain.errors import AuthFailed, DeviceError, DeviceMisconfigured, Frozen, LinkDown
from edge.ipc import supervise
from edge.ipc.driver import Frame, Sink
from edge.ipc.messages import DeviceState, FromWorker, Progress, ToWorker
from edge.ipc.supervise import Changes, keep_running, now_ms

DEVICE = "entrance"


class Collected:
    """A Sink that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[FromWorker] = []

    def observe(self, message: FromWorker) -> None:
        self.messages.append(message)

    def frame(self, device: str, frame: Frame) -> None:
        raise AssertionError("no driver here has pictures")

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(m.state, m.code) for m in self.messages if isinstance(m, DeviceState)]


class Scripted:
    """A driver whose sessions are given one after another; the last one ends the test."""

    def __init__(self, stop: threading.Event, *sessions: Exception | Callable[[Sink], None]) -> None:
        self._stop = stop
        self._sessions: Iterator[Exception | Callable[[Sink], None]] = iter(sessions)
        self.ran = 0

    def run(self, sink: Sink) -> None:
        self.ran += 1
        session = next(self._sessions, None)
        if session is None:
            self._stop.set()
        elif isinstance(session, Exception):
            raise session
        else:
            session(sink)

    def handle(self, message: ToWorker, take_fd: Callable[[], int]) -> None:
        raise AssertionError("nothing is sent here")

    def close(self) -> None:
        self._stop.set()


def up(sink: Sink) -> None:
    sink.observe(DeviceState(device=DEVICE, state="up", code="ok", at_ms=1))


def up_then_down(sink: Sink) -> None:
    up(sink)
    raise LinkDown("read", "link_down")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for, which take no time here."""
    asked: list[float] = []

    class Quick(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            asked.append(timeout or 0.0)
            return super().wait(0)

    monkeypatch.setattr(supervise, "sleep_using_event", lambda event: event.wait)
    monkeypatch.setattr(threading, "Event", Quick)
    return asked


def supervised(*sessions: Exception | Callable[[Sink], None]) -> tuple[Collected, Scripted]:
    stop, sink = threading.Event(), Collected()
    driver = Scripted(stop, *sessions)
    keep_running(driver, DEVICE, sink, stop)
    return sink, driver


def test_a_lost_link_backs_off_from_1_to_60_s_for_ever(waits: list[float]) -> None:
    sink, driver = supervised(*[LinkDown("open", "link_down")] * 12)
    assert driver.ran == 13
    assert len(waits) >= 12
    for n, pause in enumerate(waits[:12]):
        assert min(2.0**n, 60.0) <= pause <= min(2.0**n + 1.0, 60.0)
    assert sink.states == [("connecting", "starting"), ("down", "link_down")]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (AuthFailed("open", "wrong_password"), "auth_failed"),
        (DeviceMisconfigured("open", "no_video"), "config_error"),
    ],
)
def test_what_a_person_has_to_mend_is_tried_slowly(
    waits: list[float], error: DeviceError, state: str
) -> None:
    """A wrong camera password is a state, no loop."""
    sink, _driver = supervised(*[error] * 5)
    assert waits[:5] == [supervise.SLOW_WAIT_S] * 5
    assert sink.states == [("connecting", "starting"), (state, error.code)]


def test_each_change_of_state_is_reported_once(waits: list[float]) -> None:
    sink, _driver = supervised(
        up_then_down, LinkDown("open", "link_down"), LinkDown("open", "no_route"), up_then_down,
        Frozen("read", "no_new_picture"), Frozen("read", "no_new_picture"), up_then_down,
    )  # fmt: skip
    assert sink.states == [
        ("connecting", "starting"), ("up", "ok"), ("down", "link_down"), ("down", "no_route"), ("up", "ok"),
        ("down", "link_down"), ("frozen", "no_new_picture"), ("up", "ok"), ("down", "link_down"),
    ]  # fmt: skip


def test_a_state_begins_when_its_fault_did_but_never_before_the_state_it_follows() -> None:
    """A frozen camera was blind from its last picture on, not from when that was noticed."""
    sink = Collected()
    changes, now = Changes(sink, DEVICE), now_ms()
    changes.report("up", "ok", now - 60_000)
    changes.failed(Frozen("watch", "no_frames", since_s=8.0))
    changes.report("up", "ok", now - 1000)
    changes.failed(Frozen("watch", "no_frames", since_s=8.0))
    told = [m.at_ms for m in sink.messages if isinstance(m, DeviceState)]
    assert told[0] == now - 60_000 and now - 8000 <= told[1] <= now_ms() - 8000
    assert told[2:] == [now - 1000, now - 1000]


def test_only_the_first_failure_of_a_kind_warns(waits: list[float], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        supervised(*[LinkDown("open", "link_down")] * 4, *[AuthFailed("open", "wrong_password")] * 3)
    assert [r.getMessage() for r in caplog.records] == [
        "device=entrance state=down code=link_down",
        "device=entrance state=auth_failed code=wrong_password",
    ]


def test_a_session_that_was_healthy_starts_a_new_cycle(
    waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("edge.ipc.supervise.time.monotonic", lambda: now[0])

    def long_session(sink: Sink) -> None:
        now[0] += supervise.HEALTHY_AFTER_S + 1
        up_then_down(sink)

    down = LinkDown("open", "link_down")
    supervised(down, down, down, long_session, down)
    assert waits[3] == supervise.FIRST_WAIT_S
    assert waits[4] <= 2 * supervise.FIRST_WAIT_S, "not where the earlier cycle stood"


def test_an_unforeseen_exception_costs_its_session_and_never_shows_its_text(
    waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """A native library may raise anything, with anything in its text."""
    secret = "张三 13800138000"
    with caplog.at_level(logging.WARNING):
        sink, driver = supervised(ValueError(secret), KeyError(secret), up)
    assert driver.ran == 4
    assert sink.states == [("connecting", "starting"), ("down", "driver_fault"), ("up", "ok")]
    logged = "\n".join(logging.Formatter().format(r) for r in caplog.records)
    assert "type=ValueError" in logged and "type=KeyError" in logged
    assert "Traceback" in logged, "a technician sees where"
    assert secret not in logged and "13800138000" not in logged


def test_a_driver_that_returns_by_itself_is_no_busy_loop(waits: list[float]) -> None:
    _sink, driver = supervised(up, up, up)
    assert driver.ran == 4
    assert waits[:3] == [supervise.FIRST_WAIT_S] * 3


def test_what_is_no_state_passes_unchanged(waits: list[float]) -> None:
    progress = Progress(device=DEVICE, units=1)
    sink, _driver = supervised(lambda s: s.observe(progress), lambda s: s.observe(progress))
    assert sink.messages.count(progress) == 2


@contextmanager
def running(driver: Scripted, stop: threading.Event) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=keep_running, args=(driver, DEVICE, Collected(), stop))
    thread.start()
    yield thread
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("error", [LinkDown("open", "link_down"), AuthFailed("open", "wrong_password")])
def test_stop_ends_a_pause_at_once_and_starts_no_session_any_more(error: DeviceError) -> None:
    stop, failed = threading.Event(), threading.Event()

    def fail(sink: Sink) -> None:
        failed.set()
        raise error

    driver = Scripted(stop, fail)
    with running(driver, stop) as thread:
        assert failed.wait(10)
        stop.set()
        thread.join(10)
        assert not thread.is_alive(), "the pause would have lasted a minute"
    assert driver.ran == 1


def test_stop_before_the_start_runs_nothing() -> None:
    stop = threading.Event()
    stop.set()
    driver = Scripted(stop, AssertionError("never"))
    keep_running(driver, DEVICE, Collected(), stop)
    assert driver.ran == 0
