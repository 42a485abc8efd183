"""The phone worker as a process, a real registrar, real callers; the test plays the core's part."""

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from edge.ipc.framing import Lines
from edge.ipc.messages import (
    FROM_WORKER,
    Assign,
    CallEnded,
    CallKey,
    CallStarted,
    DeviceState,
    FromWorker,
    Hello,
    Message,
    RecordCall,
    Stop,
)
from edge.ipc.seal import open_sealed
from scripts.site.notice_wav import render
from scripts.site.registrar import Registrar, free_port
from scripts.site.sip_audio import energy
from scripts.site.sip_peers import Plan, Word, place_call

pytestmark = pytest.mark.e2e

NUMBER = "13800138000"
KEY = bytes(range(32, 64))
NOTICE = "同意录音请按一"


class Worker:
    """A phone worker as the core starts it; on key 1 it is told to record, as the core does by consent."""

    def __init__(self, spool: Path) -> None:
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge.cli", "worker", "phone"],
            env={"PATH": os.environ["PATH"], "GATEHOUSE_FD": str(theirs.fileno())},
            pass_fds=(theirs.fileno(),),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        self._spool = spool
        self._lines = Lines(ours)
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self.messages: list[FromWorker] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(ConnectionResetError):  # a killed worker had not read everything
            while (line := self._lines.receive()) is not None:
                message = FROM_WORKER.validate_json(line)
                if isinstance(message, CallKey) and message.key == "1":
                    self._record(message.device, message.call)
                with self._changed:
                    self.messages.append(message)
                    self._changed.notify_all()

    def _record(self, device: str, call: str) -> None:
        fd = os.open(self._spool / call, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            self.send(RecordCall(device=device, call=call, key=base64.b64encode(KEY).decode()), fd)
        finally:
            os.close(fd)

    def send(self, message: Message, *fds: int) -> None:
        with self._sending:
            self._lines.send(message.model_dump_json().encode(), fds)

    def of(self, kind: type[Any]) -> list[Any]:
        return [one for one in list(self.messages) if isinstance(one, kind)]

    def wait(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        with self._changed:
            assert self._changed.wait_for(true, seconds), f"not within {seconds} s: {self.messages[-4:]}"

    def ended(self, count: int = 1) -> list[CallEnded]:
        self.wait(lambda: len(self.of(CallEnded)) >= count)
        return self.of(CallEnded)

    def audio(self, call: str) -> tuple[bytes, bytes, bool]:
        """What was sealed: the caller, what the caller heard, whether the file is whole."""
        fd = os.open(self._spool / call, os.O_RDONLY)
        try:
            reader = open_sealed(fd, KEY)
            both = array("h", b"".join(reader))
        finally:
            os.close(fd)
        return both[0::2].tobytes(), both[1::2].tobytes(), reader.complete

    def finish(self) -> tuple[str, str]:
        """Return what it wrote to its outputs; it must have ended, or is killed."""
        if self.process.poll() is None:
            self.process.kill()
        out, err = self.process.communicate()
        self._reader.join(5)
        self._lines.close()
        return out, err


@pytest.fixture(scope="module")
def registrar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registrar]:
    with Registrar(tmp_path_factory.mktemp("registrar"), {"office": "sesame"}) as running:
        yield running


@pytest.fixture(scope="module")
def line(registrar: Registrar, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    notice = tmp_path_factory.mktemp("notice") / "notice.wav"
    render(notice, NOTICE)
    return {
        "id": "line-1",
        "kind": "sip",
        "worker": "phone",
        "line": "main",
        "registrar": "127.0.0.1",
        "port": registrar.port,
        "username": "office",
        "password": "sesame",
        "notice_wav": str(notice),
        "ring_ms": 200,
        "bind": "127.0.0.1",
        "bind_port": free_port(),  # always the same contact, so that a killed worker leaves no second one
    }


@pytest.fixture
def worker(line: dict[str, Any], tmp_path: Path) -> Iterator[Worker]:
    started = Worker(tmp_path)
    started.send(Assign(devices=(line,)))
    started.wait(lambda: any(state.state == "up" for state in started.of(DeviceState)))
    yield started
    started.finish()


def call(registrar: Registrar, plan: Plan) -> Word:
    return place_call(plan, "office", ("127.0.0.1", registrar.port))


def test_it_says_who_it_is_and_gives_the_line_back_at_stop(worker: Worker, registrar: Registrar) -> None:
    assert worker.of(Hello) == [Hello(worker="phone", pid=worker.process.pid)]
    assert registrar.registered("office")
    worker.send(Stop())
    assert worker.process.wait(10) == 0
    assert not registrar.registered("office")


def test_key_1_is_recorded_sealed_with_what_the_caller_said(
    worker: Worker, registrar: Registrar, tmp_path: Path
) -> None:
    word = call(registrar, Plan(NUMBER, seconds=7.0, key="1", key_at=2.5, speaks_from=3.0))
    (end,) = worker.ended()
    assert (end.answered, end.notice_played) == (True, True)
    caller, _heard, whole = worker.audio(end.call)
    assert whole
    assert end.recorded_ms == len(caller) // 16
    assert 3000 < end.recorded_ms < 5000
    assert energy(caller[-3 * 16_000 :]) == pytest.approx(word.spoken_energy, rel=0.15)
    assert word.heard_ms > 500, "the caller heard the notice"
    sealed = (tmp_path / end.call).read_bytes()
    assert caller[-1600:] not in sealed


def test_without_a_key_there_is_no_audio_anywhere(
    worker: Worker, registrar: Registrar, tmp_path: Path
) -> None:
    """P27: nothing was created in the spool, in the temp directories, or held open by the worker."""
    with ThreadPoolExecutor(1) as callers:
        word = callers.submit(call, registrar, Plan(NUMBER, seconds=4.0))
        worker.wait(lambda: bool(worker.of(CallStarted)))
        files = [file.path for file in psutil.Process(worker.process.pid).open_files()]
        assert word.result().answered
    (end,) = worker.ended()
    assert (end.answered, end.recorded_ms) == (True, 0)
    assert abs(end.duration_ms - word.result().duration_ms) < 500
    assert list(tmp_path.iterdir()) == []
    assert [path for path in files if not path.endswith("notice.wav")] == []


def test_another_key_is_told_and_not_recorded(worker: Worker, registrar: Registrar, tmp_path: Path) -> None:
    call(registrar, Plan(NUMBER, seconds=3.0, key="2", key_at=2.0))
    (end,) = worker.ended()
    assert [key.key for key in worker.of(CallKey)] == ["2"]
    assert end.recorded_ms == 0
    assert list(tmp_path.iterdir()) == []


def test_killed_in_a_recording_the_prefix_is_readable(
    worker: Worker, registrar: Registrar, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as callers:
        plan = Plan(NUMBER, seconds=8.0, key="1", key_at=1.0, scenario="stay")
        doomed = callers.submit(call, registrar, plan)
        worker.wait(lambda: bool(worker.of(CallKey)))
        (key,) = worker.of(CallKey)
        spool = tmp_path / key.call
        _until_larger(spool, 64_000, 10)
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.wait(5)
        with suppress(RuntimeError):  # nobody says goodbye to this caller any more
            doomed.result()
    caller, _heard, whole = worker.audio(key.call)
    assert not whole
    assert len(caller) > 1.5 * 16_000
    assert energy(caller[-8000:]) > 3000, "what was said is there up to the end"


def _until_larger(path: Path, size: int, seconds: float) -> None:
    waited = threading.Event()
    for _ in range(int(seconds * 20)):
        if path.stat().st_size > size:
            return
        waited.wait(0.05)  # a file's growth can't be awaited otherwise
    raise AssertionError(f"only {path.stat().st_size} bytes were sealed")


def test_no_number_and_no_secret_is_in_its_output_or_on_its_command_line(
    worker: Worker, registrar: Registrar
) -> None:
    """P54: logs hold no personal data."""
    command = " ".join(psutil.Process(worker.process.pid).cmdline())
    call(registrar, Plan(NUMBER, scenario="give_up", seconds=0.1))
    call(registrar, Plan(NUMBER, seconds=1.5, key="1", key_at=0.5))
    worker.ended(2)
    assert [start.number for start in worker.of(CallStarted)] == [NUMBER] * 2
    worker.send(Stop())
    worker.process.wait(10)
    out, err = worker.finish()
    for secret in (NUMBER, "sesame", base64.b64encode(KEY).decode()):
        assert secret not in command + out + err


def test_it_stays_small(worker: Worker, registrar: Registrar) -> None:
    """The whole box has 600 MB for six processes."""
    call(registrar, Plan(NUMBER, seconds=2.0, key="1", key_at=0.5))
    worker.ended()
    assert psutil.Process(worker.process.pid).memory_info().rss < 120 * 2**20
