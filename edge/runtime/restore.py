"""Brings a backup back while no core runs; never brings back who was erased, never guesses at what is gone.

Erasures are replayed before the files take their place: what the present key file and database know of,
and what the backup's own key file knows. Orders of headquarters that come later do the rest.
"""

import contextlib
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.domain.errors import InvalidInput, StoreError
from edge.domain.retention import DAY_MS
from edge.runtime import backupfile
from edge.runtime.backup import KEYS_LIVE_MS
from edge.runtime.backupfile import Header
from edge.store.credentials import Credentials, fsync_directory
from edge.store.database import Database, Row
from edge.store.identity import BoxIdentity
from edge.store.keys import KeyFile
from edge.store.lock import StoreLock
from edge.store.replay import bury_again, living, tombstones, unreadable, without_sound
from edge.store.store import SqlStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. `unreadable` counts rows by class whose key is gone, and that were deleted."""

    made_ms: int
    persons: int
    erased_again: int
    keys_from: str
    unreadable: dict[str, int]


@dataclass(frozen=True, slots=True)
class Source:
    """What to restore from: the data's file, the keys' file or None for the present key file."""

    data: Path
    keys: Path | None
    escrow: bytes = b""
    box_key: bytes = b""
    without_keys: bool = False
    reach_ms: int = 1825 * DAY_MS
    """How long tombstones are kept: who was erased since an older backup isn't known any more."""


