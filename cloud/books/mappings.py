"""Which column of a CRM's file holds which field, saved under a name; never a cell of a file."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from sqlalchemy import Connection, func, select

from cloud.errors import InvalidOrder
from cloud.store.schema import column_mappings
from cloud.store.upsert import upsert
from edge.wire.base import Frozen, Millis, Name
from edge.wire.columns import FIELDS, BookKind, about_a_person
from edge.wire.nobody import names_nobody

MOST = 200
"""Mappings of a project."""


_MOST_DIGITS = 4
"""Of a heading without a word: "#" and "2026" are headings, a time or a masked number isn't."""


def _heads(text: str) -> str:
    if not any(one.isalpha() for one in text) and sum(one.isdigit() for one in text) > _MOST_DIGITS:
        raise ValueError("a heading is in words")
    return text


Heading = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=60),
    AfterValidator(_heads),
    AfterValidator(names_nobody),
]
"""Of a file without headings it would be the first customer's row: what holds a number or a time is none."""


class ColumnMapping(Frozen):
    """For each field the heading of its column; a field without one is looked for by its usual words."""

    name: Annotated[Name, AfterValidator(names_nobody)]
    kind: BookKind
    columns: Annotated[dict[str, Heading], Field(min_length=1, max_length=12)]

    @model_validator(mode="after")
    def _known_fields(self) -> "ColumnMapping":
        if not self.columns.keys() <= set(FIELDS[self.kind]):
            raise ValueError("a field that this book doesn't have")
        if len(set(self.columns.values())) != len(self.columns):
            raise ValueError("one column for two fields")
        if any(about_a_person(self.kind, heading) for heading in self.columns.values()):
            raise ValueError("a column about people")
        return self


class SavedMapping(ColumnMapping):
    """A mapping, with who saved it last and when."""

    saved_by: Name
    saved_ms: Millis


def save_mapping(
    connection: Connection, tenant: str, project: str, mapping: ColumnMapping, *, by: str, now_ms: int
) -> None:
    """Keep a mapping in place of the one with its name and kind; InvalidOrder `too_many_mappings`."""
    mine = (column_mappings.c.tenant == tenant, column_mappings.c.project == project)
    if find_mapping(connection, tenant, project, mapping.name, mapping.kind) is None:
        held = connection.execute(select(func.count()).select_from(column_mappings).where(*mine)).scalar_one()
        if held >= MOST:
            raise InvalidOrder("save a mapping", "too_many_mappings", f"at most {MOST} in a project")
    row: Mapping[str, object] = {
        "tenant": tenant,
        "project": project,
        "name": mapping.name,
        "kind": mapping.kind,
        "mapping": mapping.columns,
        "saved_by": by,
        "saved_ms": now_ms,
    }
    upsert(
        connection,
        column_mappings,
        row,
        lambda new: {name: new[name] for name in ("mapping", "saved_by", "saved_ms")},
    )


def saved_mappings(connection: Connection, tenant: str, project: str) -> tuple[SavedMapping, ...]:
    """Return all mappings of a project, by name and kind."""
    c = column_mappings.c
    asked = select(column_mappings).where(c.tenant == tenant, c.project == project).order_by(c.name, c.kind)
    return tuple(
        SavedMapping.model_construct(  # what was kept before a check was stricter is shown all the same
            name=row.name, kind=row.kind, columns=row.mapping, saved_by=row.saved_by, saved_ms=row.saved_ms
        )
        for row in connection.execute(asked)
    )


def find_mapping(
    connection: Connection, tenant: str, project: str, name: str, kind: str
) -> SavedMapping | None:
    """Return one mapping, or None."""
    found = saved_mappings(connection, tenant, project)
    return next((one for one in found if (one.name, one.kind) == (name, kind)), None)
