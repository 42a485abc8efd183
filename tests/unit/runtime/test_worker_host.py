"""What every device worker does around its drivers: greets, serves, passes on, ends; no device here."""

import os
import queue
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from edge.domain.errors import ProtocolError
from edge.ipc.driver import DeviceConfig, Sink
from edge.ipc.framing import Lines
from edge.ipc.messages import (
    FROM_WORKER,
    Assign,
    CardLease,
    DeviceState,
    FrameLease,
    FromWorker,
    Hello,
    LeaseOver,
    Progress,
    RecordCall,
    Stop,
    ToWorker,
)
from edge.workers import host

LEASE = "1" * 32


@dataclass
class Recorded:
    """A driver that waits until it is closed, and keeps what it was told."""

    config: DeviceConfig
    closed: threading.Event = field(default_factory=threading.Event)
    told: "queue.Queue[ToWorker]" = field(default_factory=queue.Queue)
    fds: "queue.Queue[int]" = field(default_factory=queue.Queue)

    def run(self, sink: Sink) -> None:
        sink.observe(Progress(device=self.config.id, units=1))
        self.closed.wait()

    def handle(self, message: ToWorker, take_fd: Callable[[], int]) -> None:
        if isinstance(message, FrameLease | RecordCall):
            self.fds.put(take_fd())
        self.told.put(message)

    def close(self) -> None:
        self.closed.set()


@dataclass
class Core:
    """The core's end of the socket."""

    lines: Lines
    drivers: dict[str, Recorded]
    code: list[int | BaseException] = field(default_factory=list)

    def send(self, message: ToWorker, fds: tuple[int, ...] = ()) -> None:
        self.lines.send(message.model_dump_json().encode(), fds)

    def hear(self) -> FromWorker | None:
        line = self.lines.receive()
        return FROM_WORKER.validate_json(line) if line is not None else None

    def until(self, state: str) -> None:
        while True:
            message = self.hear()
            assert message is not None
            if isinstance(message, DeviceState) and message.state == state:
                return


ASSIGN = Assign(devices=tuple({"id": name, "kind": "any", "worker": "card"} for name in ("one", "two")))


