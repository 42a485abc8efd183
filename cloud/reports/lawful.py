"""Which rows may be shown: those whose consent stood when they were made; never changes one.

A withdrawal ends use from its time on and leaves what was lawful before (P43). Consent that is given
later, by an act, counts again. Both are asked of the rows themselves, so the order in which they
arrived makes no difference.
"""

from sqlalchemy import ColumnElement, Connection, Table, and_, exists, func, not_, select

from cloud.store.schema import consents, withdrawals


def lawful(table: Table) -> ColumnElement[bool]:
    """Return the condition that no withdrawal of a row's scope stood when the row was made.

    What came on paper was made when somebody typed it in: a form is no way around a later no (P29).
    """
    made = func.coalesce(table.c.entered_ms, table.c.wall_ms) if "entered_ms" in table.c else table.c.wall_ms
    ended = withdrawals.alias()
    renewed = consents.alias()
    again = exists().where(
        renewed.c.tenant == ended.c.tenant,
        renewed.c.who == ended.c.who,
        renewed.c.scope == ended.c.scope,
        renewed.c.at_ms > ended.c.at_ms,
        renewed.c.at_ms <= made,
    )
    again = again.correlate(ended, table)  # two levels up: it would ask of all rows by itself
    return not_(
        exists().where(
            ended.c.tenant == table.c.tenant,
            ended.c.who == table.c.who,
            ended.c.scope == table.c.basis_scope,
            ended.c.at_ms < made,
            not_(again),
        )
    )


def standing_scopes(connection: Connection, tenant: str, who: str) -> tuple[str, ...]:
    """Return the scopes to which `who` agrees now: the last word counts, at the same time the withdrawal."""
    ended = withdrawals.alias()
    later = exists().where(
        ended.c.tenant == consents.c.tenant,
        ended.c.who == consents.c.who,
        ended.c.scope == consents.c.scope,
        ended.c.at_ms >= consents.c.at_ms,
    )
    asked = (
        select(consents.c.scope)
        .where(and_(consents.c.tenant == tenant, consents.c.who == who, not_(later)))
        .distinct()
        .order_by(consents.c.scope)
    )
    return tuple(connection.execute(asked).scalars())
