"""The findings on agents' reports with all their versions, as pages show them; never rewrites one."""

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, and_, func, select

from cloud.store.schema import verdicts


@dataclass(frozen=True, slots=True)
class Finding:
    """The newest version on one report, and the earlier ones, newest first."""

    current: RowMapping
    earlier: tuple[RowMapping, ...]


def findings(connection: Connection, tenant: str, limit: int = 200) -> tuple[Finding, ...]:
    """Return the findings on reports, the latest decided first."""
    mine = (verdicts.c.tenant == tenant, verdicts.c.who.is_not(None))
    decided = func.max(verdicts.c.decided_ms).label("decided")
    latest = (
        select(verdicts.c.box, verdicts.c.report_ref, decided)
        .where(*mine)
        .group_by(verdicts.c.box, verdicts.c.report_ref)
        .order_by(decided.desc(), verdicts.c.report_ref)
        .limit(limit)
        .subquery()
    )
    same = and_(verdicts.c.box == latest.c.box, verdicts.c.report_ref == latest.c.report_ref)
    asked = (
        select(verdicts)
        .join(latest, same)
        .where(*mine)
        .order_by(
            latest.c.decided.desc(),
            verdicts.c.report_ref,
            verdicts.c.box,
            verdicts.c.version.desc(),
            verdicts.c.decided_ms.desc(),
            verdicts.c.verdict_id,
        )
    )
    found: dict[tuple[str, str], list[RowMapping]] = {}
    for row in connection.execute(asked).mappings():
        found.setdefault((row["box"], row["report_ref"]), []).append(row)
    return tuple(Finding(rows[0], tuple(rows[1:])) for rows in found.values())


def erased_findings(connection: Connection, tenant: str, limit: int = 100) -> list[RowMapping]:
    """Return what remains of verdicts about erased people: finding, hash, date."""
    asked = (
        select(verdicts)
        .where(verdicts.c.tenant == tenant, verdicts.c.who.is_(None))
        .order_by(verdicts.c.decided_ms.desc(), verdicts.c.verdict_id)
        .limit(limit)
    )
    return list(connection.execute(asked).mappings())


def risks_between(connection: Connection, tenant: str, from_ms: int, to_ms: int) -> int:
    """Return how many reports have a RISK version that was decided in [from_ms, to_ms)."""
    asked = select(func.count(func.distinct(verdicts.c.report_ref))).where(
        verdicts.c.tenant == tenant,
        verdicts.c.verdict == "RISK",
        verdicts.c.decided_ms >= from_ms,
        verdicts.c.decided_ms < to_ms,
    )
    return int(connection.execute(asked).scalar_one())
