"""Which rows are over when, for the dry run and for the deletion alike; never deletes by itself.

A period counts from the time that the box wrote, but never from later than the receipt, and from the
receipt where the box didn't know the time: a clock that stands wrong neither keeps nor destroys.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Table,
    and_,
    case,
    exists,
    func,
    not_,
    null,
    or_,
    select,
)
from sqlalchemy.sql import literal

from cloud.config import Retention
from cloud.rights.links import KEEP_LAST_MS
from cloud.store import schema
from cloud.store.schema import ERASED_VERDICT, FACTS, consents, entries, fact_orders, withdrawals

DAY_MS = 86_400_000
_KEY = ("tenant", "box", "epoch", "sequence")
Moment = ColumnElement[Any]
"""Milliseconds, or NULL for what has no end yet."""


@dataclass(frozen=True, slots=True)
class Lapse:
    """One class: rows of `table` that meet `which`; each is over at `until`, NULL never."""

    name: str
    table: Table
    until: Callable[[Retention], Moment]
    which: ColumnElement[bool] | None = None
    emptied: Mapping[str, Any] | None = None
    """What is left of a row; None: nothing."""

    @property
    def is_fact(self) -> bool:
        """Whether the ledger has a row for each of these."""
        return self.table in FACTS.values()


def _same(one: FromClause, other: FromClause, *names: str) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in names))


def _received(table: Table) -> Moment:
    asked = select(entries.c.received_ms).where(_same(entries, table, *_KEY))
    return asked.correlate(table).scalar_subquery()


def _since(table: Table, made: Moment) -> Moment:
    received = _received(table)
    return case((or_(table.c.time_quality == "unknown", made > received), received), else_=made)


def _ms(keep: Retention, name: str, table: Table) -> Moment:
    own = {site: literal(keep.of(name, site) * DAY_MS, BigInteger) for site in keep.sites}
    days = literal(keep.of(name) * DAY_MS, BigInteger)
    return case(own, value=table.c.site, else_=days) if own and "site" in table.c else days


def _aged(table: Table, column: str, days: str) -> Callable[[Retention], Moment]:
    made = table.c[column]
    since = _since(table, made) if table in FACTS.values() else made
    return lambda keep: since + _ms(keep, days, table)


def _visit(keep: Retention) -> Moment:
    """With its last revision: an earlier one must not be taken for the newest."""
    visits, other = schema.visits, schema.visits.alias()
    last = func.max(func.coalesce(other.c.departed_ms, other.c.arrived_ms))
    made = select(last).where(_same(other, visits, "tenant", "box", "visit_id")).correlate(visits)
    return _since(visits, made.scalar_subquery()) + _ms(keep, "visits_days", visits)


def _call(keep: Retention) -> Moment:
    calls = schema.calls
    named, plain = (_ms(keep, name, calls) for name in ("recorded_calls_days", "calls_days"))
    lasts = case((and_(calls.c.who.is_not(None), named < plain), named), else_=plain)
    return _since(calls, calls.c.started_ms) + lasts


def _state(keep: Retention) -> Moment:
    """A device's newest state is how it is now, however long since."""
    health, other = schema.health, schema.health.alias()
    later = exists().where(
        _same(other, health, "tenant", "box", "device"), other.c.since_ms > health.c.since_ms
    )
    over = _since(health, health.c.since_ms) + _ms(keep, "operation_days", health)
    return case((later.correlate(health), over), else_=null())


def _proof(table: Table) -> Callable[[Retention], Moment]:
    """All words of a person on a scope go together, after the last one ended it and nothing rests on it."""
    ended, renewed = withdrawals.alias(), consents.alias()
    later = exists().where(_same(renewed, ended, "tenant", "who", "scope"), renewed.c.at_ms > ended.c.at_ms)
    last = (
        select(func.max(ended.c.at_ms))
        .where(_same(ended, table, "tenant", "who", "scope"), not_(later.correlate(ended)))
        .correlate(table)
        .scalar_subquery()
    )
    rests = or_(
        *(
            exists()
            .where(
                data.c.tenant == table.c.tenant,
                data.c.who == table.c.who,
                data.c.basis_scope == table.c.scope,
            )
            .correlate(table)
            for data in (schema.visits, schema.calls, schema.verdicts)
        )
    )
    return lambda keep: case((rests, null()), else_=last + _ms(keep, "proofs_days", table))


def _fact_order(keep: Retention) -> Moment:
    """With its import: an import that has lost an order would seem to be another."""
    made = select(schema.imports.c.created_ms).where(
        _same(schema.imports, fact_orders, "tenant", "import_id")
    )
    return made.correlate(fact_orders).scalar_subquery() + _ms(keep, "imports_days", schema.imports)


def _import(keep: Retention) -> Moment:
    """Not before its orders."""
    has_orders = exists().where(_same(fact_orders, schema.imports, "tenant", "import_id"))
    over = schema.imports.c.created_ms + _ms(keep, "imports_days", schema.imports)
    return case((has_orders.correlate(schema.imports), null()), else_=over)


def _attachment(keep: Retention) -> Moment:
    """As the content of a finding: what a channel handed in may be about its customer."""
    made = select(schema.appeals.c.at_ms).where(
        _same(schema.appeals, schema.attachments, "tenant", "appeal_id")
    )
    made = made.correlate(schema.attachments)
    return made.scalar_subquery() + _ms(keep, "findings_days", schema.attachments)


