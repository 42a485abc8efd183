"""Takes the phone worker's messages about calls, in order; audio never comes here, keys go out once."""

import asyncio
import base64
import contextlib
import logging
import os
import time
from pathlib import Path

from edge.domain.errors import LinkDown
from edge.domain.facts import PersonId
from edge.ipc.messages import CallEnded, CallKey, CallStarted, LeaseOver, RecordCall
from edge.runtime.calls import CONSENT_KEY, Call, Calls
from edge.runtime.storethread import StoreThread
from edge.runtime.workers import Worker

log = logging.getLogger(__name__)

MOST_CALLS = 64


class Phone:
    """The calls that are going on."""

    def __init__(self, calls: Calls, thread: StoreThread, lines: dict[str, str]) -> None:
        self._calls = calls
        self._thread = thread
        self._lines = lines
        self._open: dict[str, tuple[Call, float]] = {}
        self._recording_since: dict[str, float] = {}
        self._devices: dict[str, str] = {}
        """The line that a recorded call is on."""

    @property
    def idle(self) -> bool:
        """Whether no call is going on."""
        return not self._open

    async def started(self, message: CallStarted) -> None:
        """A call rings."""
        if len(self._open) >= MOST_CALLS:
            log.warning("call not followed reason=too_many_calls device=%s", message.device)
            return
        call = self._calls.started(message, self._lines[message.device])
        self._open[message.call] = call, time.monotonic()

    async def key(self, message: CallKey, worker: Worker) -> None:
        """The caller pressed a key; the agreed one makes a consent, and only then is there a recording."""
        if message.key != CONSENT_KEY or message.call not in self._open:
            return
        call, _since = self._open[message.call]
        spool = await self._thread.run(self._calls.agreed, call)
        if spool is None:
            return
        try:
            fd = await asyncio.to_thread(_create, spool)
        except OSError as error:
            log.error("recording not started cause=%s", error.strerror)
            return
        try:
            key = base64.b64encode(call.key).decode()
            await worker.send(RecordCall(device=message.device, call=message.call, key=key), (fd,))
            self._recording_since[message.call] = time.monotonic()
            self._devices[message.call] = message.device
            await self._stop_unless_agreed(call, worker)  # it may have ended while the file was made
        except LinkDown as error:
            log.warning("recording not started cause=%s", error.cause)
        finally:
            os.close(fd)

    async def consent_changed(self, persons: tuple[PersonId, ...], worker: Worker) -> None:
        """Stop recording those of `persons` whose consent to it ended; the call itself goes on."""
        for call, _since in list(self._open.values()):
            if call.person in persons:
                await self._stop_unless_agreed(call, worker)

    async def consents_changed(self, worker: Worker) -> None:
        """Somebody's consent may have ended at the desk: stop every recording that none stands for."""
        for call, _since in list(self._open.values()):
            await self._stop_unless_agreed(call, worker)

    async def _stop_unless_agreed(self, call: Call, worker: Worker) -> None:
        device = self._devices.get(call.call)
        if device is None or await self._thread.run(self._calls.still_agreed, call):
            return
        with contextlib.suppress(LinkDown):  # a worker that is gone records nothing
            await worker.send(LeaseOver(lease=call.call, device=device))

    async def ended(self, message: CallEnded) -> None:
        """A call is over."""
        self._recording_since.pop(message.call, None)
        self._devices.pop(message.call, None)
        opened = self._open.pop(message.call, None)
        if opened is not None:
            await self._thread.run(self._calls.ended, opened[0], message)

    async def worker_lost(self, device: str) -> None:
        """End the calls that the worker took with it, with what the core itself measured of them."""
        now = time.monotonic()
        for name, (_call, since) in list(self._open.items()):
            recorded = self._recording_since.get(name)
            fields = {
                "device": device,
                "call": name,
                "at_ms": time.time_ns() // 1_000_000,
                "duration_ms": int((now - since) * 1000),
                "answered": recorded is not None,
                "notice_played": recorded is not None,
                "recorded_ms": int((now - recorded) * 1000) if recorded is not None else 0,
            }
            await self.ended(CallEnded.model_validate(fields))


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
