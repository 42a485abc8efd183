"""Every row of the ledger with its record, for machines: the demo, audits, tests; never for a page.

Tokens are whole here. Whoever may run the command may read the database anyway.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, and_, exists, or_, select

from cloud.store.schema import FACTS, entries, packages

KINDS = (*FACTS, "voided", "unknown")
"""What `kind` may be; `unknown` are quarantined entries that don't say."""

_KEY = ("tenant", "box", "epoch", "sequence")
_LEFT_OUT = ("entered_ms", "deal_ref", "channel", "also", "inputs", "outcomes", "signature")
"""Fields that a record hasn't at all where there is nothing to say: as it came."""
_ABOUT = ("site", "wall_ms", "time_quality", "basis", "basis_scope", "purpose")


def rows(connection: Connection, tenant: str, kind: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield ledger rows by kind, box, epoch and sequence; `record` is None for what holds none any more.

    `kind` is one of the wire's kinds; without it every kind comes.
    """
    for name in FACTS:
        if kind in (None, name):
            yield from _facts(connection, tenant, name)
    yield from _without_record(connection, tenant, kind)


def _facts(connection: Connection, tenant: str, kind: str) -> Iterator[dict[str, Any]]:
    table = FACTS[kind]
    same = and_(*(entries.c[name] == table.c[name] for name in _KEY))
    asked = (
        select(entries.c.received_ms, entries.c.outcome, entries.c.code.label("entry_code"), table)
        .join(table, same)
        .where(entries.c.tenant == tenant, entries.c.kind == kind)
        .order_by(table.c.box, table.c.epoch, table.c.sequence)
    )
    own = [c.name for c in table.columns if c.name not in (*_KEY, *_ABOUT)]
    for row in connection.execute(asked).mappings():
        record = {"kind": kind} | {name: row[table.c[name]] for name in own}
        record = {name: value for name, value in record.items() if value is not None or name not in _LEFT_OUT}
        known = {name: row[table.c[name]] for name in (*_KEY, *_ABOUT) if name != "basis_scope"}
        ledger = {"received_ms": row["received_ms"], "outcome": row["outcome"], "code": row["entry_code"]}
        yield {"kind": kind, **known, **ledger, "record": record}


def _without_record(connection: Connection, tenant: str, kind: str | None) -> Iterator[dict[str, Any]]:
    gone = entries.c.code.in_(("erased", "lapsed"))
    # Of a visitor's page only the newest package is held; those before it were numbered and received as well.
    held = exists().where(*(entries.c[name] == packages.c[name] for name in _KEY))
    replaced = and_(entries.c.kind == "rights_package", ~held)
    empty = or_(entries.c.kind == "voided", entries.c.outcome == "quarantined", gone, replaced)
    asked = select(entries).where(entries.c.tenant == tenant, empty)
    if kind is not None:
        asked = asked.where(entries.c.kind == kind)
    for row in connection.execute(asked.order_by(*(entries.c[n] for n in _KEY))).mappings():
        names = (*_KEY, "received_ms", "outcome", "code")
        yield {"kind": row["kind"], **{n: row[n] for n in names}, "record": None}