def _appeal(keep: Retention) -> Moment:
    """Not before what came with it."""
    whole = exists().where(_same(schema.attachments, schema.appeals, "tenant", "appeal_id"))
    over = schema.appeals.c.at_ms + _ms(keep, "verdicts_days", schema.appeals)
    return case((whole.correlate(schema.appeals), null()), else_=over)


def _words(table: Table) -> Callable[[Retention], Moment]:
    """What people wrote of a finding, and of which one it was, goes as its content does."""
    return lambda keep: table.c.at_ms + _ms(keep, "findings_days", table)


def _nothing_left() -> ColumnElement[bool]:
    """Of this row of the ledger only the row itself is left."""
    gone = (
        and_(entries.c.kind == kind, not_(exists().where(_same(table, entries, *_KEY)).correlate(entries)))
        for kind, table in FACTS.items()
    )
    without = or_(entries.c.kind.not_in(FACTS), entries.c.outcome == "quarantined")
    return and_(entries.c.sha256 != "", or_(without, *gone))


_LONGEST = "proofs_days"
"""No class of data is kept for longer. What came late by more than this is over at its arrival."""

LAPSES = (
    Lapse("visits", schema.visits, _visit),
    Lapse("calls", schema.calls, _call),
    Lapse(
        "findings",
        schema.verdicts,
        _aged(schema.verdicts, "decided_ms", "findings_days"),
        schema.verdicts.c.who.is_not(None),
        ERASED_VERDICT,
    ),
    Lapse("verdicts", schema.verdicts, _aged(schema.verdicts, "decided_ms", "verdicts_days")),
    Lapse("attachments", schema.attachments, _attachment),
    Lapse(
        "appeals_said",
        schema.appeals,
        _words(schema.appeals),
        schema.appeals.c.ref != "",
        {"ref": "", "text": ""},
    ),
    Lapse(
        "reviews_said",
        schema.reviews,
        _words(schema.reviews),
        schema.reviews.c.ref != "",
        {"ref": "", "reason": ""},
    ),
    Lapse("appeals", schema.appeals, _appeal),
    Lapse("reviews", schema.reviews, _aged(schema.reviews, "at_ms", "verdicts_days")),
    Lapse("consents", consents, _proof(consents)),
    Lapse("withdrawals", withdrawals, _proof(withdrawals)),
    Lapse("receipts", schema.erasures, _aged(schema.erasures, "at_ms", "proofs_days")),
    Lapse("answers", schema.answers, _aged(schema.answers, "at_ms", "proofs_days")),
    Lapse(
        "orders",
        schema.commands,
        _aged(schema.commands, "answered_ms", "proofs_days"),
        schema.commands.c.kind != "notice",
    ),
    Lapse("suppression", schema.suppression, _aged(schema.suppression, "erased_ms", _LONGEST)),
    Lapse("retokened", schema.retokened, _aged(schema.retokened, "wall_ms", _LONGEST)),
    Lapse("reattributed", schema.reattributed, _aged(schema.reattributed, "until_ms", "visits_days")),
    Lapse("audit_heads", schema.audit_heads, _aged(schema.audit_heads, "at_ms", "proofs_days")),
    Lapse("packages", schema.packages, _aged(schema.packages, "at_ms", "packages_days")),
    Lapse(
        "last_packages",
        schema.packages,
        lambda _keep: _received(schema.packages) + literal(KEEP_LAST_MS, BigInteger),
        schema.packages.c.last,
    ),
    Lapse("requests", schema.requests, _aged(schema.requests, "answered_ms", "requests_days")),
    Lapse(
        "waiting_facts",
        fact_orders,
        lambda keep: fact_orders.c.issued_ms + _ms(keep, "facts_waiting_days", fact_orders),
        fact_orders.c.state != "answered",
        {"state": "answered", "outcome": "expired", "code": "no_answer", "rows": None},
    ),
    Lapse("fact_orders", fact_orders, _fact_order, fact_orders.c.state == "answered"),
    Lapse("imports", schema.imports, _import),
    Lapse(
        "channels",
        schema.channels,
        _aged(schema.channels, "changed_ms", "imports_days"),
        schema.channels.c.withdrawn,
    ),
    Lapse("crm_keys", schema.crm_keys, _aged(schema.crm_keys, "revoked_ms", "access_days")),
    Lapse(
        "api_answers",
        schema.answered_posts,
        _aged(schema.answered_posts, "answered_ms", "api_answers_days"),
    ),
    Lapse("counts", schema.footfall, _aged(schema.footfall, "to_ms", "counts_days")),
    Lapse("states", schema.health, _state),
    Lapse("blind_time", schema.blind, _aged(schema.blind, "to_ms", "operation_days")),
    Lapse("quarantine", schema.quarantine, _aged(schema.quarantine, "last_ms", "quarantine_days")),
    Lapse("access_log", schema.access_log, _aged(schema.access_log, "minute_ms", "access_days")),
    Lapse("sessions", schema.sessions, lambda _keep: schema.sessions.c.expires_ms),
    Lapse("invitations", schema.links, lambda _keep: schema.links.c.expires_ms),
    Lapse("wrong_passwords", schema.throttle, lambda _keep: schema.throttle.c.last_ms + DAY_MS),
    Lapse("ledger", entries, _aged(entries, "received_ms", "ledger_days"), _nothing_left(), {"sha256": ""}),
)
"""In the order in which they are applied: proofs go after what rests on them, the ledger last."""
