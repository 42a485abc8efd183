"""Calls of a span of time, as pages show them; never a number, and a token only of a consenting caller."""

from sqlalchemy import Connection, RowMapping, or_, select

from cloud.reports.lawful import lawful
from cloud.store.schema import calls


def calls_between(
    connection: Connection, tenant: str, from_ms: int, to_ms: int, limit: int = 500
) -> list[RowMapping]:
    """Return calls that began in [from_ms, to_ms), newest first."""
    asked = (
        select(calls)
        .where(
            calls.c.tenant == tenant,
            calls.c.started_ms >= from_ms,
            calls.c.started_ms < to_ms,
            or_(calls.c.who.is_(None), lawful(calls)),
        )
        .order_by(calls.c.started_ms.desc(), calls.c.call_id)
        .limit(limit)
    )
    return list(connection.execute(asked).mappings())
