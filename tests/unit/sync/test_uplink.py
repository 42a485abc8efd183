"""The uplink's retries: growing, bounded, slow for what a person has to mend, told once per change."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import RetryCallState, Retrying

from edge.domain.errors import AuthFailed, DeviceError, LinkDown
from edge.sync import uplink as uplink_module
from edge.sync.session import Arrived, UplinkConfig
from edge.sync.uplink import Link, Uplink
from edge.wire import Topics

NOWHERE = Path("/nonexistent")
CONFIG = UplinkConfig("headquarters.invalid", NOWHERE, NOWHERE, NOWHERE)
TOPICS = Topics("t", "s", "box-1")


def after(attempts: int, error: DeviceError) -> float:
    """Return the wait after `attempts` sessions, of which the last ended with `error`."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempts
    state.set_exception((type(error), error, None))
    return Uplink(CONFIG, TOPICS)._wait(state)


@given(st.integers(1, 10_000))
def test_the_wait_grows_with_jitter_and_is_bounded(attempts: int) -> None:
    wait = after(attempts, LinkDown("connect", "unreachable"))
    assert min(2.0 ** min(attempts - 1, 10), 60.0) <= wait <= 60.0


def test_boxes_do_not_come_back_in_step() -> None:
    waits = {after(2, LinkDown("connect", "unreachable")) for _ in range(20)}
    assert len(waits) > 1


@given(st.integers(1, 100))
def test_what_a_person_has_to_mend_is_tried_slowly_from_the_start(attempts: int) -> None:
    assert after(attempts, AuthFailed("connect", "not_authorized")) == 60.0


class Listening:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.links: list[tuple[str, str]] = []

    def link_changed(self, link: Link) -> None:
        self.links.append((link.name, link.code))

    def published(self, mid: int, refused: str | None) -> None:
        raise AssertionError

    def arrived(self, message: Arrived) -> None:
        raise AssertionError


def test_a_state_is_told_once_and_a_healthy_session_ends_the_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions: two fail alike, one was up, one is refused; after the good one the waits start anew."""
    endings: list[tuple[bool, DeviceError]] = [
        (False, LinkDown("connect", "unreachable")),
        (False, LinkDown("connect", "unreachable")),
        (True, LinkDown("connect", "connection_lost")),
        (False, AuthFailed("connect", "not_authorized")),
    ]
    done = asyncio.Event()

    class Scripted:
        def __init__(self, _config: UplinkConfig, _topics: Topics, events: Uplink) -> None:
            self._events = events

        async def hold(self) -> DeviceError:
            if not endings:
                done.set()
                await asyncio.Event().wait()
            up, error = endings.pop(0)
            if up:
                self._events.up()
            return error

    monkeypatch.setattr(uplink_module, "Session", Scripted)
    heard = Listening()

    async def scenario() -> None:
        config = UplinkConfig(
            "headquarters.invalid", NOWHERE, NOWHERE, NOWHERE,
            first_wait_s=0.001, last_wait_s=0.002, slow_wait_s=0.003, healthy_after_s=0.0,
        )  # fmt: skip
        uplink = Uplink(config, TOPICS)
        uplink.listen(heard)
        task = asyncio.create_task(uplink.run())
        await asyncio.wait_for(done.wait(), 30)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())
    assert heard.links == [
        ("down", "unreachable"),
        ("up", "connected"),
        ("down", "connection_lost"),
        ("refused", "not_authorized"),
    ]


def test_without_a_session_nothing_is_published() -> None:
    uplink = Uplink(CONFIG, TOPICS)
    assert uplink.publish(b"payload") is None
    uplink.drop("nothing to drop")
    assert uplink.link.name == "connecting"
