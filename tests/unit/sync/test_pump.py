"""The pump's own rules against an uplink that the test drives: windows, timers, refusals, cancellation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.sync import pump as pump_module
from edge.sync.pump import Pump
from edge.sync.session import Arrived
from edge.sync.trust import Headquarters
from edge.sync.uplink import Link, Listener
from edge.wire import Command, Signed, Topics, key_id, parse_signed, signing_input
from tests.fakes.outbox import MemoryOutbox, health

TOPICS = Topics("t", "s", "box-1")
HQ = Ed25519PrivateKey.from_private_bytes(bytes(32))


@dataclass
class DrivenUplink:
    """An uplink without a network: the test brings it up and down and says what the broker answers."""

    topics: Topics = TOPICS
    link: Link = field(default_factory=lambda: Link("down", "test", 0.0))
    sent: list[dict[str, Any]] = field(default_factory=list)
    mids: list[int] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    acknowledged: int = 0
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def listen(self, listener: Listener) -> None:
        self.listener = listener

    async def run(self) -> None:
        await asyncio.Event().wait()

    def publish(self, payload: bytes) -> int | None:
        if self.link.name != "up":
            return None
        self.sent.append(parse_signed(payload).body)
        self.mids.append(len(self.sent))
        self.told.set()
        return len(self.sent)

    def drop(self, code: str) -> None:
        self.dropped.append(code)
        self.told.set()

    def set(self, name: Any) -> None:
        self.link = Link(name, "test", 0.0)
        self.listener.link_changed(self.link)

    def receipt(self, body: dict[str, Any]) -> None:
        results = [{"sequence": e["sequence"], "outcome": "committed"} for e in body["entries"]]
        answer = {
            "batch_id": body["batch_id"],
            "box": body["box"],
            "epoch": body["epoch"],
            "results": results,
        }
        signature = HQ.sign(signing_input("receipt", answer)).hex()
        signed = Signed(
            body=answer, key_id=key_id(HQ.public_key().public_bytes_raw()), signature=signature
        ).to_bytes()
        self.listener.arrived(Arrived(self.topics.receipt, signed, self._acknowledge))

    def _acknowledge(self) -> None:
        self.acknowledged += 1


async def no_command(command: Command) -> None:
    raise AssertionError(command.kind)


@asynccontextmanager
async def pumping(outbox: MemoryOutbox, **options: Any) -> AsyncIterator[tuple[Pump, DrivenUplink]]:
    uplink = DrivenUplink()

    async def run(fn: Callable[..., Any], /, *args: object) -> Any:
        await asyncio.sleep(0)
        return fn(*args)

    key = Ed25519PrivateKey.generate()
    pump = Pump(
        outbox, run, uplink, key.sign, key_id(key.public_key().public_bytes_raw()),  # type: ignore[arg-type]  # the uplink is the test's
        headquarters=Headquarters([HQ.public_key().public_bytes_raw()], "box-1"),
        on_command=no_command, **options,
    )  # fmt: skip
    task = asyncio.create_task(pump.run())
    try:
        yield pump, uplink
    finally:
        task.cancel()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 10)


async def settle() -> None:
    """Let every task that can go on go on."""
    for _ in range(50):
        await asyncio.sleep(0)


def filled(count: int) -> MemoryOutbox:
    outbox = MemoryOutbox(TOPICS)
    for number in range(count):
        outbox.add(health(number))
    return outbox


def play(scenario: Awaitable[None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(scenario, 60)

    asyncio.run(bounded())


def test_nothing_is_taken_while_the_link_is_down() -> None:
    async def scenario() -> None:
        outbox = filled(5)
        async with pumping(outbox) as (pump, uplink):
            pump.notify()
            await settle()
            assert not outbox.pending_batches()
            uplink.set("up")
            await settle()
            assert len(uplink.sent) == 1

    play(scenario())


def test_a_returning_link_sends_again_what_was_under_way() -> None:
    async def scenario() -> None:
        async with pumping(filled(3)) as (_, uplink):
            uplink.set("up")
            await settle()
            uplink.set("down")
            uplink.set("up")
            await settle()
            assert len(uplink.sent) == 2
            assert uplink.sent[0] == uplink.sent[1]

    play(scenario())


def test_the_window_moves_on_with_each_receipt() -> None:
    async def scenario() -> None:
        outbox = filled(10)
        async with pumping(outbox, window=2, batch_entries=1) as (pump, uplink):
            uplink.set("up")
            await settle()
            for done in range(10):
                assert len(uplink.sent) == min(done + 2, 10)
                uplink.receipt(uplink.sent[done])
                await settle()
            assert outbox.depth() == 0
            assert pump.state.in_flight == 0
            assert uplink.acknowledged == 10

    play(scenario())


def test_what_headquarters_missed_goes_again_as_soon_as_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """P43: no batch waits for minutes because headquarters was away for hours before."""
    now = [0.0]
    monkeypatch.setattr(pump_module, "time", SimpleNamespace(monotonic=lambda: now[0]))

    async def acknowledge(uplink: DrivenUplink, known: int) -> int:
        for mid in uplink.mids[known:]:
            uplink.listener.published(mid, None)
        await settle()
        return len(uplink.mids)

    async def scenario() -> None:
        outbox = filled(4)
        async with pumping(outbox, window=4, batch_entries=1) as (pump, uplink):
            uplink.set("up")
            await settle()
            known, sent_at = await acknowledge(uplink, 0), dict[str, list[float]]()
            while now[0] < 2 * 3600:  # headquarters is away, the broker is not
                now[0] += 5
                pump.notify()
                await settle()
                for body in uplink.sent[known:]:
                    sent_at.setdefault(body["batch_id"], []).append(now[0])
                known = await acknowledge(uplink, known)
            oldest, *others = (body["batch_id"] for body in uplink.sent[:4])
            pauses = [b - a for a, b in pairwise(sent_at[oldest])]
            assert max(pauses) <= pump_module.PROBE_S + 5
            assert all(len(sent_at[one]) < 40 for one in others), "the others don't flood the line"
            uplink.receipt(uplink.sent[-1] if uplink.sent[-1]["batch_id"] == oldest else uplink.sent[0])
            await settle()
            assert {body["batch_id"] for body in uplink.sent[known:]} == set(others)

    play(scenario())


def test_a_repeated_receipt_is_harmless() -> None:
    async def scenario() -> None:
        async with pumping(filled(1)) as (pump, uplink):
            uplink.set("up")
            await settle()
            uplink.receipt(uplink.sent[0])
            uplink.receipt(uplink.sent[0])
            await settle()
            assert pump.state.ignored == {"repeated": 1}
            assert uplink.acknowledged == 2

    play(scenario())


def test_a_batch_voided_before_its_receipt_came_goes_again_though_nobody_said_so() -> None:
    """The receipt is for what the batch was: what it became waits for one of its own."""

    async def scenario() -> None:
        outbox = filled(1)
        async with pumping(outbox) as (pump, uplink):
            uplink.set("up")
            await settle()
            outbox.void(0)
            uplink.receipt(uplink.sent[0])
            await settle()
            assert len(uplink.sent) == 2
            assert uplink.sent[1]["entries"][0]["record"]["kind"] == "voided"
            uplink.receipt(uplink.sent[1])
            await settle()
            assert outbox.depth() == 0
            assert pump.state.in_flight == 0

    play(scenario())


def test_a_refused_batch_waits_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with pumping(filled(1)) as (pump, uplink):
            uplink.set("up")
            await settle()
            uplink.listener.published(1, "quota_exceeded")
            pump.notify()
            await settle()
            assert len(uplink.sent) == 1, "not before its time"
            monkeypatch.setattr(pump_module, "REFUSED_S", 0.0)
            uplink.set("up")
            await settle()
            uplink.listener.published(2, "quota_exceeded")
            await settle()
            assert len(uplink.sent) == 3, "again, when its time came"
            assert pump.state.refused == {"quota_exceeded": 2}

    play(scenario())


def test_a_broker_that_never_acknowledges_loses_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump_module, "PUBACK_S", 0.05)

    async def scenario() -> None:
        async with pumping(filled(1)) as (_, uplink):
            uplink.set("up")
            await settle()
            uplink.told.clear()
            await uplink.told.wait()
            assert uplink.dropped == ["no_acknowledgement"]
            assert len(uplink.sent) == 1, "nothing more into a stuck session"

    play(scenario())


def test_a_payload_that_is_too_large_is_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump_module, "MAX_PAYLOAD", 100)

    async def scenario() -> None:
        outbox = filled(1)
        async with pumping(outbox) as (pump, uplink):
            uplink.set("up")
            await settle()
            assert not uplink.sent
            assert pump.state.refused == {"too_large": 1}
            assert outbox.depth() == 1

    play(scenario())


def test_a_flood_from_above_ends_the_session_and_is_bounded() -> None:
    async def scenario() -> None:
        async with pumping(filled(1)) as (pump, uplink):
            for _ in range(pump_module.MAX_ARRIVALS + 1):
                uplink.listener.arrived(Arrived("elsewhere", b"", uplink._acknowledge))
            assert uplink.dropped == ["overflow"]
            await settle()
            while sum(pump.state.ignored.values()) <= pump_module.MAX_ARRIVALS:
                await settle()
            assert pump.state.ignored == {"overflow": 1, "unknown_topic": pump_module.MAX_ARRIVALS}

    play(scenario())


def test_cancelling_at_any_moment_ends_the_pump() -> None:
    """A cancellation that meets a wake-up must not be lost (asyncio.wait_for on Python 3.11 loses it)."""

    async def scenario() -> None:
        for turns in range(40):
            async with pumping(filled(1)) as (pump, uplink):
                uplink.set("up")
                for _ in range(turns):
                    await asyncio.sleep(0)
                pump.notify()

    play(scenario())
