"""Takes back what a box told of a visit under the token of a number that was typed wrongly; moves nothing.

Where the visit belongs is said by its next revision, which names another token. A box's word counts for its
own rows alone, and for what it made before that word (a number may be given back to who had it), however
often and in whichever order they arrive.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, delete, select, tuple_, update

from cloud.store.schema import consents, entries, reattributed, visits


def take_back(connection: Connection, tenant: str, box: str, people: Collection[str]) -> None:
    """Delete what `box` told of visits that never were those of any of `people` (by their newest tokens)."""
    if not people:
        return
    asked = select(reattributed).where(
        reattributed.c.tenant == tenant, reattributed.c.box == box, reattributed.c.who.in_(people)
    )
    for row in connection.execute(asked).mappings().all():
        _delete(connection, visits, _whose(visits, row) & (visits.c.visit_id == row["visit_id"]))
        given = and_(
            consents.c.scope.in_(row["scopes"]),
            consents.c.at_ms.between(row["since_ms"], row["until_ms"]),
        )
        _delete(connection, consents, _whose(consents, row) & given)


def _whose(table: Table, row: RowMapping) -> ColumnElement[bool]:
    return and_(
        table.c.tenant == row["tenant"],
        table.c.box == row["box"],
        table.c.who == row["who"],
        table.c.wall_ms <= row["wall_ms"],
    )


def _delete(connection: Connection, table: Table, doomed: ColumnElement[bool]) -> None:
    keys = select(table.c.tenant, table.c.box, table.c.epoch, table.c.sequence).where(doomed)
    ledger = tuple_(entries.c.tenant, entries.c.box, entries.c.epoch, entries.c.sequence)
    connection.execute(update(entries).where(ledger.in_(keys)).values(code="taken_back"))
    connection.execute(delete(table).where(doomed))
