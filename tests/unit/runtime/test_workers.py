"""Workers as real processes: what they inherit, what they may say, how they come back and how they end."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from edge.domain.errors import LinkDown, ProtocolError
from edge.ipc.messages import Assign, CardLease, DeviceState, Embedding, FromWorker
from edge.runtime import workers
from edge.runtime.budget import STATES
from edge.runtime.supervise import keep
from edge.runtime.workers import Worker, end, spawn

ASSIGN = Assign(
    devices=({"id": "card", "kind": "card_serial", "worker": "card", "port": "/dev/no-terminal-here"},)
)
LEASE = "1" * 32


class Heard:
    """What the core hears of a worker."""

    def __init__(self) -> None:
        self.messages: list[FromWorker] = []
        self.lost: list[str] = []
        self.news = asyncio.Event()

    async def take(self, message: FromWorker) -> None:
        self.messages.append(message)
        self.news.set()

    async def gone(self, kind: str) -> None:
        self.lost.append(kind)
        self.news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                self.news.clear()
                await self.news.wait()

    def states(self) -> list[tuple[str, str]]:
        return [(m.device, m.state) for m in self.messages if isinstance(m, DeviceState)]


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@contextlib.asynccontextmanager
async def kept(worker: Worker) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(keep(f"worker {worker.kind}", worker.session))
    try:
        yield task
    finally:
        await worker.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_worker_killed_with_9_comes_back_within_5_s() -> None:
    """The real card worker; its devices are lost for the time and no others."""

    async def scene() -> None:
        heard = Heard()
        worker = Worker("card", ASSIGN, heard.take, heard.gone)
        async with kept(worker):
            await heard.until(lambda: ("card", "down") in heard.states())
            first = worker.pid
            assert first is not None
            heard.messages.clear()
            killed = time.monotonic()
            os.kill(first, signal.SIGKILL)
            await heard.until(lambda: ("card", "down") in heard.states())
            assert heard.lost == ["card"]
            assert worker.pid not in {None, first}
            # 5 s on the box; twice that here, where other tests may have both cores.
            assert time.monotonic() - killed < 10.0
            assert not alive(first)
        assert worker.pid is None

    asyncio.run(scene())


def test_a_worker_that_hangs_is_killed_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket stays open, so only its silence tells."""
    monkeypatch.setattr(workers, "SILENT_S", 8.0)

    async def scene() -> None:
        heard = Heard()
        worker = Worker("card", ASSIGN, heard.take, heard.gone)
        async with kept(worker):
            await heard.until(lambda: ("card", "down") in heard.states())
            first = worker.pid
            assert first is not None
            os.kill(first, signal.SIGSTOP)
            heard.messages.clear()
            await heard.until(lambda: ("card", "down") in heard.states())
            assert worker.pid not in {None, first}
            assert heard.lost == ["card"]
            assert not alive(first)

    asyncio.run(scene())


def test_a_worker_with_nothing_to_tell_is_not_taken_for_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card worker whose port isn't there tells that once; from then on it only says that it lives."""
    monkeypatch.setattr(workers, "SILENT_S", 8.0)

    async def scene() -> None:
        heard = Heard()
        worker = Worker("card", ASSIGN, heard.take, heard.gone)
        async with kept(worker):
            await heard.until(lambda: ("card", "down") in heard.states())
            first = worker.pid
            await asyncio.sleep(11.0)
            assert worker.pid == first
            assert heard.lost == []

    asyncio.run(scene())


def test_a_worker_that_is_asked_to_stop_ends_by_itself() -> None:
    async def scene() -> None:
        heard = Heard()
        worker = Worker("card", ASSIGN, heard.take, heard.gone)
        task = asyncio.create_task(keep("worker card", worker.session))
        await heard.until(lambda: bool(heard.states()))
        pid = worker.pid
        assert pid is not None
        await worker.stop()
        async with asyncio.timeout(30):
            await task
        assert not alive(pid)
        assert heard.lost == ["card"]

    asyncio.run(scene())


# ---- small real children --------------------------------------------------------------------

HELLO = '{"type": "hello", "worker": "card", "pid": 1}'
HEAD = """
import json, os, socket, time
sock = socket.socket(fileno=int(os.environ["GATEHOUSE_FD"]))
def say(text): sock.sendall(text.encode() + b"\\n")
def wait():
    while b"stop" not in (sock.recv(65536) or b"stop"): pass
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let `spawn` start a small program instead of the product's workers."""
    program = tmp_path / "child.py"
    start = asyncio.create_subprocess_exec

    async def exec_child(_python: str, *_arguments: str, **options: object) -> object:
        return await start(sys.executable, str(program), **options)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr("edge.runtime.workers.asyncio.create_subprocess_exec", exec_child)
    return lambda text: (program.write_text(HEAD + text), None)[1]


def card_worker(heard: Heard) -> Worker:
    return Worker("card", ASSIGN, heard.take, heard.gone)


