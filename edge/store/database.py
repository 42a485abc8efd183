"""One SQLCipher file behind a typed surface; never runs without its key, never retries an I/O error.

`sqlcipher3` is untyped: nothing of it, and no untyped value, leaves this module.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import sqlcipher3.dbapi2 as sqlcipher

from edge.domain.errors import InvalidInput, StoreError

Value = str | int | float | bytes | None
_INCREMENTAL = 2
CACHE_KIB = 65_536
"""Pages that are held decrypted; the default of 2 MiB decrypts most of a project's books again and again."""
_WRONG_KEY = "not a database: the wrong key, or damaged"


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One row by column name; each getter raises StoreError if the column holds something else."""

    _values: dict[str, Value]

    def text(self, name: str) -> str:
        """Return a text column."""
        return _checked(self._values[name], str, name)

    def integer(self, name: str) -> int:
        """Return an integer column."""
        return _checked(self._values[name], int, name)

    def blob(self, name: str) -> bytes:
        """Return a blob column."""
        return _checked(self._values[name], bytes, name)

    def maybe_text(self, name: str) -> str | None:
        """Return a text column that may be null."""
        return None if self._values[name] is None else self.text(name)

    def values(self) -> dict[str, Value]:
        """Return every column by name."""
        return dict(self._values)

    def maybe_blob(self, name: str) -> bytes | None:
        """Return a blob column that may be null."""
        return None if self._values[name] is None else self.blob(name)

    def maybe_integer(self, name: str) -> int | None:
        """Return an integer column that may be null."""
        return None if self._values[name] is None else self.integer(name)


_V = TypeVar("_V", str, int, bytes)


def _checked(value: Value, kind: type[_V], name: str) -> _V:
    if not isinstance(value, kind):
        raise StoreError("read a row", f"column {name} holds the wrong type")
    return value


class Database:
    """An open file; used from one thread at a time. After a StoreError it refuses everything."""

    def __init__(self, path: Path, key: bytes, journal: Literal["WAL", "TRUNCATE"]) -> None:
        """Open or create `path` (mode 0600) with the raw 32-byte `key`; StoreError if it can't be read."""
        self._name = path.name
        self._depth = 0
        self._failed = False
        self.on_rollback: list[Callable[[], object]] = []
        """Run once if the outermost transaction is rolled back cleanly; forgotten when it commits."""
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(f"open {self._name}", str(error.strerror), "check the disk and rights") from None
        with self._translated("open"):
            self._connection = sqlcipher.connect(str(path), isolation_level=None, check_same_thread=False)
        try:
            self._configure(key, journal)
        except StoreError:
            self._connection.close()
            raise

    def _configure(self, key: bytes, journal: str) -> None:
        with self._translated("open"):
            execute = self._connection.execute
            execute("PRAGMA cipher_log_level = NONE")
            execute(f"PRAGMA key = \"x'{key.hex()}'\"")
            execute("SELECT count(*) FROM sqlite_master").fetchone()
            execute("PRAGMA temp_store = MEMORY")
            execute(f"PRAGMA cache_size = {-CACHE_KIB}")
            execute("PRAGMA trusted_schema = OFF")
            execute("PRAGMA foreign_keys = ON")
            execute("PRAGMA secure_delete = ON")
            execute("PRAGMA synchronous = FULL")
            execute("PRAGMA auto_vacuum = INCREMENTAL")
            mode = execute(f"PRAGMA journal_mode = {journal}").fetchone()[0]
            if execute("PRAGMA auto_vacuum").fetchone()[0] != _INCREMENTAL:
                execute("VACUUM")  # once, for a file that was made without it
        if mode != journal.lower():
            raise StoreError(f"open {self._name}", f"journal mode is {mode}, expected {journal}")

    @contextlib.contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
        """Turn the driver's errors into ours: a broken rule is bad input, all else ends the process."""
        if self._failed:
            raise StoreError(f"{operation} {self._name}", "failed before", "restart: recovery is at start")
        try:
            yield
        except sqlcipher.IntegrityError as error:
            # its text names the rule that was broken, never a value
            raise InvalidInput(f"{operation} {self._name}", "rule_broken", str(error)) from None
        except sqlcipher.Error as error:
            self._failed = True
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            if name == "SQLITE_NOTADB":
                hint = "restore store and credentials that belong together"
                raise StoreError(f"{operation} {self._name}", _WRONG_KEY, hint) from None
            if name == "SQLITE_ERROR":  # our own SQL is wrong; its text holds no values
                raise StoreError(f"{operation} {self._name}", f"{error}") from None
            hint = "check the disk; recovery is at the next start"
            raise StoreError(f"{operation} {self._name}", name, hint) from None

    def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Return all rows of a SELECT."""
        with self._translated("read"):
            cursor = self._connection.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [Row(dict(zip(names, values, strict=True))) for values in cursor.fetchall()]

    def one(self, sql: str, parameters: Sequence[Value] = ()) -> Row | None:
        """Return the first row of a SELECT, or None."""
        rows = self.query(sql, parameters)
        return rows[0] if rows else None

    def count(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Return the one integer that a SELECT yields."""
        with self._translated("read"):
            return int(self._connection.execute(sql, parameters).fetchone()[0])

    def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Run one statement that changes rows and return how many; InvalidInput if a CHECK forbids it."""
        with self._translated("write"):
            return int(self._connection.execute(sql, parameters).rowcount)

    def insert(self, table: str, conflict: str = "", **columns: Value) -> int:
        """Insert one row and return how many changed; `conflict` is an ON CONFLICT clause.

        Names of tables and columns come from code alone, values are bound.
        """
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks}) {conflict}"  # noqa: S608 — see the docstring
        return self.run(sql, tuple(columns.values()))

    def function(self, name: str, arguments: int, function: Callable[..., Value]) -> None:
        """Let SQL on this connection call `function`; for migrations that SQL alone can't do."""
        with self._translated("open"):
            self._connection.create_function(name, arguments, function)

    def run_many(self, sql: str, parameters: Sequence[Sequence[Value]]) -> None:
        """Run one statement for each set of parameters."""
        with self._translated("write"):
            self._connection.executemany(sql, parameters)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._depth > 0

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another one, a savepoint of its own."""
        depth = self._depth
        begin, end = (
            ("BEGIN IMMEDIATE", "COMMIT") if depth == 0 else (f"SAVEPOINT s{depth}", f"RELEASE s{depth}")
        )
        self.run(begin)
        self._depth += 1
        try:
            yield
            self.run(end)
        except BaseException:
            self._depth = depth
            self._roll_back(depth)
            raise
        self._depth = depth
        if depth == 0:
            self.on_rollback.clear()

    def _roll_back(self, depth: int) -> None:
        """Undo; after an I/O error there is nothing to say: what is on disk decides at the next start."""
        if self._failed:
            return
        if depth > 0:
            self.run(f"ROLLBACK TO s{depth}")
            self.run(f"RELEASE s{depth}")
            return
        self.run("ROLLBACK")
        undo, self.on_rollback = self.on_rollback, []
        for action in undo:
            action()

    def checkpoint(self) -> None:
        """Move the WAL into the file and empty it."""
        self.query("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy_to(self, path: Path, key: bytes) -> None:
        """Write a copy of this file as it is now to `path` (new, 0600), under another `key` (32 bytes)."""
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with self._translated("copy"), contextlib.closing(sqlcipher.connect(str(path))) as copy:
            copy.execute("PRAGMA cipher_log_level = NONE")
            copy.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
            self._connection.backup(copy)

    def reclaim(self, pages: int) -> int:
        """Cut off at most `pages` free pages (zeroed when they became free); return how many are gone."""
        free = self.count("PRAGMA freelist_count")
        if free == 0:
            return 0
        with self._translated("vacuum"):
            self._connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
        self.checkpoint()
        return free - self.count("PRAGMA freelist_count")

    def rewrite(self) -> None:
        """Write the whole file anew, so that nothing but what is held is left in any page.

        `secure_delete` zeroes what is deleted where it lies then; a cell that a balancing of the tree had
        moved before leaves its copy in the unused part of the old page, which this ends.
        """
        with self._translated("rewrite"):
            self._connection.execute("VACUUM")
        self.checkpoint()

    def check(self) -> None:
        """Raise StoreError if any page fails its authentication or the structure is broken."""
        bad = self.query("PRAGMA cipher_integrity_check")
        if bad or self.one("PRAGMA quick_check") != Row({"quick_check": "ok"}):
            raise StoreError(f"check {self._name}", "damaged pages", "restore the last backup")

    def close(self) -> None:
        """Close the file; an open transaction is rolled back."""
        self._connection.close()
