"""Leases: the only time at which anything recognises or reads; each ends by itself after at most 20 s.

The recogniser process exists for the length of one lease. Frames go from the camera's worker to it by
a socket of their own, never through the core.
"""

import asyncio
import base64
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from edge.domain.errors import InvalidInput, LinkDown, NotLeased, ProtocolError
from edge.domain.faces import Vector, unpack
from edge.domain.facts import PersonId
from edge.ipc.channel import Channel
from edge.ipc.messages import (
    CardFailed,
    CardLease,
    CardRead,
    Embedding,
    FrameLease,
    Hello,
    LeaseOver,
    Recognise,
)
from edge.runtime.held import Held
from edge.runtime.office import new_id
from edge.runtime.workers import Worker, end, spawn

log = logging.getLogger(__name__)

LEASE_S = 20
RECOGNISER_STOPS_WITHIN_S = 1.0


@dataclass(slots=True)
class Seen:
    """What the recogniser saw in one frame."""

    faces: int
    vector: Vector = field(repr=False)
    model: str


@dataclass(slots=True)
class _Running:
    person: PersonId
    bound: asyncio.Timeout


class Leases:
    """Grants leases one device at a time, and cancels those of a person who withdraws."""

    def __init__(self, models: dict[str, str]) -> None:
        self._models = models
        self._running: dict[str, _Running] = {}
        self._cards: dict[str, asyncio.Future[CardRead | CardFailed]] = {}
        self._busy: set[str] = set()
        self.held = Held()

    def cancel(self, person: PersonId) -> None:
        """End every lease of `person` now, and forget the card that waits for their yes."""
        self.held.drop(person)
        now = asyncio.get_running_loop().time()
        for running in self._running.values():
            if running.person == person and not running.bound.expired():
                running.bound.reschedule(now)

    @contextlib.asynccontextmanager
    async def _lease(self, person: PersonId, device: str) -> AsyncIterator[str]:
        """One lease on one device: refused while another runs on it; TimeoutError when its time is over."""
        if device in self._busy:
            raise NotLeased("grant a lease", "device_in_use", "wait for the other visitor's turn to end")
        lease = new_id()
        self._busy.add(device)
        log.info("lease granted lease=%s device=%s", lease, device)
        try:
            async with asyncio.timeout(LEASE_S) as bound:
                self._running[lease] = _Running(person, bound)
                yield lease
        finally:
            del self._running[lease]
            self._busy.discard(device)
            log.info("lease over lease=%s device=%s", lease, device)

    # -- recognition -----------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def recognition(
        self, person: PersonId, camera: str, vision: Worker
    ) -> AsyncIterator[AsyncIterator[Seen]]:
        """Grant a lease on `camera` and yield what the recogniser sees until it is over."""
        async with self._lease(person, camera) as lease:
            frames_in, frames_out = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                with frames_in, frames_out:
                    grant = FrameLease(lease=lease, device=camera, seconds=LEASE_S)
                    await vision.send(grant, (frames_out.fileno(),))
                    recogniser = await _Recogniser.start(frames_in)
                try:
                    yield recogniser.seen(lease, self._models)
                finally:
                    await recogniser.stop()
            finally:
                with contextlib.suppress(LinkDown):
                    await vision.send(LeaseOver(lease=lease, device=camera))

    # -- card ------------------------------------------------------------------------------

    async def read_card(self, person: PersonId, terminal: str, worker: Worker) -> CardRead | CardFailed:
        """Grant a card lease on `terminal` and return how the reading ended; TimeoutError if it didn't."""
        async with self._lease(person, terminal) as lease:
            answer: asyncio.Future[CardRead | CardFailed] = asyncio.get_running_loop().create_future()
            self._cards[lease] = answer
            try:
                await worker.send(CardLease(lease=lease, device=terminal, seconds=LEASE_S))
                return await answer
            finally:
                del self._cards[lease]
                with contextlib.suppress(LinkDown):
                    await worker.send(LeaseOver(lease=lease, device=terminal))

    def card_answer(self, message: CardRead | CardFailed) -> None:
        """Hand a terminal's answer to its lease; NotLeased if there is none (to be audited)."""
        answer = self._cards.get(message.lease)
        if answer is None or answer.done():
            raise NotLeased("take a card", "card_outside_lease")
        answer.set_result(message)


def _vector(message: Embedding) -> Vector:
    try:
        return unpack(base64.b64decode(message.vector, validate=True))
    except (ValueError, InvalidInput):
        raise ProtocolError("take an embedding", "not_a_template") from None


class _Recogniser:
    """The process that exists only in a lease."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self._process = process
        self._channel = channel

    @classmethod
    async def start(cls, frames: socket.socket) -> "_Recogniser":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            fds = {"GATEHOUSE_FD": theirs.fileno(), "GATEHOUSE_FRAMES_FD": frames.fileno()}
            process = await spawn("recogniser", fds)
        return cls(process, Channel(ours))

    async def seen(self, lease: str, models: dict[str, str]) -> AsyncIterator[Seen]:
        """Yield embeddings of this lease until it is over."""
        if not isinstance(await self._channel.receive(), Hello):
            raise ProtocolError("greet the recogniser", "no_hello")
        await self._channel.send(Recognise(lease=lease, models=models, seconds=LEASE_S))
        while isinstance(message := await self._channel.receive(), Embedding):
            if message.lease != lease:
                raise NotLeased("take an embedding", "embedding_outside_lease")
            yield Seen(message.faces, _vector(message), message.model)

    async def stop(self) -> None:
        """Close the sockets, which ends the process; kill it if it doesn't see that."""
        self._channel.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, 15)
        await end(self._process, RECOGNISER_STOPS_WITHIN_S)