def test_a_child_inherits_its_socket_and_nothing_else(
    child: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """architecture.md: no key, no database, no broker, no open file, no variable of the core's."""
    out = tmp_path / "inherited"
    child(
        f"""
fds = sorted(int(n) for n in os.listdir("/proc/self/fd"))
targets = [os.readlink(f"/proc/self/fd/{{n}}") for n in fds if os.path.exists(f"/proc/self/fd/{{n}}")]
open({str(out)!r}, "w").write(json.dumps((targets, sorted(os.environ))))
"""
    )
    monkeypatch.setenv("GATEHOUSE_SECRET", "do not inherit")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials")

    async def scene() -> None:
        with (tmp_path / "open-in-the-core").open("w"):
            heard = Heard()
            with pytest.raises(LinkDown):
                await card_worker(heard).session()

    asyncio.run(scene())
    targets, environment = json.loads(out.read_text())
    assert not any("open-in-the-core" in t for t in targets)
    assert sum(t.startswith("socket:") for t in targets) == 1
    assert targets[0] == "/dev/null"
    assert "GATEHOUSE_FD" in environment
    assert not {"GATEHOUSE_SECRET", "CREDENTIALS_DIRECTORY", "HOME"} & set(environment)


@pytest.mark.parametrize(
    "said",
    [
        '{"type": "device_state", "device": "entrance", "state": "down", "code": "x", "at_ms": 1}',
        '{"type": "progress", "device": "entrance", "units": 1}',
        '{"type": "headcount", "device": "card", "from_ms": 0, "to_ms": 1, "count": 99}',
        '{"type": "call_key", "device": "card", "call": "' + LEASE + '", "key": "1", "at_ms": 1}',
        '{"type": "card_present", "device": "another", "at_ms": 1}',
        '{"type": "hello", "worker": "card", "pid": 1}',
        '{"type": "assign", "devices": []}',
        "nonsense",
    ],
)
def test_a_worker_that_is_taken_over_speaks_for_its_own_devices_alone(
    child: Callable[[str], None], said: str
) -> None:
    """One that says what isn't its own to say loses its session, and nothing of it is heard."""
    child(f"say({HELLO!r})\nsay({said!r})\nwait()")

    async def scene() -> None:
        heard = Heard()
        with pytest.raises(ProtocolError):
            await card_worker(heard).session()
        assert heard.messages == []
        assert heard.lost == ["card"]

    asyncio.run(scene())


def test_a_worker_that_floods_is_cut_off_and_what_it_said_before_stands(child: Callable[[str], None]) -> None:
    """One that is taken over can't fill the outbox, nor by coming back."""
    state = '{"type": "device_state", "device": "card", "state": "down", "code": "x", "at_ms": 1}'
    child(f"say({HELLO!r})\nfor _ in range(10_000):\n    say({state!r})\nwait()")

    async def scene() -> None:
        heard = Heard()
        worker = card_worker(heard)
        for _ in range(3):
            with pytest.raises(ProtocolError, match="worker_flooding"):
                await worker.session()
            assert worker.lost_code == "worker_flooding"
        assert STATES <= len(heard.messages) <= 2 * STATES
        assert heard.lost == ["card"] * 3

    asyncio.run(scene())


def test_a_template_outside_a_lease_reaches_who_refuses_and_audits_it(child: Callable[[str], None]) -> None:
    embedding = Embedding(
        lease=LEASE, model="m", vector="AAAAAA==", faces=1, score_permille=900, size_px=90
    ).model_dump_json()
    child(f"say({HELLO!r})\nsay({embedding!r})\nwait()")

    async def scene() -> None:
        heard = Heard()
        worker = card_worker(heard)
        task = asyncio.create_task(worker.session())
        await heard.until(lambda: bool(heard.messages))
        await worker.stop()
        await task
        assert [m.type for m in heard.messages] == ["embedding"]

    asyncio.run(scene())


def test_a_worker_that_leaves_while_it_is_greeted_is_link_down(child: Callable[[str], None]) -> None:
    child(f"say({HELLO!r})\nsock.shutdown(socket.SHUT_RDWR)")

    async def scene() -> None:
        heard = Heard()
        with pytest.raises(LinkDown):
            await card_worker(heard).session()
        assert heard.lost == ["card"]

    asyncio.run(scene())


@pytest.mark.parametrize(
    "greeting",
    [HELLO.replace("card", "vision"), '{"type": "progress", "device": "card", "units": 1}'],
)
def test_a_stranger_gets_no_devices(child: Callable[[str], None], tmp_path: Path, greeting: str) -> None:
    got = tmp_path / "got"
    child(f"say({greeting!r})\nopen({str(got)!r}, 'wb').write(sock.recv(65536))")

    async def scene() -> None:
        with pytest.raises(ProtocolError, match="no_hello"):
            await card_worker(Heard()).session()

    asyncio.run(scene())
    assert b"no-terminal-here" not in got.read_bytes(), "the assignment holds passwords"


def test_a_worker_that_never_greets_is_given_up(
    child: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "HELLO_WITHIN_S", 0.05)
    child("wait()")

    async def scene() -> None:
        heard = Heard()
        with pytest.raises(LinkDown, match="worker_silent"):
            await card_worker(heard).session()
        assert heard.lost == ["card"]

    asyncio.run(scene())


def test_a_worker_that_ignores_stop_is_killed(
    child: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    child(
        f"""
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open({str(ready)!r}, "w").write(str(os.getpid()))
say({HELLO!r})
while True: time.sleep(60)
"""
    )
    monkeypatch.setattr("edge.runtime.workers.end", lambda process: end(process, 0.2))

    async def scene() -> None:
        worker = card_worker(Heard())
        task = asyncio.create_task(worker.session())
        async with asyncio.timeout(30):
            while True:
                try:
                    await worker.send(CardLease(lease=LEASE, device="card", seconds=1))
                    break
                except LinkDown:
                    await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not alive(int(ready.read_text()))

    asyncio.run(scene())


def test_speaking_with_a_worker_that_is_not_there_is_link_down() -> None:
    async def scene() -> None:
        with pytest.raises(LinkDown, match="worker_down"):
            await card_worker(Heard()).send(CardLease(lease=LEASE, device="card", seconds=1))

    asyncio.run(scene())


def test_after_stop_no_process_is_started_any_more(child: Callable[[str], None]) -> None:
    async def scene() -> None:
        heard = Heard()
        worker = card_worker(heard)
        await worker.stop()
        await worker.session()
        assert worker.pid is None
        assert heard.lost == []

    child("raise SystemExit(1)")
    asyncio.run(scene())


def test_a_worker_that_is_told_to_stop_while_it_starts_does_not_stay(child: Callable[[str], None]) -> None:
    child(f"time.sleep(0.3)\nsay({HELLO!r})\nwait()")

    async def scene() -> None:
        heard = Heard()
        worker = card_worker(heard)
        task = asyncio.create_task(worker.session())
        async with asyncio.timeout(30):
            while worker.pid is None:
                await asyncio.sleep(0.01)
            await worker.stop()
            await task
        assert heard.lost == ["card"]

    asyncio.run(scene())


def test_spawn_passes_each_descriptor_under_its_name(child: Callable[[str], None], tmp_path: Path) -> None:
    """A recogniser gets two: the core's socket and the frames."""
    out = tmp_path / "frames"
    child(f"open({str(out)!r}, 'wb').write(os.read(int(os.environ['GATEHOUSE_FRAMES_FD']), 9))")

    async def scene() -> None:
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe()
        with ours, theirs:
            process = await spawn(
                "recogniser", {"GATEHOUSE_FD": theirs.fileno(), "GATEHOUSE_FRAMES_FD": reader}
            )
            os.close(reader)
            os.write(writer, b"frame")
            os.close(writer)
            await end(process)
        assert process.returncode == 0

    asyncio.run(scene())
    assert out.read_bytes() == b"frame"


def test_a_worker_that_hangs_with_a_full_socket_is_killed(
    child: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "SAY_WITHIN_S", 0.05)
    monkeypatch.setattr("edge.runtime.workers.end", lambda process: end(process, 0.2))
    child(f"say({HELLO!r})\nwhile True: time.sleep(60)")

    async def scene() -> None:
        worker = card_worker(Heard())
        task = asyncio.create_task(worker.session())
        lease = CardLease(lease=LEASE, device="card", seconds=1)
        full = False
        while not full:
            try:
                async with asyncio.timeout(0.5):
                    await worker.send(lease)
            except TimeoutError:
                full = True
            except LinkDown:
                await asyncio.sleep(0.01)
        pid = worker.pid
        assert pid is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not alive(pid)

    asyncio.run(scene())


# ---- a worker as a unit of its own ----------------------------------------------------------


def test_a_unit_that_is_not_there_is_a_lost_link_with_a_hint(tmp_path: Path) -> None:
    async def scene() -> None:
        heard = Heard()
        worker = Worker("card", ASSIGN, heard.take, heard.gone, tmp_path / "card.sock")
        with pytest.raises(LinkDown, match=r"no_unit.*gatehouse-worker-card\.socket"):
            await worker.session()
        assert heard.lost == ["card"]

    asyncio.run(scene())


def test_a_units_connection_is_its_life(tmp_path: Path) -> None:
    """Its devices come after its greeting; Stop goes out at the end; no process of the core's own."""
    unit = tmp_path / "card.sock"

    async def scene() -> None:
        got: list[bytes] = []
        over = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(HELLO.encode() + b"\n")
            got.append(await reader.readline())
            writer.write(state_down().encode() + b"\n")
            got.append(await reader.readline())
            writer.close()
            over.set()

        server = await asyncio.start_unix_server(serve, unit)
        heard = Heard()
        worker = Worker("card", ASSIGN, heard.take, heard.gone, unit)
        task = asyncio.create_task(worker.session())
        await heard.until(lambda: bool(heard.states()))
        assert worker.pid is None
        await worker.stop()
        async with asyncio.timeout(30):
            await task
            await over.wait()
        server.close()
        assert Assign.model_validate_json(got[0]) == ASSIGN
        assert b"stop" in got[1]

    asyncio.run(scene())


def state_down() -> str:
    return DeviceState(device="card", state="down", code="link_down", at_ms=1).model_dump_json()
