"""Stages of the stop, signals, what systemd hears, the clock, and the store's one thread."""

import asyncio
import logging
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from edge.domain.errors import LinkDown
from edge.runtime.clock import Clock, kernel_quality
from edge.runtime.lifecycle import Lifecycle, stage
from edge.runtime.storethread import StoreThread
from edge.wire import TimeQuality


def test_a_stage_that_takes_too_long_is_named_and_passed(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> bool:
        cancelled = asyncio.Event()

        async def slow() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        await stage("workers", slow(), 0.01)
        return cancelled.is_set()

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(scene())
    assert "name=workers limit_s=0.01" in caplog.text


def test_a_stage_in_time_says_nothing_and_a_failing_one_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    async def quick() -> None:
        await asyncio.sleep(0)

    async def failing() -> None:
        raise LinkDown("drain", "link_down")

    asyncio.run(stage("outbox", quick(), 10))
    assert caplog.records == []
    with pytest.raises(LinkDown):
        asyncio.run(stage("outbox", failing(), 10))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_the_stop_and_a_second_one_changes_nothing(number: int) -> None:
    async def scene() -> None:
        life = Lifecycle()
        life.listen_for_signals()
        for _ in range(2):
            os.kill(os.getpid(), number)
        async with asyncio.timeout(10):
            await life.stopping.wait()
        await asyncio.sleep(0)

    asyncio.run(scene())


def test_systemd_hears_ready_alive_and_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(10)
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        async def scene() -> Lifecycle:
            return Lifecycle()

        life = asyncio.run(scene())
        for tell in (life.ready, life.alive, life.stops):
            tell()
        assert [systemd.recv(99) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_without_systemd_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    async def scene() -> None:
        life = Lifecycle()
        life.ready()
        life.stops()

    asyncio.run(scene())


def test_wall_time_is_in_milliseconds() -> None:
    assert abs(Clock("ntp").now_ms() - time.time() * 1000) < 5000


def test_the_kernel_is_asked_and_a_hypervisor_is_answered_for() -> None:
    assert kernel_quality() in set(TimeQuality)
    assert Clock("ntp").quality() is kernel_quality()
    assert Clock("hypervisor").quality() is TimeQuality.SYNCHRONISED


@pytest.mark.parametrize(
    ("state", "status", "error_us", "quality"),
    [
        (0, 0, 1000, TimeQuality.SYNCHRONISED),
        (0, 0, 500_001, TimeQuality.DRIFTING),
        (5, 0, 0, TimeQuality.UNKNOWN),  # TIME_ERROR
        (0, 0x40, 0, TimeQuality.UNKNOWN),  # STA_UNSYNC
        (-1, 0, 0, TimeQuality.UNKNOWN),  # the call itself failed
    ],
)
def test_what_adjtimex_says_is_what_counts(
    monkeypatch: pytest.MonkeyPatch, state: int, status: int, error_us: int, quality: TimeQuality
) -> None:
    class Libc:
        def __init__(self, *_: object, **__: object) -> None: ...

        def adjtimex(self, pointer: object) -> int:
            timex = pointer._obj  # type: ignore[attr-defined] # what ctypes.byref refers to
            assert timex.modes == 0, "read only"
            timex.status, timex.maxerror = status, error_us
            return state

    monkeypatch.setattr("edge.runtime.clock.ctypes.CDLL", Libc)
    assert kernel_quality() is quality


def test_the_store_has_one_thread_and_keeps_the_order() -> None:
    async def scene() -> None:
        thread, order, names = StoreThread(), [], set()

        def work(n: int) -> int:
            order.append(n)
            names.add(threading.current_thread().name)
            return n

        assert await asyncio.gather(*(thread.run(work, n) for n in range(50))) == list(range(50))
        assert order == list(range(50))
        assert len(names) == 1 and threading.current_thread().name not in names

        def fail() -> None:
            raise LinkDown("any", "link_down")

        with pytest.raises(LinkDown):
            await thread.run(fail)
        assert await thread.run(work, 7) == 7, "an error ends nothing"
        thread.close()

    asyncio.run(scene())