@pytest.fixture(scope="module", autouse=True)
def the_tests_outlive_their_workers() -> Iterator[None]:
    """A worker whose core is gone ends its process, which here is pytest's: its SIGTERM is let pass."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recorded]:
    opened: dict[str, Recorded] = {}

    def open_one(config: DeviceConfig) -> Recorded:
        return opened.setdefault(config.id, Recorded(config))

    kind = SimpleNamespace(Config=DeviceConfig, open=open_one)
    monkeypatch.setattr("edge.workers.host.devices.load", lambda _name: kind)
    return opened


@contextmanager
def running(drivers: dict[str, Recorded]) -> Iterator[Core]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.settimeout(20)
    core = Core(Lines(ours), drivers)

    def serve() -> None:
        try:
            core.code.append(host.run("card", theirs))
        except ProtocolError as error:
            core.code.append(error)
        finally:
            theirs.close()

    thread = threading.Thread(target=serve)
    before = threading.active_count()
    thread.start()
    try:
        yield core
    finally:
        core.lines.close()
        thread.join(20)
    assert not thread.is_alive()
    assert threading.active_count() == before, "every thread of the worker has ended"


def test_a_worker_greets_before_it_gets_its_devices(drivers: dict[str, Recorded]) -> None:
    with running(drivers) as core:
        assert core.hear() == Hello(worker="card", pid=os.getpid())
        assert drivers == {}
        core.send(ASSIGN)
        for _ in range(4):  # connecting and progress of both
            core.hear()
        assert set(drivers) == {"one", "two"}
        core.send(Stop())
    assert core.code == [0]
    assert all(d.closed.is_set() for d in drivers.values())


def test_a_core_that_goes_away_ends_the_worker(drivers: dict[str, Recorded]) -> None:
    with running(drivers) as core:
        core.hear()
    assert core.code == [0]
    with running(drivers) as core:
        core.hear()
        core.send(ASSIGN)
        core.until("connecting")
        core.lines.sock.shutdown(socket.SHUT_WR)
        while core.hear() is not None:
            pass
    assert core.code == [0]
    assert all(d.closed.is_set() for d in drivers.values())


@pytest.mark.parametrize(
    ("line", "code"),
    [(b'{"type": "stop"}', 0), (b'{"type": "lease_over", "lease": "%s", "device": "one"}', 1)],
)
def test_what_comes_instead_of_an_assignment(drivers: dict[str, Recorded], line: bytes, code: int) -> None:
    with running(drivers) as core:
        core.hear()
        core.lines.send(line.replace(b"%s", LEASE.encode()))
    assert core.code == [code]
    assert drivers == {}


def test_nonsense_ends_the_worker_with_its_sessions(drivers: dict[str, Recorded]) -> None:
    with running(drivers) as core:
        core.hear()
        core.send(ASSIGN)
        core.until("connecting")
        core.lines.send(b'{"type": "assign", "secret": "13800138000"}')
        while core.hear() is not None:
            pass
    (error,) = core.code
    assert isinstance(error, ProtocolError) and "1380" not in str(error)
    assert all(d.closed.is_set() for d in drivers.values())


def test_a_message_goes_to_its_device_alone(drivers: dict[str, Recorded]) -> None:
    with running(drivers) as core:
        core.hear()
        core.send(ASSIGN)
        core.send(CardLease(lease=LEASE, device="two", seconds=5))
        core.send(LeaseOver(lease=LEASE, device="two"))
        core.until("connecting")
        assert drivers["two"].told.get(timeout=20) == CardLease(lease=LEASE, device="two", seconds=5)
        assert drivers["two"].told.get(timeout=20) == LeaseOver(lease=LEASE, device="two")
        assert drivers["one"].told.empty()


def test_a_descriptor_for_no_device_is_closed_and_the_next_one_is_not_mixed_up(
    drivers: dict[str, Recorded],
) -> None:
    with running(drivers) as core:
        core.hear()
        core.send(ASSIGN)
        pipes = [os.pipe(), os.pipe()]
        for device, (_, writer) in zip(("three", "one"), pipes, strict=True):
            core.send(FrameLease(lease=LEASE, device=device, seconds=5), (writer,))
            os.close(writer)
        fd = drivers_fd(core)
        assert os.read(pipes[0][0], 9) == b"", "nobody holds the first one any more"
        os.write(fd, b"second")
        os.close(fd)
        assert os.read(pipes[1][0], 9) == b"second"
        for reader, _ in pipes:
            os.close(reader)


def drivers_fd(core: Core) -> int:
    core.until("connecting")
    return core.drivers["one"].fds.get(timeout=20)


# ---- the outlet -----------------------------------------------------------------------------


@contextmanager
def stuck_outlet(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[host.Outlet, Lines]]:
    """An outlet whose core doesn't read: its socket is full, its queue is short."""
    monkeypatch.setattr(host, "QUEUE_LENGTH", 2)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    theirs.setblocking(False)
    filled = 0
    try:
        while True:
            filled += theirs.send(b"\n" * 4096)
    except BlockingIOError:
        theirs.setblocking(True)
    ours.settimeout(20)
    reader = Lines(ours)
    outlet = host.Outlet(Lines(theirs))
    yield outlet, reader
    for sock in (ours, theirs):
        sock.close()


def state(n: int) -> DeviceState:
    return DeviceState(device="one", state="up", code="x", at_ms=n)


def test_when_the_core_does_not_read_heartbeats_are_dropped_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every queue is bounded and says what it drops; records wait."""
    with stuck_outlet(monkeypatch) as (outlet, reader):
        for _ in range(50):
            outlet.observe(Progress(device="one", units=1))

        def send() -> None:
            for n in range(9):
                outlet.observe(state(n))

        sender = threading.Thread(target=send)
        sender.start()
        got: list[int] = []
        while len(got) < 9:
            line = reader.receive()
            assert line is not None
            message = FROM_WORKER.validate_json(line) if line else None
            if isinstance(message, DeviceState):
                got.append(message.at_ms)
        sender.join(20)
        assert got == list(range(9))
        outlet.close()


def test_closing_does_not_wait_for_a_core_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "CLOSE_S", 0.05)
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr("edge.workers.host.os.kill", lambda *a: killed.append(a))
    with stuck_outlet(monkeypatch) as (outlet, _reader):
        for _ in range(9):
            outlet.observe(Progress(device="one", units=1))
        outlet.close()  # returns


def test_a_core_that_is_gone_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = threading.Event()
    signals: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        signals.append((pid, number))
        killed.set()

    monkeypatch.setattr("edge.workers.host.os.kill", kill)
    ours, theirs = socket.socketpair()
    outlet = host.Outlet(Lines(theirs))
    ours.close()
    outlet.observe(state(1))
    assert killed.wait(20)
    assert signals == [(os.getpid(), signal.SIGTERM)]
    outlet.close()
    theirs.close()
