"""The core's one composition root: has its parts built, runs them, and stops them in stages.

It never imports a native parser of what strangers send (av, cv2, onnxruntime, pjsua2).
"""

import asyncio
import logging
from pathlib import Path

from edge.config import Config, load
from edge.domain.errors import StoreError
from edge.ipc.messages import FromWorker
from edge.runtime import notice as notices
from edge.runtime.chores import Chores
from edge.runtime.heard import Heard
from edge.runtime.lifecycle import Lifecycle, stage
from edge.runtime.overview import Overview
from edge.runtime.parts import compose, identity_of
from edge.runtime.sockets import Sockets
from edge.runtime.storethread import StoreThread
from edge.runtime.supervise import keep
from edge.store.credentials import Credentials
from edge.store.store import SqlStore
from edge.wire import Command, EraseCommand, NoticeCommand, NoticeText

log = logging.getLogger(__name__)

STORE_FAILED = 74
"""Exit code EX_IOERR of sysexits.h: systemd starts the core again."""
DRAIN_S = 3.0


def run_core(config_path: Path, with_workers: bool) -> int:
    """Run the core until it is told to stop; return the exit code. GatehouseError if it can't start."""
    config = load(config_path)
    notice = notices.read(config.notice)
    credentials = Credentials.load(config.paths.credentials)
    config.paths.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    config.paths.run.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        asyncio.run(_run(config, notice, credentials, with_workers))
    except BaseExceptionGroup as group:
        store, others = group.split(StoreError)
        if store is None or others is not None:
            raise
        log.critical("the store failed; recovery happens at the next start: %s", store.exceptions[0])
        return STORE_FAILED
    return 0


async def _run(config: Config, notice: NoticeText, credentials: Credentials, with_workers: bool) -> None:
    """Run until stopped; raises what ends the process (a StoreError), after the staged stop."""
    life, thread = Lifecycle(), StoreThread()
    life.listen_for_signals()
    try:
        store = await thread.run(SqlStore.open, config.paths.state, credentials, identity_of(config))
        try:
            core = Core(config, notice, credentials, store, thread, life, with_workers)
            await core.recall(notice)
            await core.serve()
        finally:
            await thread.run(store.close)
    finally:
        thread.close()


class Core:
    """Everything of the box that holds keys."""

    def __init__(
        self,
        config: Config,
        notice: NoticeText,
        credentials: Credentials,
        store: SqlStore,
        thread: StoreThread,
        life: Lifecycle,
        with_workers: bool,
    ) -> None:
        self._life = life
        self._parts = compose(config, notice, credentials, store, thread, self, with_workers)
        self._heard = Heard(self._parts)
        self._chores = Chores(self._parts, life)
        self._sockets = Sockets(self._parts, Overview(self._parts, self._heard.sensed)).all()

    # -- running ---------------------------------------------------------------------------

    async def recall(self, file: NoticeText) -> None:
        """Go on from what the last start left: notice in force, how long down, how long offline."""
        parts = self._parts
        await parts.thread.run(parts.notices.begin, file)
        await parts.thread.run(parts.books.announce, parts.credentials.project)
        alive = await parts.thread.run(parts.moments.recall)
        if alive is not None:
            devices = tuple(d.id for d in parts.config.devices)
            await parts.thread.run(parts.operation.box_was_down, devices, alive)

    async def serve(self) -> None:
        """Serve until told to stop, then stop what asks, what senses and what sends, in this order."""
        parts, life = self._parts, self._life
        async with asyncio.TaskGroup() as tasks:
            for one in self._sockets:
                await one.start()
            background = [tasks.create_task(keep("pump", parts.pump.run))]
            background += [tasks.create_task(loop) for loop in self._chores.loops()]
            workers = [tasks.create_task(keep(f"worker {k}", w.session)) for k, w in parts.workers.items()]
            life.ready()
            await life.stopping.wait()
            life.stops()
            await stage("sockets", asyncio.gather(*(one.stop() for one in self._sockets)), 2.0)
            await stage("workers", self._stop_workers(workers), 8.0)
            await stage("outbox", self._drain(), DRAIN_S)
            for task in (*background, *workers):
                task.cancel()

    async def _stop_workers(self, running: list[asyncio.Task[None]]) -> None:
        for worker in self._parts.workers.values():
            await worker.stop()
        await asyncio.gather(*running)

    async def _drain(self) -> None:
        parts = self._parts
        while parts.pump.state.link.name == "up" and await parts.thread.run(parts.store.depth) > 0:
            await asyncio.sleep(0.05)

    # -- from headquarters and from the workers ---------------------------------------------

    async def commanded(self, command: Command) -> None:
        """Carry out what headquarters asks for, and end what it ends."""
        parts = self._parts
        persons = await parts.call(parts.orders.carry_out, command)
        if isinstance(command, EraseCommand):
            parts.reception.forget(persons)
        await parts.ended(persons)
        if isinstance(command, NoticeCommand):
            self._chores.notice_came()

    async def worker_said(self, message: FromWorker) -> None:
        """Take one message of a worker."""
        await self._heard.take(message)

    async def worker_lost(self, kind: str) -> None:
        """Take note that a worker is gone."""
        await self._heard.lost(kind)
