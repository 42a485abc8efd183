"""INSERT … ON CONFLICT for both databases; never guesses which columns to overwrite."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Excluded = Any
"""The row that was to be inserted, as SQL's `excluded` names it."""


def upsert(
    connection: Connection,
    table: Table,
    row: Mapping[str, object],
    changes: Callable[[Excluded], Mapping[str, object]],
) -> None:
    """Insert `row`; where its primary key exists, set what `changes(excluded)` returns instead."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**row)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_=dict(changes(statement.excluded))
        )
    )
