"""Sessions of the core: kept going, never spreading a failure, never logging a stranger's words."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from edge.domain.errors import LinkDown, ProtocolError, StoreError
from edge.runtime import supervise
from edge.runtime.supervise import contain, keep

SECRET = "张三 13800138000"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for, which take no time here."""
    asked: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        asked.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr("tenacity.asyncio._portable_async_sleep", sleep)
    monkeypatch.setattr("edge.runtime.supervise.asyncio.sleep", sleep)
    return asked


def scripted(*outcomes: BaseException | None) -> tuple[list[int], Callable[[], Awaitable[None]]]:
    """Return a session that goes through `outcomes`; None returns, and so does the end of them."""
    ran: list[int] = []

    async def session() -> None:
        ran.append(len(ran))
        outcome = outcomes[len(ran) - 1] if len(ran) <= len(outcomes) else None
        if outcome is not None:
            raise outcome

    return ran, session


def test_a_session_that_returns_is_over(waits: list[float]) -> None:
    ran, session = scripted()
    asyncio.run(keep("pump", session))
    assert (ran, waits) == ([0], [])


def test_failures_back_off_with_jitter_to_a_minute(waits: list[float]) -> None:
    ran, session = scripted(*[LinkDown("connect", "link_down")] * 10)
    asyncio.run(keep("pump", session))
    assert len(ran) == 11
    assert len(waits) == 10
    for n, pause in enumerate(waits):
        assert min(0.5 * 2**n, 60.0) <= pause <= min(0.5 * 2**n + 0.5, 60.0)
    assert len({round(w, 6) for w in waits}) > 5, "there is jitter"


def test_a_session_that_was_healthy_starts_a_new_cycle_with_a_short_pause(
    waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at once: a broker that goes down ends the healthy sessions of all boxes in one instant."""
    now = [0.0]
    monkeypatch.setattr("edge.runtime.supervise.time.monotonic", lambda: now[0])
    ran: list[int] = []

    async def session() -> None:
        ran.append(len(ran))
        if len(ran) == 6:
            return
        if len(ran) == 4:
            now[0] += supervise.HEALTHY_AFTER_S + 0.1
        raise LinkDown("read", "link_down")

    asyncio.run(keep("pump", session))
    assert 0.5 <= waits[3] <= 1.0, "after the healthy session"
    assert 0.5 <= waits[4] <= 1.0, "and from the beginning again"


def test_a_store_error_ends_it(waits: list[float]) -> None:
    """architecture.md: an I/O error from the disk ends the process; recovery happens at start."""
    ran, session = scripted(LinkDown("connect", "link_down"), StoreError("write", "disk full"))
    with pytest.raises(StoreError):
        asyncio.run(keep("pump", session))
    assert len(ran) == 2
    with pytest.raises(StoreError):
        asyncio.run(contain("client", scripted(StoreError("write", "disk full"))[1]))


def test_a_store_error_ends_it_out_of_a_session_with_tasks_of_its_own(waits: list[float]) -> None:
    """The pump runs its parts in a task group, which wraps what one of them raises."""

    async def pump() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.Event().wait())
            tasks.create_task(scripted(StoreError("write", "disk full"))[1]())  # type: ignore[arg-type] # a coroutine

    with pytest.raises(StoreError):
        asyncio.run(keep("pump", pump))
    assert not waits


def test_a_cancellation_ends_it_in_the_middle_of_a_pause() -> None:
    async def scene() -> None:
        failed = asyncio.Event()

        async def session() -> None:
            failed.set()
            raise LinkDown("connect", "link_down")

        task = asyncio.create_task(keep("pump", session))
        await failed.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(logging.Formatter().format(record) for record in caplog.records)


def test_an_expected_failure_is_one_line_without_its_hint(
    waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    _ran, session = scripted(ProtocolError("greet a worker", "no_hello", SECRET))
    asyncio.run(keep("worker card", session))
    assert [r.getMessage() for r in caplog.records] == [
        "session ended name=worker card operation='greet a worker' cause='no_hello'"
    ]


@pytest.mark.parametrize("kept", [True, False])
def test_an_unforeseen_failure_shows_where_and_never_what_a_stranger_sent(
    waits: list[float], caplog: pytest.LogCaptureFixture, kept: bool
) -> None:
    async def hostile() -> None:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(f"cannot read {SECRET}") from error

    async def scene() -> None:
        first = True

        async def session() -> None:
            nonlocal first
            if first:
                first = False
                await hostile()

        await (keep("pump", session) if kept else contain("pump", session))

    asyncio.run(scene())
    text = logged(caplog)
    assert "session failed name=pump type=ValueError" in text
    assert "in hostile" in text, "a technician sees where"
    assert "张三" not in text and "13800138000" not in text


def test_one_failing_session_does_not_touch_another(waits: list[float]) -> None:
    async def scene() -> None:
        done = asyncio.Event()
        failures = 0

        async def failing() -> None:
            nonlocal failures
            failures += 1
            if failures > 20:
                return
            raise RuntimeError("any")

        async def steady() -> None:
            await done.wait()

        async with asyncio.TaskGroup() as tasks:
            steady_one = tasks.create_task(keep("steady", steady))
            await tasks.create_task(keep("failing", failing))
            assert not steady_one.done()
            done.set()

    asyncio.run(scene())
