"""What remains of findings about erased people, and how many risks a day had; the rest is cloud.risk's."""

from sqlalchemy import Connection, RowMapping, func, select

from cloud.store.schema import verdicts


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
    """Return how many deals and reports have a RISK version that was decided in [from_ms, to_ms)."""
    on_deal = verdicts.c.site + "/deal/" + verdicts.c.deal_ref
    on_report = verdicts.c.site + "/report/" + verdicts.c.report_ref
    asked = select(func.count(func.distinct(func.coalesce(on_deal, on_report)))).where(
        verdicts.c.tenant == tenant,
        verdicts.c.verdict == "RISK",
        verdicts.c.decided_ms >= from_ms,
        verdicts.c.decided_ms < to_ms,
    )
    return int(connection.execute(asked).scalar_one())
