"""Deletes what is past its period, on a schedule and on command, and tells ahead what would go."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, case, delete, func, select, update

from cloud.clock import now_ms
from cloud.config import Headquarters, Retention
from cloud.errors import StoreUnavailable
from cloud.retention.lapses import DAY_MS, LAPSES, Lapse
from cloud.rights import links
from cloud.store.database import Database
from cloud.store.schema import entries, quarantine
from edge.wire import CallRecorded, ConsentRecorded, Entry, TimeQuality, VerdictIssued, VisitRecorded

_LOG = logging.getLogger(__name__)
_EVERY_S = 3600.0
AT_ONCE = 2000
"""Rows of one transaction: it is over in a moment."""
REST_S = 0.1
"""Between two of them: whoever waits for SQLite's lock looks that often at least."""
_DAYS = {
    VisitRecorded: "visits_days",
    CallRecorded: "calls_days",
    VerdictIssued: "verdicts_days",
    ConsentRecorded: "proofs_days",
}


@dataclass(frozen=True, slots=True)
class Class:
    """How many rows of one class are held and due, and when the next one will be (None: none by itself)."""

    name: str
    held: int
    due: int
    next_ms: int | None


def plan(connection: Connection, tenant: str, keep: Retention, at_ms: int) -> tuple[Class, ...]:
    """Return what `keep_house` would take at `at_ms`, by class; changes nothing."""
    return tuple(_plan(connection, tenant, keep, lapse, at_ms) for lapse in LAPSES)


def _plan(connection: Connection, tenant: str, keep: Retention, lapse: Lapse, at_ms: int) -> Class:
    until = lapse.until(keep)
    rows = select(until.label("until_ms")).select_from(lapse.table).where(_mine(lapse, tenant)).subquery()
    later = case((rows.c.until_ms > at_ms, rows.c.until_ms))
    due = func.coalesce(func.sum(case((rows.c.until_ms <= at_ms, 1), else_=0)), 0)
    held, gone, next_ms = connection.execute(
        select(func.count(), due, func.min(later)).select_from(rows)
    ).one()
    return Class(lapse.name, int(held), int(gone), None if next_ms is None else int(next_ms))


def _end(
    database: Database, tenant: str, keep: Retention, lapse: Lapse, at_ms: int, stop: threading.Event
) -> int:
    """Delete, or empty, what is over of one class, `AT_ONCE` rows in each transaction; return how many."""
    asked = select(*lapse.table.primary_key.columns).where(_mine(lapse, tenant), lapse.until(keep) <= at_ms)
    ended = 0
    with database.read() as connection:  # asked once: each row's end costs several look-ups
        for found in connection.execution_options(yield_per=AT_ONCE).execute(asked).partitions():
            if stop.is_set() or (ended and stop.wait(REST_S)):
                break
            keys = [{f"key_{name}": value for name, value in row._mapping.items()} for row in found]
            ended += database.write(partial(_end_rows, lapse=lapse, keys=keys))
    return ended


def _end_rows(connection: Connection, *, lapse: Lapse, keys: list[dict[str, object]]) -> int:
    """One look-up for each row: for a list of such keys SQLite would read the whole table."""
    this = _is_key(lapse.table)
    if lapse.emptied is not None:
        return connection.execute(update(lapse.table).where(this).values(**lapse.emptied), keys).rowcount
    if lapse.is_fact:  # its key is its row's in the ledger
        whole = and_(_is_key(entries), entries.c.code == "ok")
        connection.execute(update(entries).where(whole).values(code="lapsed"), keys)
    return connection.execute(delete(lapse.table).where(this), keys).rowcount


def _is_key(table: Table) -> ColumnElement[bool]:
    return and_(*(column == bindparam(f"key_{column.name}") for column in table.primary_key.columns))


def _mine(lapse: Lapse, tenant: str) -> ColumnElement[bool]:
    """What a stranger sent has no tenant: everybody's service forgets it."""
    tenants = (tenant, "") if lapse.table is quarantine else (tenant,)
    mine = lapse.table.c.tenant.in_(tenants)
    return mine if lapse.which is None else and_(mine, lapse.which)


def over_at_arrival(keep: Retention, site: str, entry: Entry, at_ms: int) -> bool:
    """Tell whether a record is past its period already: late by years, or one that was deleted here.

    A box that didn't know the time can't have said when; its record counts from now on.
    """
    name = _DAYS.get(type(entry.record))
    if name is None or entry.time_quality is TimeQuality.UNKNOWN:
        return False
    return entry.wall_ms + keep.of(name, site) * DAY_MS <= at_ms


def keep_house(
    database: Database, tenant: str, keep: Retention, at_ms: int, stop: threading.Event | None = None
) -> dict[str, int]:
    """Apply every period, and leave nothing of it in the write-ahead log; return how many rows by class.

    However much is due, ingest and pages get their turn in between. `stop` breaks off, as a lost database
    does; the next call goes on. Each class goes whole before the next, so proofs go after what rests on them.
    """
    stop = stop or threading.Event()
    database.write(lambda connection: links.forget(connection, at_ms))
    ended = {lapse.name: _end(database, tenant, keep, lapse, at_ms, stop) for lapse in LAPSES}
    gone = {name: count for name, count in ended.items() if count}
    database.forget_freed_pages()  # of an earlier call that broke off, too
    if gone:
        _LOG.info("deleted what was due counts=%s", gone)
    return gone


def keeper(
    config: Headquarters, database: Database, clock: Callable[[], int] = now_ms
) -> Callable[[threading.Event], None]:
    """Return the part of the service that keeps house, at its start and then every hour."""

    def run(stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                keep_house(database, config.tenant, config.retention, clock(), stop)
            except StoreUnavailable as away:
                _LOG.warning("retention put off cause=%s", away)
            stop.wait(_EVERY_S)

    return run
