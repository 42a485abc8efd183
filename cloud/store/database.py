"""Opens the database and runs transactions; never knows what they are about.

On SQLite a writing transaction takes the write lock at once, in WAL with `synchronous=FULL`, since a
box deletes what we receipted. On PostgreSQL it is SERIALIZABLE and repeated when the server says so.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from cloud.errors import StoreUnavailable

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_SERIALIZATION_FAILURES = ("40001", "40P01", "23505")
"""A duplicate key is one too: two transactions may insert at once what neither saw."""

_SQLITE_UNAVAILABLE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN")
_MIGRATION_LOCK = 7215423186
"""Any fixed number: two processes that start together upgrade one after the other."""


class Database:
    """One engine; `read` for questions, `write` for changes. Both raise StoreUnavailable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writing: dict[str, object] = (
            {"immediate": True} if self.is_sqlite else {"isolation_level": "SERIALIZABLE"}
        )

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection whose questions see one state of the tables."""
        with _translated("read the database"), self._engine.connect() as connection, connection.begin():
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and return what it returns; it may be run more than once."""
        with _translated("write to the database"):
            for attempt in Retrying(
                retry=retry_if_exception(_is_serialization_failure),
                wait=wait_random_exponential(0.01, max=1),
                stop=stop_after_attempt(20),
                reraise=True,
            ):
                with attempt:
                    result = self._once(work)
        return result

    def _once(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect().execution_options(**self._writing) as connection, connection.begin():
            return work(connection)

    def forget_freed_pages(self) -> None:
        """Move the write-ahead log into the file and empty it, so that erased rows aren't in it."""
        if self.is_sqlite:
            with _translated("check-point the database"), self._engine.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]  # the pool's connection is open here

    def upgrade(self) -> None:
        """Bring the tables to the newest schema, in one transaction."""
        from cloud.store.migrations.run import upgrade

        def work(connection: Connection) -> None:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            upgrade(connection)

        self.write(work)

    def close(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()


def open_database(url: str) -> Database:
    """Open the database at `url`, making a SQLite file if there is none, and upgrade its schema."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        assert parsed.database is not None
        Path(parsed.database).touch(mode=0o600)
        engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": 20})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
    database = Database(engine)
    database.upgrade()
    return database


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours: see _begin_sqlite
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _is_serialization_failure(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _SERIALIZATION_FAILURES


@contextlib.contextmanager
def _translated(operation: str) -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as failed:
        name = getattr(failed.orig, "sqlite_errorname", None)
        if name is not None and not name.startswith(_SQLITE_UNAVAILABLE):
            raise
        state = name or getattr(failed.orig, "sqlstate", None) or type(failed.orig).__name__
        raise StoreUnavailable(operation, state) from failed
