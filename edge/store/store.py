"""The box's memory as the core sees it: one writer, one transaction per act; never keeps what isn't cleared.

An I/O error raises StoreError and ends this store: recovery happens at the next `open`.
"""

import contextlib
import logging
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from edge.domain.errors import StoreError
from edge.domain.retention import DAY_MS
from edge.store import (  # noqa: F401 — each registers how its kinds of fact are written
    facts_amends,
    facts_appointments,
    facts_books,
    facts_calls,
    facts_consent,
    facts_identity,
    facts_links,
    facts_operation,
    facts_staff,
    facts_visits,
    notices,
)
from edge.store.appointments import AppointmentReads
from edge.store.audit import AuditLog
from edge.store.calls import CallReads
from edge.store.cardmarks import CardMarks
from edge.store.credentials import Credentials, fsync_directory
from edge.store.database import Database
from edge.store.erasure import Erasure
from edge.store.guardians import GuardianReads
from edge.store.held import HeldReads
from edge.store.identity import BoxIdentity
from edge.store.keys import KeyFile
from edge.store.lock import StoreLock
from edge.store.marks import Marks
from edge.store.migrate import migrate
from edge.store.notices import NoticeReads
from edge.store.people import PeopleReads
from edge.store.retention import Retention
from edge.store.risk import RiskReads
from edge.store.rows import Head
from edge.store.staff import StaffReads
from edge.store.tables import Tables
from edge.store.visits import VisitReads
from edge.wire import Receipt

log = logging.getLogger(__name__)


ROOM_LEFT = 1 << 28
"""Bytes that a copy leaves free on the disk."""
COMPARED_S = 60.0
"""For so long the audit isn't compared again with one and the same head: receipts come by the hundred."""


_REWRITTEN = "rewritten"
"""The mark of the last time at which both files were written anew."""


def wall_ms() -> int:
    """Return milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class SqlStore(
    PeopleReads,
    VisitReads,
    AppointmentReads,
    StaffReads,
    RiskReads,
    CallReads,
    HeldReads,
    CardMarks,
    GuardianReads,
    NoticeReads,
    Erasure,
    Retention,
    AuditLog,
    Marks,
):
    """Open store; call it from one thread at a time."""

    def __init__(self, tables: Tables, opened: ExitStack, now_ms: Callable[[], int]) -> None:
        super().__init__(tables)
        self._opened = opened
        self._now_ms = now_ms
        self._compared: tuple[Head, float] | None = None

    @staticmethod
    def open(
        directory: Path,
        credentials: Credentials,
        identity: BoxIdentity,
        now_ms: Callable[[], int] = wall_ms,
    ) -> "SqlStore":
        """Open or make the store in `directory`, and finish what a crash left undone.

        Raises StoreError if another process has it, a key is wrong, a file is damaged or of another
        box, or the schema is newer than this program.
        """
        with ExitStack() as opening:
            tables = _open_files(directory, credentials, identity, opening)
            _bind(tables)
            fsync_directory(directory)
            store = SqlStore(tables, opening.pop_all(), now_ms)
        try:
            store._recover(now_ms())
        except BaseException:
            store.close()
            raise
        return store

    def _recover(self, now_ms: int) -> None:
        finished = self.finish_erasures(now_ms)
        swept = self.sweep()
        self.mark_cards()
        self.mask_numbers()
        with self.transaction():
            for code, count in {"erasures": finished, **swept}.items():
                if count:
                    self.audit(f"recovered_{code}", None, now_ms)
        log.info("store open outbox=%d recovered_erasures=%d", self.depth(), finished)

    def apply_receipt(self, receipt: Receipt) -> int:
        """Delete the rows that `receipt` ends; look whether the audit is what headquarters saw of it."""
        ended, seen = super().apply_receipt(receipt), receipt.audit_head
        if seen is None or receipt.box != self._tables.identity.box:
            return ended
        head, now = Head(seen.size, seen.root), time.monotonic()
        if self._compared is not None and self._compared[0] == head and now - self._compared[1] < COMPARED_S:
            return ended
        self._compared = head, now
        if not self.note_anchor(head, self._now_ms()):
            log.error("the audit isn't what headquarters has seen: cut or rewritten size=%d", seen.size)
        return ended

    @property
    def identity(self) -> BoxIdentity:
        """Which box this store belongs to."""
        return self._tables.identity

    @property
    def spool(self) -> Path:
        """The directory of sealed recordings: random names of 32 hex digits, mode 0600."""
        return self._tables.spool

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing over several `apply`; inside another one, a savepoint."""
        return self._database.transaction()

    def check(self) -> None:
        """Raise StoreError if a page of the database fails its authentication."""
        self._database.check()

    @property
    def pair(self) -> str:
        """The name that says which key file and database belong together."""
        return self._keys.pair() or ""

    def room_for_copies(self) -> bool:
        """Return whether a copy of both files surely fits: a disk that fills up would end the process."""
        state = self._tables.spool.parent
        sizes = sum(file.stat().st_size for file in state.iterdir() if file.is_file())
        return shutil.disk_usage(state).free > 2 * sizes + ROOM_LEFT

    def scratch(self, what: str) -> Path:
        """Return a new directory for copies that are on their way; the next start removes what is left."""
        directory = self._tables.spool.parent / f"{what}-{secrets.token_hex(8)}"
        directory.mkdir(mode=0o700)
        return directory

    def copy_to(self, data: Path, data_key: bytes, keys: Path, keys_key: bytes) -> None:
        """Copy both files as they are now, each under another key (32 bytes): data first, then keys."""
        self._database.copy_to(data, data_key)
        self._keys.copy_to(keys, keys_key)

    def reclaim(self, pages: int) -> int:
        """Give at most `pages` free pages of each file back to the disk; return how many there were."""
        return self._database.reclaim(pages) + self._keys.reclaim(pages)

    def rewrite_daily(self, now_ms: int) -> bool:
        """Write both files anew if that is a day ago; return whether it was done."""
        last = self.marked(_REWRITTEN)
        if last is not None and 0 <= now_ms - last < DAY_MS:
            return False
        self.mark(_REWRITTEN, now_ms)
        self._database.rewrite()
        self._keys.rewrite()
        return True

    def close(self) -> None:
        """Close the files and let the next process in."""
        self._opened.close()


