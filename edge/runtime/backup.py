"""Makes backups of the running box: data that may live long, keys that may not; never a plain byte on disk.

The copies are made by SQLCipher's backup in the store's thread, each under a random key of its own;
sealing them happens beside it. Recordings are not in a backup. Data first, then keys: who is erased
between the two is in the key file's list, and a restore erases them again.
"""

import logging
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.domain.errors import GatehouseError, InvalidInput
from edge.domain.retention import DAY_MS
from edge.runtime import backupfile
from edge.runtime.backupfile import Header, Kind, Secrets
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore

log = logging.getLogger(__name__)

KEYS_LIVE_MS = 7 * DAY_MS
"""How long a backup of the keys may be used: what was erased since is in it (domain.md, Rights)."""
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Copied:
    """Two encrypted copies in a directory of their own, and what opens them."""

    directory: Path
    pair: str
    at_ms: int
    data_key: bytes
    keys_key: bytes

    def file(self, kind: Kind) -> Path:
        """Return where the copy of `kind` lies."""
        return self.directory / f"{kind}.db"


@dataclass(frozen=True, slots=True)
class Made:
    """The two files of one backup."""

    data: Path
    keys: Path
    bytes: int


class Backups:
    """Makes and prunes the backups of one box for one escrow key (X25519, 32 bytes)."""

    def __init__(
        self,
        store: SqlStore,
        identity: BoxIdentity,
        escrow: bytes,
        keks: tuple[bytes, ...],
        sign: Callable[[bytes], bytes],
    ) -> None:
        self._store = store
        self._identity = identity
        self._escrow = escrow
        self._keks = keks
        self._sign = sign

    def copy(self, now_ms: int) -> Copied:
        """Copy both files as they are now, in the store's thread; `seal` has to follow."""
        if not self._store.room_for_copies():
            raise InvalidInput("make a backup", "disk_too_full", "free some space under the state directory")
        directory = self._store.scratch("backup")
        data_key, keys_key = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES)
        copied = Copied(directory, self._store.pair, now_ms, data_key, keys_key)
        self._store.copy_to(copied.file("data"), data_key, copied.file("keys"), keys_key)
        return copied

    def seal(self, copied: Copied, place: Path) -> Made:
        """Seal the copies into `place` (data/ and keys/) and remove them; not in the store's thread."""
        try:
            data = self._seal_one(copied, "data", copied.data_key, (), place)
            keys = self._seal_one(copied, "keys", copied.keys_key, self._keks, place)
        except OSError as error:
            hint = f"may the core's account write to {place}?"
            raise InvalidInput("make a backup", "directory_unusable", hint) from error
        finally:
            shutil.rmtree(copied.directory)
        log.info("backup made bytes=%d", data.stat().st_size + keys.stat().st_size)
        return Made(data, keys, data.stat().st_size + keys.stat().st_size)

    def _seal_one(self, copied: Copied, kind: Kind, key: bytes, keks: tuple[bytes, ...], place: Path) -> Path:
        stream = secrets.token_bytes(KEY_BYTES)
        inside = Secrets(stream=stream.hex(), database=key.hex(), keks=tuple(k.hex() for k in keks))
        header = Header(
            kind=kind,
            tenant=self._identity.tenant,
            site=self._identity.site,
            box=self._identity.box,
            made_ms=copied.at_ms,
            pair=copied.pair,
            sealed=backupfile.seal_secrets(self._escrow, inside),
        )
        when = datetime.fromtimestamp(copied.at_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
        path = place / kind / f"{self._identity.box}-{when}.gatehouse-{kind}"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        backupfile.write(path, header, copied.file(kind), stream, self._sign)
        return path


def prune(place: Path, now_ms: int, keep_days: int) -> int:
    """Delete backups of keys after 7 days and of data after `keep_days`; return how many."""
    gone = 0
    for kind, period in (("keys", KEYS_LIVE_MS), ("data", keep_days * DAY_MS)):
        for path in sorted((place / kind).glob(f"*.gatehouse-{kind}")):
            try:
                if backupfile.read_header(path).made_ms + period > now_ms:
                    continue
                path.unlink(missing_ok=True)
                gone += 1
            except (GatehouseError, OSError) as error:
                log.warning("backup not deleted kind=%s cause=%s", kind, type(error).__name__)
    return gone
