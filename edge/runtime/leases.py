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
    Compare,
    Compared,
    Embedding,
    FrameLease,
    Hello,
    LeaseOver,
    PhotoLease,
    Recognise,
)
from edge.runtime.held import Held
from edge.runtime.office import new_id
from edge.runtime.workers import Worker, end, spawn

log = logging.getLogger(__name__)

LEASE_S = 20
RECOGNISER_STOPS_WITHIN_S = 1.0
VERDICT_S = 1.0
"""Of a lease's end that is kept for the recogniser's verdict."""


@dataclass(slots=True)
class Seen:
    """What the recogniser saw in one frame."""

    faces: int
    vector: Vector = field(repr=False)
    model: str


@dataclass(slots=True)
class Running:
    """A lease that was granted; `cancelled` if it was ended from outside, and not by its own time."""

    person: PersonId
    bound: asyncio.Timeout
    devices: frozenset[str]
    gives_way: bool
    cancelled: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def cancel(self) -> None:
        """End it now."""
        if not self.bound.expired():
            self.cancelled = True
            self.bound.reschedule(asyncio.get_running_loop().time())


@dataclass(frozen=True, slots=True)
class Device:
    """A device and the worker that has it."""

    name: str
    worker: Worker


class Leases:
    """Grants leases one device at a time, and cancels those of a person who withdraws."""

    def __init__(self, models: dict[str, str]) -> None:
        self._models = models
        self._running: dict[str, Running] = {}
        self._cards: dict[str, asyncio.Future[CardRead | CardFailed]] = {}
        self._busy: set[str] = set()
        self.held = Held()

    def cancel(self, person: PersonId) -> None:
        """End every lease of `person` now, and forget the card that waits for their yes."""
        self.held.drop(person)
        for running in self._running.values():
            if running.person == person:
                running.cancel()

    @contextlib.asynccontextmanager
    async def _lease(self, person: PersonId, *devices: str, gives_way: bool = False) -> AsyncIterator[str]:
        """One lease on its devices: refused while another runs on one; TimeoutError when its time is over.

        One that gives way ends as soon as a visitor's comes for its device.
        """
        if not gives_way:
            await self._clear_the_way(frozenset(devices))
        if self._busy.intersection(devices):
            raise NotLeased("grant a lease", "device_in_use", "wait for the other visitor's turn to end")
        lease, device = new_id(), ",".join(devices)
        self._busy.update(devices)
        log.info("lease granted lease=%s device=%s", lease, device)
        try:
            async with asyncio.timeout(LEASE_S) as bound:
                self._running[lease] = Running(person, bound, frozenset(devices), gives_way)
                yield lease
        finally:
            self._busy.difference_update(devices)
            self._running.pop(lease).over.set()
            log.info("lease over lease=%s device=%s", lease, device)

    async def _clear_the_way(self, devices: frozenset[str]) -> None:
        """End what gives way to a visitor, and wait until its device is free."""
        for running in list(self._running.values()):
            if running.gives_way and running.devices & devices:
                running.cancel()
                await running.over.wait()

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

    async def read_card(
        self, person: PersonId, terminal: str, worker: Worker, *, gives_way: bool = False
    ) -> CardRead | CardFailed:
        """Grant a card lease on `terminal` and return how the reading ended; TimeoutError if it didn't."""
        async with self._lease(person, terminal, gives_way=gives_way) as lease:
            return await self._card(worker, CardLease(lease=lease, device=terminal, seconds=LEASE_S))

    async def _card(
        self, worker: Worker, grant: CardLease | PhotoLease, fds: tuple[int, ...] = ()
    ) -> CardRead | CardFailed:
        answer: asyncio.Future[CardRead | CardFailed] = asyncio.get_running_loop().create_future()
        self._cards[grant.lease] = answer
        try:
            await worker.send(grant, fds)
            return await answer
        finally:
            del self._cards[grant.lease]
            with contextlib.suppress(LinkDown):
                await worker.send(LeaseOver(lease=grant.lease, device=grant.device))

    def card_answer(self, message: CardRead | CardFailed) -> None:
        """Hand a terminal's answer to its lease; NotLeased if there is none (to be audited)."""
        answer = self._cards.get(message.lease)
        if answer is None or answer.done():
            raise NotLeased("take a card", "card_outside_lease")
        answer.set_result(message)

    # -- verification ----------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def verification(
        self, person: PersonId, terminal: Device, camera: Device
    ) -> AsyncIterator["Verification"]:
        """Grant one lease on both: the photo goes from the one to a recogniser, frames from the other.

        Neither passes the core. The recogniser is started at once and told to compare only when asked.
        """
        async with self._lease(person, terminal.name, camera.name) as lease:
            frames_in, frames_out = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            photo_in, photo_out = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            with frames_out, photo_out:
                with frames_in, photo_in:
                    recogniser = await _Recogniser.start(frames_in, photo_in)
                running = self._running[lease]
                one = Verification(self, lease, running, terminal, camera, recogniser, frames_out, photo_out)
                try:
                    yield one
                finally:
                    await recogniser.stop()
                    with contextlib.suppress(LinkDown):
                        await camera.worker.send(LeaseOver(lease=lease, device=camera.name))


