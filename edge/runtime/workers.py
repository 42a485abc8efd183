"""Starts the workers and speaks with them; a lost worker costs its own devices and nothing else.

Workers inherit one socket and nothing else: no key, no database, no broker, no open file.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping

from edge.domain.errors import LinkDown, ProtocolError
from edge.ipc.channel import Channel
from edge.ipc.messages import (
    Assign,
    CallEnded,
    CallKey,
    CallStarted,
    CardFailed,
    CardPresent,
    CardRead,
    DeviceState,
    Embedding,
    FromWorker,
    Headcount,
    Hello,
    Message,
    Progress,
    RecogniserDone,
    Stop,
    ToWorker,
)

log = logging.getLogger(__name__)

_OF_ANY = (DeviceState, Progress, Embedding, RecogniserDone)
"""What any worker may say; templates get through to be refused and audited."""
_OF_KIND: dict[str, tuple[type[Message], ...]] = {
    "vision": (Headcount,),
    "card": (CardPresent, CardRead, CardFailed),
    "phone": (CallStarted, CallKey, CallEnded),
}

Handler = Callable[[FromWorker], Awaitable[None]]

HELLO_WITHIN_S = 20.0
STOP_WITHIN_S = 5.0
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "TMPDIR", "OMP_NUM_THREADS")


async def spawn(kind: str, fds: Mapping[str, int]) -> asyncio.subprocess.Process:
    """Start `gatehouse worker <kind>` with each descriptor's number in the named variable."""
    environment = {k: os.environ[k] for k in _KEPT_ENVIRONMENT if k in os.environ}
    environment |= {name: str(fd) for name, fd in fds.items()}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge.cli", "worker", kind,
        env=environment, pass_fds=tuple(fds.values()), stdin=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


async def end(process: asyncio.subprocess.Process, within_s: float = STOP_WITHIN_S) -> None:
    """Wait for a process that was asked to stop; kill it when its time is over."""
    try:
        await asyncio.wait_for(process.wait(), within_s)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class Worker:
    """One worker kind: its process, its socket, the devices it was assigned."""

    def __init__(
        self, kind: str, assign: Assign, handler: Handler, lost: Callable[[str], Awaitable[None]]
    ) -> None:
        self.kind = kind
        self._assign = assign
        self._handler = handler
        self._lost = lost
        self._channel: Channel | None = None
        self._stopping = False
        self.pid: int | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        """The ids of this worker's devices."""
        return tuple(str(d["id"]) for d in self._assign.devices)

    async def send(self, message: ToWorker, fds: tuple[int, ...] = ()) -> None:
        """Send `message`; LinkDown if the worker isn't there now."""
        if self._channel is None:
            raise LinkDown(f"speak with worker {self.kind}", "worker_down", "it is being started again")
        try:
            await self._channel.send(message, fds)
        except OSError as error:
            raise LinkDown(f"speak with worker {self.kind}", "worker_down") from error

    async def stop(self) -> None:
        """Ask the worker to end its sessions; what it still has to say is taken until it closes."""
        self._stopping = True
        with contextlib.suppress(LinkDown):
            await self.send(Stop())

    async def session(self) -> None:
        """Start the process and pass its messages on; return if it was asked to stop, else raise LinkDown."""
        if self._stopping:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        channel = Channel(ours)
        try:
            with theirs:
                process = await spawn(self.kind, {"GATEHOUSE_FD": theirs.fileno()})
            self.pid = process.pid
            try:
                await self._converse(channel)
            finally:
                await self._stop(channel, process)
        finally:
            self.pid = None
            channel.close()
            await self._lost(self.kind)
        if not self._stopping:
            raise LinkDown(f"worker {self.kind}", "worker_ended", f"exit code {process.returncode}")

    async def _converse(self, channel: Channel) -> None:
        try:
            hello = await asyncio.wait_for(channel.receive(), HELLO_WITHIN_S)
        except TimeoutError:
            raise LinkDown(f"greet worker {self.kind}", "worker_silent") from None
        if hello is None:
            return
        if not isinstance(hello, Hello) or hello.worker != self.kind:
            raise ProtocolError(f"greet worker {self.kind}", "no_hello")
        try:
            await channel.send(self._assign)
        except OSError:
            raise LinkDown(f"greet worker {self.kind}", "worker_down") from None
        self._channel = channel
        log.info("worker up kind=%s pid=%d", self.kind, hello.pid)
        if self._stopping:  # it was asked to stop before it could hear it
            return
        while (message := await channel.receive()) is not None:
            self._check(message)
            await self._handler(message)

    def _check(self, message: FromWorker) -> None:
        """Refuse what isn't this worker's to say: one that is taken over costs its own devices alone."""
        own = getattr(message, "device", None) in (None, *self.devices)
        if not own or not isinstance(message, (*_OF_ANY, *_OF_KIND.get(self.kind, ()))):
            raise ProtocolError(f"hear worker {self.kind}", "not_its_own", message.type)

    async def _stop(self, channel: Channel, process: asyncio.subprocess.Process) -> None:
        self._channel = None
        with contextlib.suppress(OSError):
            await channel.send(Stop())
        await end(process)
