"""Starts the workers and speaks with them; a lost worker costs its own devices and nothing else.

Workers inherit one socket and nothing else: no key, no database, no broker, no open file.
"""

import asyncio
import contextlib
import logging
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

from edge.domain.errors import LinkDown, ProtocolError
from edge.ipc.channel import Channel
from edge.ipc.messages import (
    Alive,
    Assign,
    CallEnded,
    CallKey,
    CallStarted,
    CardFailed,
    CardLease,
    CardPresent,
    CardRead,
    Compared,
    DeviceState,
    Embedding,
    FromWorker,
    Headcount,
    Hello,
    Message,
    PhotoLease,
    Progress,
    RecogniserDone,
    Stop,
    ToWorker,
)
from edge.runtime.budget import Budget, per_minute

log = logging.getLogger(__name__)

_OF_ANY = (Alive, DeviceState, Progress, Embedding, Compared, RecogniserDone)
"""What any worker may say; templates get through to be refused and audited."""
_OF_KIND: dict[str, tuple[type[Message], ...]] = {
    "vision": (Headcount,),
    "card": (CardPresent, CardRead, CardFailed),
    "phone": (CallStarted, CallKey, CallEnded),
}

LOST, FLOODING = "worker_lost", "worker_flooding"
"""Why a session with a worker ended: it went, or it said more in a minute than any device does."""
Handler = Callable[[FromWorker], Awaitable[None]]

_UCRED = struct.Struct("3i")
HELLO_WITHIN_S = 20.0
SILENT_S = 20.0
"""A worker says that it lives every few seconds (workers/host.py); one that is silent for so long hangs."""
SAY_WITHIN_S = 1.0
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


def _only_systemd(sock: socket.socket) -> None:
    """Refuse a socket that isn't systemd's own: devices' passwords go through it."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(raw)
    if uid != 0:
        raise ProtocolError("connect to a worker's unit", "not_systemd", "who made this socket?")


class Worker:
    """One worker kind: its process, its socket, the devices it was assigned."""

    def __init__(
        self,
        kind: str,
        assign: Assign,
        handler: Handler,
        lost: Callable[[str], Awaitable[None]],
        unit: Path | None = None,
    ) -> None:
        """`unit` is the socket of the worker's systemd unit; None: it is started as a child process."""
        self.kind = kind
        self._unit = unit
        self._assign = assign
        self._handler = handler
        self._lost = lost
        self._budget = Budget(per_minute(assign.headcount_s))
        self._channel: Channel | None = None
        self._stopping = False
        self.lost_code = LOST
        """Why the last session ended, as `status` shows it of each device."""
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
        if isinstance(message, CardLease | PhotoLease):
            self._budget.earn(message.device, "card_read")
            self._budget.earn(message.device, "card_failed")

    async def stop(self) -> None:
        """Ask the worker to end its sessions; what it still has to say is taken until it closes."""
        self._stopping = True
        with contextlib.suppress(LinkDown):
            await self.send(Stop())

    async def session(self) -> None:
        """Start the worker and pass its messages on; return if it was asked to stop, else raise LinkDown."""
        if self._stopping:
            return
        self.lost_code = LOST
        try:
            async with self._connected(self._unit) if self._unit else self._spawned() as channel:
                await self._converse(channel)
        finally:
            self.pid = None
            await self._lost(self.kind)
        if not self._stopping:
            raise LinkDown(f"worker {self.kind}", "worker_ended")

    @contextlib.asynccontextmanager
    async def _spawned(self) -> AsyncIterator[Channel]:
        """The worker as a child process: it is told to stop at the end, and killed if it doesn't."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.closing(Channel(ours)) as channel:
            with theirs:
                process = await spawn(self.kind, {"GATEHOUSE_FD": theirs.fileno()})
            self.pid = process.pid
            try:
                yield channel
            finally:
                await self._say_stop(channel)
                await end(process)

    @contextlib.asynccontextmanager
    async def _connected(self, unit: Path) -> AsyncIterator[Channel]:
        """The worker as a systemd unit of its own: a connection starts it, its end ends it."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.closing(Channel(sock)) as channel:
            try:
                await asyncio.get_running_loop().sock_connect(sock, str(unit))
            except OSError as error:
                hint = f"systemctl start gatehouse-worker-{self.kind}.socket"
                raise LinkDown(f"start worker {self.kind}", "no_unit", hint) from error
            _only_systemd(sock)
            try:
                yield channel
            finally:
                await self._say_stop(channel)

    async def _say_stop(self, channel: Channel) -> None:
        self._channel = None
        with contextlib.suppress(OSError, TimeoutError):  # one that hangs doesn't read either
            # Not asyncio.timeout: in a task that is being cancelled, Python 3.11.2 (Debian 12's) lets it
            # raise CancelledError for its own time-out, and the process would never be ended.
            await asyncio.wait_for(channel.send(Stop()), SAY_WITHIN_S)

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
        while (message := await self._hear(channel)) is not None:
            self._check(message)
            if not isinstance(message, Alive):
                await self._handler(message)

    async def _hear(self, channel: Channel) -> FromWorker | None:
        try:
            return await asyncio.wait_for(channel.receive(), SILENT_S)
        except TimeoutError:
            raise LinkDown(f"hear worker {self.kind}", "worker_hangs", "it is started again") from None

    def _check(self, message: FromWorker) -> None:
        """Refuse what isn't this worker's to say: one that is taken over costs its own devices alone."""
        own = getattr(message, "device", None) in (None, *self.devices)
        if not own or not isinstance(message, (*_OF_ANY, *_OF_KIND.get(self.kind, ()))):
            raise ProtocolError(f"hear worker {self.kind}", "not_its_own", message.type)
        if not self._budget.spend(getattr(message, "device", ""), message.type):
            self.lost_code = FLOODING
            raise ProtocolError(f"hear worker {self.kind}", FLOODING, message.type)
