"""Moves batches from the outbox to headquarters, and its receipts and commands back; never deletes by itself.

A row goes only when a receipt that headquarters signed says so: the outbox stays the one queue, and
at most `window` batches are under way. A batch that got no receipt is read from the outbox and sent
again, so an entry that was voided meanwhile goes out as Voided. A broker that refuses is a state.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

from edge.domain.errors import InvalidInput
from edge.ports import Outbox
from edge.sync.session import RECEIVE_MAXIMUM, Arrived
from edge.sync.trust import Headquarters
from edge.sync.uplink import Link, Uplink
from edge.wire import Batch, Command, Receipt, Signed, signing_input
from edge.wire.batch import MAX_PAYLOAD

log = logging.getLogger(__name__)

R = TypeVar("R")

WINDOW = 4
BATCH_ENTRIES = 100
RECEIPT_S = 10.0
"""Seconds from the broker's acknowledgement until a batch without a receipt goes again; doubled each time."""
LAST_RECEIPT_S = 480.0
PROBE_S = 20.0
"""The oldest batch goes again at least this often: the others, and a withdrawal behind them, wait for it."""
REFUSED_S = 60.0
PUBACK_S = 300.0
"""Seconds without the broker's acknowledgement until the session is given up as stuck."""


MAX_ARRIVALS = 16 * RECEIVE_MAXIMUM
"""Downward messages held at once; one more ends the session, and the broker sends what is open again."""


class Run(Protocol):
    """Runs a blocking call of the store in the store's one thread."""

    def __call__(self, fn: Callable[..., R], /, *args: object) -> Awaitable[R]:
        """Return what `fn(*args)` returns, or raise what it raises."""
        ...


@dataclass(slots=True)
class _UnderWay:
    """A batch without a receipt. `due` (time.monotonic) is when something has to happen to it."""

    epoch: str
    sequences: frozenset[int]
    open: set[int]
    due: float = 0.0
    tries: int = 0
    mid: int | None = None
    """The broker hasn't acknowledged this one yet, in the present session."""
    sent: int | None = None
    """Hash of the payload that was sent last: another one means that an entry was voided."""


@dataclass(frozen=True, slots=True)
class SyncState:
    """What `status` shows of the link. `refused` and `ignored` count by code since the start."""

    link: Link
    in_flight: int
    last_receipt: float | None
    """Seconds of time.monotonic."""
    refused: Mapping[str, int]
    """Batches that the broker did not take."""
    ignored: Mapping[str, int]
    """Downward messages that were not believed, or not expected."""


