"""How the boxes are: last word, devices, gaps, open commands, quarantine; never about a person."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, func, select

from cloud.books.states import waiting
from cloud.store.schema import audit_logs, blind, boxes, commands, entries, epochs, health, quarantine


@dataclass(frozen=True, slots=True)
class BoxState:
    """One box as headquarters knows it. `missing` counts sequences that never came."""

    site: str
    box: str
    key_id: str
    enrolled_ms: int
    last_seen_ms: int | None
    received: int
    missing: int
    epochs: int
    audit_size: int | None
    """Entries of its audit that were proven; None: it never sent a head."""
    audit_proven_ms: int | None
    audit_alarm: str | None
    """Why a later head is no continuation: cut, rewritten, unproven."""


def box_states(connection: Connection, tenant: str) -> tuple[BoxState, ...]:
    """Return every box of a tenant, by site and name."""
    counted = (
        select(
            epochs.c.box,
            func.sum(epochs.c.received).label("received"),
            func.sum(epochs.c.highest - epochs.c.received).label("missing"),
            func.count().label("epochs"),
        )
        .where(epochs.c.tenant == tenant)
        .group_by(epochs.c.box)
        .subquery()
    )
    asked = (
        select(
            boxes,
            counted.c.received,
            counted.c.missing,
            counted.c.epochs,
            audit_logs.c["size"].label("audit_size"),
            audit_logs.c.proven_ms,
            audit_logs.c.alarm,
        )
        .outerjoin(counted, counted.c.box == boxes.c.box)
        .outerjoin(audit_logs, and_(audit_logs.c.tenant == boxes.c.tenant, audit_logs.c.box == boxes.c.box))
        .where(boxes.c.tenant == tenant)
        .order_by(boxes.c.site, boxes.c.box)
    )
    return tuple(
        BoxState(
            site=row.site,
            box=row.box,
            key_id=row.key_id,
            enrolled_ms=row.enrolled_ms,
            last_seen_ms=row.last_seen_ms,
            received=int(row.received or 0),
            missing=int(row.missing or 0),
            epochs=int(row.epochs or 0),
            audit_size=row.audit_size,
            audit_proven_ms=row.proven_ms,
            audit_alarm=row.alarm,
        )
        for row in connection.execute(asked)
    )


def devices(connection: Connection, tenant: str) -> list[RowMapping]:
    """Return the latest state of each device: box, site, device, state, code, since_ms."""
    newest_first = (health.c.since_ms.desc(), health.c.wall_ms.desc(), health.c.sequence.desc())
    rank = func.row_number().over(partition_by=(health.c.box, health.c.device), order_by=newest_first)
    ranked = select(health, rank.label("rank")).where(health.c.tenant == tenant).subquery()
    asked = select(ranked).where(ranked.c.rank == 1).order_by(ranked.c.box, ranked.c.device)
    return list(connection.execute(asked).mappings())


def blind_ms(connection: Connection, tenant: str, from_ms: int, to_ms: int) -> dict[tuple[str, str], int]:
    """Return for each (box, device) how long it was blind between two times."""
    asked = select(blind.c.box, blind.c.device, blind.c.from_ms, blind.c.to_ms).where(
        blind.c.tenant == tenant, blind.c.to_ms > from_ms, blind.c.from_ms < to_ms
    )
    spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in connection.execute(asked):
        spans.setdefault((row.box, row.device), []).append((max(row.from_ms, from_ms), min(row.to_ms, to_ms)))
    return {key: _union_length(found) for key, found in spans.items()}


def _union_length(spans: list[tuple[int, int]]) -> int:
    """Return the length of the union: two reports of one blind time count once."""
    length = end = 0
    for start, stop in sorted(spans):
        length += max(0, stop - max(start, end))
        end = max(end, stop)
    return length


def open_commands(connection: Connection, tenant: str) -> int:
    """Return how many commands have no answer yet."""
    asked = select(func.count()).where(commands.c.tenant == tenant, commands.c.state != "answered")
    return int(connection.execute(asked).scalar_one())


def set_aside(connection: Connection, tenant: str, limit: int = 200) -> list[RowMapping]:
    """Return the newest rows of the quarantine, with those whose sender couldn't be told."""
    asked = (
        select(quarantine)
        .where(quarantine.c.tenant.in_((tenant, "")))
        .order_by(quarantine.c.last_ms.desc(), quarantine.c.sha256)
        .limit(limit)
    )
    return list(connection.execute(asked).mappings())


def summary(connection: Connection, tenant: str) -> dict[str, Any]:
    """Return what `gatehouse-cloud status` prints."""
    by_kind = (
        select(entries.c.kind, func.count())
        .where(entries.c.tenant == tenant)
        .group_by(entries.c.kind)
        .order_by(entries.c.kind)
    )
    aside = select(func.count()).where(quarantine.c.tenant.in_((tenant, "")))
    return {
        "tenant": tenant,
        "boxes": [
            {name: getattr(state, name) for name in BoxState.__slots__}
            for state in box_states(connection, tenant)
        ],
        "devices": [
            {name: row[name] for name in ("box", "device", "state", "code", "since_ms")}
            for row in devices(connection, tenant)
        ],
        "entries": {row[0]: row[1] for row in connection.execute(by_kind)},
        "open_commands": open_commands(connection, tenant),
        "waiting_rows": [asdict(one) for one in waiting(connection, tenant)],
        "quarantined": int(connection.execute(aside).scalar_one()),
    }
