"""Visits and head counts of a span of time, as pages show them; never a whole token."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from cloud.reports.lawful import lawful
from cloud.store.schema import footfall, visits


@dataclass(frozen=True, slots=True)
class Visit:
    """The last lawful revision of one visit; `evidence` holds the kinds in the order they came."""

    site: str
    box: str
    visit_id: str
    who: str
    returning: bool
    party_size: int
    arrived_ms: int
    departed_ms: int | None
    departure_estimated: bool
    evidence: tuple[str, ...]
    time_quality: str
    entered_ms: int | None = None
    """When it was typed in from paper."""


@dataclass(frozen=True, slots=True)
class Footfall:
    """How many passed the entrances of a site in one interval."""

    site: str
    from_ms: int
    to_ms: int
    count: int


def visits_between(
    connection: Connection, tenant: str, from_ms: int, to_ms: int, limit: int = 500
) -> tuple[Visit, ...]:
    """Return visits that began in [from_ms, to_ms), newest first."""
    newest = (visits.c.revision.desc(), visits.c.wall_ms.desc(), visits.c.epoch, visits.c.sequence.desc())
    rank = func.row_number().over(partition_by=(visits.c.box, visits.c.visit_id), order_by=newest)
    ranked = select(visits, rank.label("rank")).where(visits.c.tenant == tenant, lawful(visits)).subquery()
    asked = (
        select(ranked)
        .where(ranked.c.rank == 1, ranked.c.arrived_ms >= from_ms, ranked.c.arrived_ms < to_ms)
        .order_by(ranked.c.arrived_ms.desc(), ranked.c.visit_id)
        .limit(limit)
    )
    return tuple(
        Visit(
            site=row.site,
            box=row.box,
            visit_id=row.visit_id,
            who=row.who,
            returning=row.returning,
            party_size=row.party_size,
            arrived_ms=row.arrived_ms,
            departed_ms=row.departed_ms,
            departure_estimated=row.departure_estimated,
            evidence=tuple(dict.fromkeys(e["kind"] for e in row.evidence)),
            time_quality=row.time_quality,
            entered_ms=row.entered_ms,
        )
        for row in connection.execute(asked)
    )


def footfall_between(connection: Connection, tenant: str, from_ms: int, to_ms: int) -> tuple[Footfall, ...]:
    """Return head counts of the intervals that began in [from_ms, to_ms), oldest first."""
    asked = (
        select(footfall.c.site, footfall.c.from_ms, footfall.c.to_ms, footfall.c.count)
        .where(footfall.c.tenant == tenant, footfall.c.from_ms >= from_ms, footfall.c.from_ms < to_ms)
        .order_by(footfall.c.from_ms, footfall.c.box)
    )
    return tuple(Footfall(*row) for row in connection.execute(asked))
