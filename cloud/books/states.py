"""What became of each import, box by box; never shows a row of one."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from cloud.store.schema import boxes, fact_orders, imports

State = Literal["waiting", "done", "refused", "expired"]
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class AtBox:
    """How many rows of an import a box has taken, refused or not answered; the boxes' answers by code.

    `expired`: rows that the box didn't take within the time that they wait. `last_seen_ms`: of the box.
    """

    box: str
    done: int
    refused: int
    expired: int
    waiting: int
    codes: tuple[str, ...]
    last_seen_ms: int | None


@dataclass(frozen=True, slots=True)
class Import:
    """One import. `source`: `user` or `crm`."""

    import_id: str
    project: str
    kind: str
    source: str
    source_name: str
    rows: int
    created_ms: int
    boxes: tuple[AtBox, ...]

    @property
    def state(self) -> State:
        """Return `waiting` while a box hasn't answered; then the worst of the answers."""
        for name in ("waiting", "refused", "expired"):
            if any(getattr(one, name) for one in self.boxes):
                return name
        return "done"


def find_import(connection: Connection, tenant: str, import_id: str) -> Import | None:
    """Return one import, or None."""
    found = _imports(connection, tenant, imports.c.import_id == import_id)
    return found[0] if found else None


def newest_imports(connection: Connection, tenant: str, project: str | None = None) -> tuple[Import, ...]:
    """Return the newest imports of a project, or of all, newest first; at most MOST_SHOWN."""
    return _imports(connection, tenant, *(() if project is None else (imports.c.project == project,)))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Sealed rows that a box hasn't taken, and since when the oldest waits."""

    box: str
    rows: int
    since_ms: int


def waiting(connection: Connection, tenant: str) -> tuple[Waiting, ...]:
    """Return for which boxes rows wait."""
    o = fact_orders.c
    asked = (
        select(o.box, func.sum(o.count), func.min(o.issued_ms))
        .where(o.tenant == tenant, o.state != "answered")
        .group_by(o.box)
        .order_by(o.box)
    )
    return tuple(Waiting(box, int(rows), since_ms) for box, rows, since_ms in connection.execute(asked))


def _imports(connection: Connection, tenant: str, *which: ColumnElement[bool]) -> tuple[Import, ...]:
    asked = (
        select(imports)
        .where(imports.c.tenant == tenant, *which)
        .order_by(imports.c.created_ms.desc(), imports.c.import_id)
        .limit(MOST_SHOWN)
    )
    rows = connection.execute(asked).all()
    at = _at_boxes(connection, tenant, [row.import_id for row in rows])
    return tuple(
        Import(
            row.import_id,
            row.project,
            row.kind,
            row.source,
            row.source_name,
            row.rows,
            row.created_ms,
            tuple(at.get(row.import_id, ())),
        )
        for row in rows
    )


def _at_boxes(connection: Connection, tenant: str, import_ids: list[str]) -> dict[str, list[AtBox]]:
    o = fact_orders.c
    outcome = case((o.state != "answered", "waiting"), else_=o.outcome).label("came_to")
    same = and_(boxes.c.tenant == o.tenant, boxes.c.box == o.box)
    asked = (
        select(o.import_id, o.box, outcome, o.code, func.sum(o.count).label("n"), boxes.c.last_seen_ms)
        .join(boxes, same)
        .where(o.tenant == tenant, o.import_id.in_(import_ids))
        .group_by(o.import_id, o.box, outcome, o.code, boxes.c.last_seen_ms)
        .order_by(o.import_id, o.box, o.code)
    )
    found: dict[tuple[str, str], list[Any]] = {}
    for row in connection.execute(asked).all():
        found.setdefault((row.import_id, row.box), []).append(row)
    by_import: dict[str, list[AtBox]] = {}
    for (import_id, box), rows in found.items():
        by_import.setdefault(import_id, []).append(_at_box(box, rows))
    return by_import


def _at_box(box: str, rows: list[Any]) -> AtBox:
    def count(name: str) -> int:
        return sum(int(row.n) for row in rows if row.came_to == name)

    codes = tuple(dict.fromkeys(row.code for row in rows if row.code not in (None, "ok")))
    return AtBox(
        box, count("done"), count("refused"), count("expired"), count("waiting"), codes, rows[0].last_seen_ms
    )