class Pump:
    """One box's traffic. `run` until cancelled; `notify` after every commit that added rows."""

    def __init__(
        self,
        outbox: Outbox,
        run: Run,
        uplink: Uplink,
        sign: Callable[[bytes], bytes],
        key_id: str,
        *,
        headquarters: Headquarters,
        on_command: Callable[[Command], Awaitable[None]],
        window: int = WINDOW,
        batch_entries: int = BATCH_ENTRIES,
        receipt_s: float = RECEIPT_S,
    ) -> None:
        self._outbox = outbox
        self._run_in_store = run
        self._uplink = uplink
        self._sign = sign
        self._key_id = key_id
        self._headquarters = headquarters
        self._on_command = on_command
        self._window = window
        self._batch_entries = batch_entries
        self._receipt_s = receipt_s
        self._under_way: dict[str, _UnderWay] = {}
        self._arrivals: asyncio.Queue[Arrived] = asyncio.Queue(MAX_ARRIVALS)
        self._finished: deque[str] = deque(maxlen=64)
        self._wake = asyncio.Event()
        self._store_order = asyncio.Lock()
        """Keeps what is known here in step with the outbox: reads, takes and receipts one at a time."""
        self._reread = True
        self._last_receipt: float | None = None
        self._refused: Counter[str] = Counter()
        self._ignored: Counter[str] = Counter()
        uplink.listen(self)

    @property
    def state(self) -> SyncState:
        """How things stand now."""
        return SyncState(
            self._uplink.link,
            len(self._under_way),
            self._last_receipt,
            dict(self._refused),
            dict(self._ignored),
        )

    def notify(self, *, changed: bool = False) -> None:
        """Say that rows wait; `changed`: entries of a batch under way were voided. In the event loop only."""
        self._reread |= changed
        self._wake.set()

    async def run(self) -> None:
        """Pump until cancelled. What the store raises ends it, inside an ExceptionGroup."""
        # Read first, so that a receipt that waited at the broker finds its batch.
        await self._reread_outbox()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._uplink.run(), name="uplink")
            tasks.create_task(self._send(), name="pump-send")
            tasks.create_task(self._take_arrivals(), name="pump-arrivals")

    # ---- upward ----------------------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            await self._woken_or_due()
            if self._uplink.link.name != "up":
                continue
            overdue = [one for one in self._active() if one.due <= time.monotonic()]
            stuck = [one for one in overdue if one.mid is not None]
            for one in stuck:
                one.due += PUBACK_S
                self._uplink.drop("no_acknowledgement")
            if self._reread or (overdue and not stuck):
                await self._reread_outbox()
            await self._fill_window()

    async def _woken_or_due(self) -> None:
        timeout = None
        if self._uplink.link.name == "up" and self._under_way:
            timeout = max(0.0, min(one.due for one in self._active()) - time.monotonic())
        # Not asyncio.wait_for: on Python 3.11 it can swallow a cancellation that meets the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        self._wake.clear()

    def _active(self) -> Iterable[_UnderWay]:
        """The oldest ones: all of them, unless an earlier version of the box had a wider window."""
        return islice(self._under_way.values(), self._window)

    async def _reread_outbox(self) -> None:
        """Send again what is due or has changed; forget what the outbox no longer has."""
        async with self._store_order:
            self._reread = False
            batches = await self._run_in_store(self._outbox.pending_batches)
            known = self._under_way
            self._under_way = {one.batch_id: known.get(one.batch_id) or _under_way(one) for one in batches}
            self._finished.extend(known.keys() - self._under_way.keys())
            for batch in batches[: self._window]:
                self._publish(batch)

    async def _fill_window(self) -> None:
        while self._uplink.link.name == "up" and len(self._under_way) < self._window:
            async with self._store_order:
                batch = await self._run_in_store(self._outbox.take_batch, self._batch_entries)
                if batch is None:
                    return
                self._under_way[batch.batch_id] = _under_way(batch)
                self._publish(batch)

    def _publish(self, batch: Batch) -> None:
        """Publish `batch` if it is due or has changed since it was sent."""
        one, now = self._under_way[batch.batch_id], time.monotonic()
        payload = self._signed(batch)
        if one.sent == hash(payload) and (one.mid is not None or one.due > now):
            return
        if len(payload) > MAX_PAYLOAD:
            one.sent, one.due = hash(payload), now + REFUSED_S
            self._count_refusal("too_large")
            return
        one.mid = self._uplink.publish(payload)
        if one.mid is None:
            one.due = now + 1.0  # the link just went; its return makes everything due
            return
        one.sent, one.tries, one.due = hash(payload), one.tries + 1, now + PUBACK_S

    def _signed(self, batch: Batch) -> bytes:
        body = batch.model_dump(mode="json")
        signature = self._sign(signing_input("batch", body)).hex()
        return Signed(body=body, key_id=self._key_id, signature=signature).to_bytes()

    # ---- what the uplink tells (Listener) ----------------------------------------------------

    def link_changed(self, link: Link) -> None:
        """Make everything due when the link comes up: what the old session had sent may be lost."""
        for one in self._under_way.values():
            one.mid, one.due, one.tries = None, 0.0, 0
        self._wake.set()

    def published(self, mid: int, refused: str | None) -> None:
        """Start waiting for the receipt, or for the time to ask the broker again."""
        one = next((one for one in self._under_way.values() if one.mid == mid), None)
        if refused is not None:
            self._count_refusal(refused)
        if one is None:
            return
        wait = self._patience(one) if refused is None else REFUSED_S
        one.mid, one.due = None, time.monotonic() + wait
        self._wake.set()

    def _patience(self, one: _UnderWay) -> float:
        """Return how long to wait for the receipt: the oldest batch asks whether headquarters is there."""
        oldest = next(iter(self._under_way.values()))
        longest = PROBE_S if one is oldest else LAST_RECEIPT_S
        return float(min(self._receipt_s * 2 ** (one.tries - 1), longest))

    def arrived(self, message: Arrived) -> None:
        """Queue a downward message; what doesn't fit stays unacknowledged and comes in the next session."""
        if self._arrivals.full():
            self._count_ignored("overflow")
            self._uplink.drop("overflow")
        else:
            self._arrivals.put_nowait(message)

    # ---- downward ----------------------------------------------------------------------------

    async def _take_arrivals(self) -> None:
        while True:
            message = await self._arrivals.get()
            try:
                proven = self._proven(message)
            except InvalidInput as refusal:
                self._count_ignored(refusal.code)
            else:
                await self._handle(proven)
            message.acknowledge()

    def _proven(self, message: Arrived) -> Receipt | Command:
        topics = self._uplink.topics
        if message.topic == topics.command:
            return self._headquarters.command(message.payload)
        if message.topic != topics.receipt:
            raise InvalidInput("read a message from headquarters", "unknown_topic")
        return self._headquarters.receipt(message.payload)

    async def _handle(self, proven: Receipt | Command) -> None:
        if isinstance(proven, Receipt):
            async with self._store_order:
                await self._apply(proven)
            self._wake.set()
        else:
            await self._on_command(proven)

    async def _apply(self, receipt: Receipt) -> None:
        one = self._under_way.get(receipt.batch_id)
        ended = {result.sequence for result in receipt.results}
        if one is None:
            self._count_ignored("repeated" if receipt.batch_id in self._finished else "unknown_batch")
        elif one.epoch != receipt.epoch:
            self._count_ignored("other_epoch")
        elif not ended <= one.sequences:
            self._count_ignored("other_rows")
        else:
            if not await self._run_in_store(self._outbox.apply_receipt, receipt):
                # Voided between the sending and the receipt: it goes again, as another batch.
                self._reread = True
            self._last_receipt = time.monotonic()
            if one.tries > 1:
                self._headquarters_is_back()
            one.open -= ended
            if not one.open:
                del self._under_way[receipt.batch_id]
                self._finished.append(receipt.batch_id)

    def _headquarters_is_back(self) -> None:
        """What was sent in vain goes again at once, not when its long wait is over."""
        for other in self._under_way.values():
            if other.mid is None and other.tries > 1:
                other.due, other.tries = 0.0, 0

    def _count_refusal(self, code: str) -> None:
        self._refused[code] += 1
        if _telling(self._refused[code]):
            log.warning("batch refused by=broker code=%s times=%d", code, self._refused[code])

    def _count_ignored(self, code: str) -> None:
        self._ignored[code] += 1
        if code != "repeated" and _telling(self._ignored[code]):
            log.warning("downward message ignored code=%s times=%d", code, self._ignored[code])


def _under_way(batch: Batch) -> _UnderWay:
    sequences = frozenset(entry.sequence for entry in batch.entries)
    return _UnderWay(batch.epoch, sequences, set(sequences))


def _telling(times: int) -> bool:
    """The first, second, fourth, eighth … time: a hostile broker can't fill the journal."""
    return times & (times - 1) == 0
