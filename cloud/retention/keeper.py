"""Deletes what is past its period, on a schedule and on command, and tells ahead what would go."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, select, tuple_, update

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
    """Return what `apply` would take at `at_ms`, by class; changes nothing."""
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


def apply(connection: Connection, tenant: str, keep: Retention, at_ms: int) -> dict[str, int]:
    """Delete, or empty, what is over at `at_ms`; return how many rows by class, those with any."""
    gone = {lapse.name: _end(connection, tenant, keep, lapse, at_ms) for lapse in LAPSES}
    return {name: count for name, count in gone.items() if count}


def _end(connection: Connection, tenant: str, keep: Retention, lapse: Lapse, at_ms: int) -> int:
    table, doomed = lapse.table, and_(_mine(lapse, tenant), lapse.until(keep) <= at_ms)
    if lapse.is_fact and lapse.emptied is None:
        keys = select(table.c.box, table.c.epoch, table.c.sequence).where(doomed)
        in_ledger = tuple_(entries.c.box, entries.c.epoch, entries.c.sequence).in_(keys)
        whole = (entries.c.tenant == tenant, entries.c.code == "ok", in_ledger)
        connection.execute(update(entries).where(*whole).values(code="lapsed"))
    if lapse.emptied is not None:
        return connection.execute(update(table).where(doomed).values(**lapse.emptied)).rowcount
    return connection.execute(delete(table).where(doomed)).rowcount


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


def keep_house(database: Database, tenant: str, keep: Retention, at_ms: int) -> dict[str, int]:
    """Apply every period, and leave nothing of it in the write-ahead log."""

    def work(connection: Connection) -> dict[str, int]:
        links.forget(connection, at_ms)
        return apply(connection, tenant, keep, at_ms)

    gone = database.write(work)
    if gone:
        database.forget_freed_pages()
        _LOG.info("deleted what was due counts=%s", gone)
    return gone


def keeper(
    config: Headquarters, database: Database, clock: Callable[[], int] = now_ms
) -> Callable[[threading.Event], None]:
    """Return the part of the service that keeps house, at its start and then every hour."""

    def run(stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                keep_house(database, config.tenant, config.retention, clock())
            except StoreUnavailable as away:
                _LOG.warning("retention put off cause=%s", away)
            stop.wait(_EVERY_S)

    return run