def _open_files(
    directory: Path, credentials: Credentials, identity: BoxIdentity, opening: ExitStack
) -> Tables:
    spool = directory / "spool"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        spool.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreError("open the store", str(error.strerror), f"make {directory} writable") from None
    opening.enter_context(contextlib.closing(StoreLock(directory)))
    for left in (*directory.glob("backup-*"), *directory.glob("restore-*")):
        shutil.rmtree(left)
    keys = KeyFile(directory / "keys.db", credentials.keys_key, credentials.keks)
    opening.callback(keys.close)
    database = Database(directory / "box.db", credentials.store_key, "WAL")
    opening.callback(database.close)
    migrate(database)
    return Tables(database, keys, credentials.tokens, spool, identity, secrets.token_hex(16))


def _bind(tables: Tables) -> None:
    """Make sure that database, key file and box belong together: a mix would destroy what is good."""
    held = {row.text("name"): row.text("value") for row in tables.database.query("SELECT * FROM meta")}
    pair = tables.keys.pair()
    wanted = {f: getattr(tables.identity, f) for f in ("tenant", "site", "box")}
    if not held:
        if pair is not None and tables.keys.names():
            raise StoreError("open the store", "box.db is missing", "restore the one of this key file")
        if pair is None:
            pair = secrets.token_hex(16)
            tables.keys.set_pair(pair)
        with tables.database.transaction():
            for name, value in {**wanted, "pair": pair}.items():
                tables.database.insert("meta", name=name, value=value)
    elif held["pair"] != pair:
        cause = "keys.db is missing" if pair is None else "keys.db belongs to another box.db"
        raise StoreError("open the store", cause, "restore the two that belong together")
    elif {name: held[name] for name in wanted} != wanted:
        hint = "people asked by another tenant or site have to be asked again; start with a new store"
        raise StoreError("open the store", "it belongs to another box", hint)