@dataclass(frozen=True, slots=True)
class Verification:
    """One visitor with their card on the terminal, before the desk camera: first the card, then the face."""

    leases: Leases
    lease: str
    running: Running
    terminal: Device
    camera: Device
    recogniser: "_Recogniser"
    frames: socket.socket
    photo: socket.socket

    @property
    def cancelled(self) -> bool:
        """Whether the visitor or a withdrawal ended it: then nothing of it may be kept."""
        return self.running.cancelled

    async def card(self) -> CardRead | CardFailed:
        """Return how the reading ended; `photo` says whether there is a picture to compare with."""
        grant = PhotoLease(lease=self.lease, device=self.terminal.name, seconds=LEASE_S)
        with self.photo:
            return await self.leases._card(self.terminal.worker, grant, (self.photo.fileno(),))

    async def compare(self, confirm_at: float) -> Compared | None:
        """Return the recogniser's verdict; None if it ended without one."""
        grant = FrameLease(lease=self.lease, device=self.camera.name, seconds=LEASE_S)
        with self.frames:
            await self.camera.worker.send(grant, (self.frames.fileno(),))
        return await self.recogniser.compared(
            self.lease, self.leases._models, confirm_at, self._seconds_left()
        )

    def _seconds_left(self) -> int:
        """Return how long the recogniser may look: it has to say its verdict before the lease is over."""
        ends = self.running.bound.when() or 0.0
        return max(1, int(ends - asyncio.get_running_loop().time() - VERDICT_S))


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
    async def start(cls, frames: socket.socket, photo: socket.socket | None = None) -> "_Recogniser":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            fds = {"GATEHOUSE_FD": theirs.fileno(), "GATEHOUSE_FRAMES_FD": frames.fileno()}
            if photo is not None:
                fds["GATEHOUSE_PHOTO_FD"] = photo.fileno()
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

    async def compared(
        self, lease: str, models: dict[str, str], confirm_at: float, seconds: int
    ) -> Compared | None:
        """Have it compare the photo with who stands there; None if it ended without a verdict."""
        if not isinstance(await self._channel.receive(), Hello):
            raise ProtocolError("greet the recogniser", "no_hello")
        permille = round(confirm_at * 1000)
        order = Compare(lease=lease, models=models, seconds=seconds, confirm_at_permille=permille)
        await self._channel.send(order)
        message = await self._channel.receive()
        if message is not None and getattr(message, "lease", None) != lease:
            raise NotLeased("take a comparison", "embedding_outside_lease")
        return message if isinstance(message, Compared) else None

    async def stop(self) -> None:
        """Close the sockets, which ends the process; kill it if it doesn't see that."""
        self._channel.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, 15)
        await end(self._process, RECOGNISER_STOPS_WITHIN_S)
