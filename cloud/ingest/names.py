"""Under which tokens one box knew the same person, after its project's keys were exchanged; never guesses.

A box's `Retokened` counts for that box's rows alone: one that was taken over renames nobody else's.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, or_, select, update

from cloud.store.schema import PERSONAL, retokened

_MOST = 64
"""Tokens of one person; an honest box has one more with each exchange of keys."""


def pairs(connection: Connection, tenant: str, box: str, tokens: Collection[str]) -> set[tuple[str, str]]:
    """Return the exchanges (old, new) of `box` in which one of `tokens` stands."""
    asked = select(retokened.c.old, retokened.c.new).where(
        retokened.c.tenant == tenant,
        retokened.c.box == box,
        or_(retokened.c.old.in_(tokens), retokened.c.new.in_(tokens)),
    )
    return {(row.old, row.new) for row in connection.execute(asked)} if tokens else set()


def all_names(connection: Connection, tenant: str, box: str, token: str) -> frozenset[str]:
    """Return every token under which `box` knew the person behind `token`, itself included."""
    names, front = {token}, {token}
    while front and len(names) < _MOST:
        front = {name for pair in pairs(connection, tenant, box, front) for name in pair} - names
        names |= front
    return frozenset(names)


def boxes_that_renamed(connection: Connection, tenant: str, token: str) -> frozenset[str]:
    """Return the boxes in whose exchanges `token` stands."""
    asked = select(retokened.c.box).where(
        retokened.c.tenant == tenant, or_(retokened.c.old == token, retokened.c.new == token)
    )
    return frozenset(connection.execute(asked.distinct()).scalars())


def rename(connection: Connection, tenant: str, box: str, tokens: Iterable[str]) -> None:
    """Give what `box` sent under one of `tokens` to the token that took its place, to the newest."""
    seen, front = set[str](), set(tokens)
    while front and len(seen) < _MOST * max(1, len(front)):
        seen |= front
        found = sorted((old, new) for old, new in pairs(connection, tenant, box, front) if old in front)
        for old, new in found:
            for table in PERSONAL:
                mine = (table.c.tenant == tenant, table.c.box == box, table.c.who == old)
                connection.execute(update(table).where(*mine).values(who=new))
        front = {new for _, new in found} - seen