class Restore:
    """One restore into one state directory."""

    def __init__(self, state: Path, credentials: Credentials, identity: BoxIdentity, source: Source) -> None:
        self._state = state
        self._own = credentials
        self._identity = identity
        self._source = source

    def run(self, now_ms: int) -> Restored:
        """Put data and keys back; InvalidInput or StoreError before anything was changed if it can't."""
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.closing(StoreLock(self._state)), self._scratch() as work:
            header = self._believed(self._source.data, "data")
            self._within_reach(header, now_ms)
            keys_from = self._lay_keys(work, header, now_ms)
            self._lay_data(work)
            told = self._replay(work, header, keys_from)
            self._swap(work)
        with contextlib.closing(
            SqlStore.open(self._state, self._own, self._identity, lambda: now_ms)
        ) as store:
            store.audit("backup_restored", None, now_ms)
            store.reclaim(1 << 30)
        return told

    def _within_reach(self, data: Header, now_ms: int) -> None:
        if data.made_ms + self._source.reach_ms <= now_ms:
            hint = "its erased people can't be told from the others any more: begin with an empty store"
            raise InvalidInput("restore", "backup_outlived_its_tombstones", hint)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        work = self._state / f"restore-{secrets.token_hex(8)}"
        work.mkdir(mode=0o700)
        try:
            yield work
        finally:
            shutil.rmtree(work)

    def _believed(self, path: Path, kind: str) -> Header:
        header = backupfile.read_header(path)
        backupfile.verify(header, self._source.box_key or self._own.public_key)
        mine = (self._identity.tenant, self._identity.site, self._identity.box)
        if header.kind != kind:
            raise InvalidInput("restore", "wrong_kind", f"{path.name} is a backup of {header.kind}")
        if (header.tenant, header.site, header.box) != mine:
            raise InvalidInput("restore", "another_box", "people agreed at one site alone")
        return header

    # -- keys ------------------------------------------------------------------------------

    def _lay_keys(self, work: Path, data: Header, now_ms: int) -> str:
        """Lay the key file that fits `data` into `work`, wrapped under this box's KEK; say whose it is."""
        if self._source.keys is not None:
            self._keys_of_backup(work, self._source.keys, data, now_ms)
            return "backup"
        if self._present_pair() == data.pair:
            with contextlib.closing(self._present_keys()) as keys:
                keys.copy_to(work / "keys.db", self._own.keys_key)
            return "present"
        if not self._source.without_keys:
            hint = "give a backup of the keys (--keys), at most 7 days old, or say --without-keys"
            raise InvalidInput("restore", "no_keys_that_fit", hint)
        with contextlib.closing(KeyFile(work / "keys.db", self._own.keys_key, self._own.keks)) as keys:
            keys.set_pair(data.pair)
        return "none"

    def _keys_of_backup(self, work: Path, path: Path, data: Header, now_ms: int) -> None:
        header = self._believed(path, "keys")
        if header.pair != data.pair:
            raise InvalidInput("restore", "keys_of_another_store", "data and keys belong together")
        if not now_ms - KEYS_LIVE_MS < header.made_ms <= now_ms:
            hint = "keys are restored for 7 days; without them: --without-keys"
            raise InvalidInput("restore", "key_backup_too_old", hint)
        inside = backupfile.open_secrets(header, self._source.escrow)
        backupfile.extract(path, inside, work / "keys.sealed")
        keks = tuple(bytes.fromhex(kek) for kek in inside.keks)
        sealed = KeyFile(work / "keys.sealed", bytes.fromhex(inside.database), keks)
        with contextlib.closing(sealed):
            sealed.copy_to(work / "keys.db", self._own.keys_key)
        KeyFile(work / "keys.db", self._own.keys_key, (*self._own.keks, *keks)).close()

    def _present_keys(self) -> KeyFile:
        return KeyFile(self._state / "keys.db", self._own.keys_key, self._own.keks)

    def _present_pair(self) -> str | None:
        if not (self._state / "keys.db").exists():
            return None
        with contextlib.closing(self._present_keys()) as keys:
            return keys.pair()

    # -- data ------------------------------------------------------------------------------

    def _lay_data(self, work: Path) -> None:
        path = self._source.data
        inside = backupfile.open_secrets(backupfile.read_header(path), self._source.escrow)
        backupfile.extract(path, inside, work / "box.sealed")
        with contextlib.closing(Database(work / "box.sealed", bytes.fromhex(inside.database), "WAL")) as copy:
            copy.check()
            copy.copy_to(work / "box.db", self._own.store_key)

    def _replay(self, work: Path, header: Header, keys_from: str) -> Restored:
        """Before anything takes its place: destroy again what was destroyed since the backup was made."""
        database = Database(work / "box.db", self._own.store_key, "WAL")
        keys = KeyFile(work / "keys.db", self._own.keys_key, self._own.keks)
        with contextlib.closing(database), contextlib.closing(keys):
            destroyed, stones = self._known_erasures()
            erased = bury_again(database, keys, self._own.tokens, destroyed, stones)
            sound = without_sound(database, keys, self._state / "spool")
            lost = unreadable(database, keys)
            persons = living(database, keys)
            database.checkpoint()
        if sound:
            lost["recordings without their sound"] = sound
        return Restored(header.made_ms, persons, erased, keys_from, lost)

    def _known_erasures(self) -> tuple[set[str], list[Row]]:
        """Return what the present store knows: subjects whose keys were destroyed, and tombstones."""
        destroyed: set[str] = set()
        stones: list[Row] = []
        if (self._state / "keys.db").exists():
            with contextlib.closing(self._present_keys()) as keys:
                destroyed = keys.destroyed()
        if (self._state / "box.db").exists():
            try:
                with contextlib.closing(
                    Database(self._state / "box.db", self._own.store_key, "WAL")
                ) as present:
                    stones = tombstones(present)
            except StoreError as error:
                log.warning("the present database tells no tombstones cause=%s", error.cause)
        return destroyed, stones

    def _swap(self, work: Path) -> None:
        """Put the new files in place; a cut between the two is refused at the next start (another pair)."""
        for name in ("box.db-wal", "box.db-shm", "keys.db-journal"):
            (self._state / name).unlink(missing_ok=True)
        for name in ("keys.db", "box.db"):
            descriptor = os.open(work / name, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
            (work / name).replace(self._state / name)
        fsync_directory(self._state)
