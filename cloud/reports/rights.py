"""Orders with their commands and receipts, and whom a page's row is about; never gives an order."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Table, and_, select

from cloud.store.schema import calls, commands, erasures, verdicts, visits

Subject = Literal["visit", "call", "verdict"]
_SUBJECTS: dict[Subject, tuple[Table, str]] = {
    "visit": (visits, "visit_id"),
    "call": (calls, "call_id"),
    "verdict": (verdicts, "verdict_id"),
}


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order: what was asked, and its commands, each with the box's receipt if there is one."""

    order_id: str
    kind: str
    who: str
    scope: str | None
    ground: str
    issued_by: str
    issued_ms: int
    commands: tuple[tuple[RowMapping, dict[str, Any] | None], ...]

    @property
    def answered(self) -> bool:
        """Whether every box has answered."""
        return all(command["state"] == "answered" for command, _ in self.commands)


def who_is(connection: Connection, tenant: str, subject: Subject, box: str, identity: str) -> str | None:
    """Return the token behind a row that a page showed, or None if there is none (any more)."""
    table, column = _SUBJECTS[subject]
    asked = (
        select(table.c.who)
        .where(table.c.tenant == tenant, table.c.box == box, table.c[column] == identity)
        .order_by(table.c.wall_ms.desc())
        .limit(1)
    )
    who: str | None = connection.execute(asked).scalar_one_or_none()
    return who


def orders(connection: Connection, tenant: str, limit: int = 200) -> tuple[OrderRow, ...]:
    """Return orders with their state, newest first."""
    receipt = and_(
        erasures.c.tenant == commands.c.tenant,
        erasures.c.box == commands.c.box,
        erasures.c.command_id == commands.c.command_id,
    )
    asked = (
        select(commands, erasures.c.rows, erasures.c.keys_destroyed, erasures.c.at_ms.label("erased_at_ms"))
        .outerjoin(erasures, receipt)
        .where(commands.c.tenant == tenant, commands.c.who.is_not(None))
        .order_by(commands.c.issued_ms.desc(), commands.c.order_id, commands.c.box)
        .limit(limit)
    )
    found: dict[str, list[RowMapping]] = {}
    for row in connection.execute(asked).mappings():
        found.setdefault(row["order_id"], []).append(row)
    return tuple(_order(rows) for rows in found.values())


def _order(rows: list[RowMapping]) -> OrderRow:
    first = rows[0]
    return OrderRow(
        order_id=first["order_id"],
        kind=first["kind"],
        who=first["who"],
        scope=first["scope"],
        ground=first["ground"],
        issued_by=first["issued_by"],
        issued_ms=first["issued_ms"],
        commands=tuple((row, _receipt(row)) for row in rows),
    )


def _receipt(row: RowMapping) -> dict[str, Any] | None:
    if row["erased_at_ms"] is None:
        return None
    return {"rows": row["rows"], "keys_destroyed": row["keys_destroyed"], "at_ms": row["erased_at_ms"]}
