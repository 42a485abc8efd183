"""When backups are made: on request, and by the configured schedule; one at a time, never two."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from edge.config import Backup
from edge.domain.errors import InvalidInput
from edge.ipc.operator import BackupMade
from edge.runtime.backup import Backups, prune
from edge.runtime.storethread import StoreThread
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore

log = logging.getLogger(__name__)

_MARK = "backup"
LOOK_S = 300.0
"""Seconds between two looks whether a backup is due; one that failed is tried again then."""


class BackupService:
    """Copies in the store's thread, seals beside it."""

    def __init__(
        self,
        config: Backup | None,
        store: SqlStore,
        identity: BoxIdentity,
        own: Credentials,
        thread: StoreThread,
        now_ms: Callable[[], int],
    ) -> None:
        self._config = config
        self._store = store
        self._run_in_store = thread.run
        self._now_ms = now_ms
        self._one = asyncio.Lock()
        self._backups = (
            Backups(store, identity, bytes.fromhex(config.escrow_key), own.keks, own.sign) if config else None
        )

    async def make(self, directory: Path | None = None) -> BackupMade:
        """Make one backup in `directory` (else the configured one) and prune the older ones there."""
        if self._config is None or self._backups is None:
            hint = "write [backup] with the escrow's public key into the configuration, and restart"
            raise InvalidInput("make a backup", "no_escrow_key", hint)
        place = directory or self._config.directory
        async with self._one:
            now = self._now_ms()
            copied = await self._run_in_store(self._backups.copy, now)
            made = await asyncio.to_thread(self._backups.seal, copied, place)
            pruned = await asyncio.to_thread(prune, place, now, self._config.keep_days)
            await self._run_in_store(self._store.mark, _MARK, now)
        return BackupMade(data=str(made.data), keys=str(made.keys), bytes=made.bytes, pruned=pruned)

    async def run(self) -> None:
        """Make a backup when one is due, and delete old ones even when none can be made; until cancelled."""
        if self._config is None:
            return
        while True:
            try:
                await self._keep_up(self._config)
            except InvalidInput as error:
                log.error("no backup code=%s hint=%r", error.code, error.hint)
            await asyncio.sleep(LOOK_S)

    async def _keep_up(self, config: Backup) -> None:
        now = self._now_ms()
        await asyncio.to_thread(prune, config.directory, now, config.keep_days)
        last = await self._run_in_store(self._store.marked, _MARK)
        if last is None or not 0 <= now - last < config.every_hours * 3_600_000:
            await self.make()
