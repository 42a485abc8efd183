"""Sealed rows on their way to boxes: lodged all or none, sent in order, gone once answered; never opened.

`lodge` is the only way in, from a person's page and from a CRM's program alike. How they are sent and
answered stands with the other commands (fleet/commands.py).
"""

import secrets
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from sqlalchemy import Connection, func, insert, select

from cloud.books.places import sealing_boxes
from cloud.errors import InvalidOrder
from cloud.store.schema import fact_orders, imports
from edge.wire.base import Frozen, HexKey, Name
from edge.wire.columns import BookKind
from edge.wire.facts import MOST_ROWS, SealedRow

_OPERATION = "lodge an import"
MOST_SEALED = 10_000
"""Sealed rows of one import: its rows times the project's boxes. About 7.7 MB."""
MOST_WAITING = 100_000
"""Sealed rows of a tenant that wait for their boxes; more are refused, to protect the database."""
MOST_ORDERS = 5_000
"""Orders of a tenant that wait: many small imports are as much work as a large one."""


class SealedFor(Frozen):
    """An import's rows, in one order for all boxes, sealed to one of them; `enrolment_key`: to which key."""

    box: Name
    enrolment_key: HexKey
    rows: Annotated[tuple[SealedRow, ...], Field(min_length=1, max_length=MOST_SEALED)]


class SealedRows(Frozen):
    """The same rows of a book, sealed to every box of a project.

    `kind` is what it is called by: headquarters can't see what is in it.
    """

    kind: BookKind
    boxes: Annotated[tuple[SealedFor, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _the_same_rows(self) -> Self:
        if len({one.box for one in self.boxes}) != len(self.boxes):
            raise ValueError("a box stands twice")
        if len({len(one.rows) for one in self.boxes}) != 1:
            raise ValueError("every row is sealed to every box")
        if sum(len(one.rows) for one in self.boxes) > MOST_SEALED:
            raise ValueError(f"at most {MOST_SEALED} sealed rows of all boxes together")
        return self


class Lodgement(SealedRows):
    """An import for this project."""

    project: Name


class Source(Frozen):
    """Who brings an import in: a person on a page, or a program by its key's name."""

    kind: Literal["user", "crm"]
    name: Name


def lodge(connection: Connection, tenant: str, lodgement: Lodgement, source: Source, now_ms: int) -> str:
    """Put an import on its way to all boxes of its project, or to none; return its id.

    Raises InvalidOrder: as `sealing_boxes`, `box_missing` (a box of the project has no rows here),
    `box_not_of_project`, `key_changed` (sealed to a key that isn't the box's any more), `too_many_waiting`.
    """
    sites = _checked(connection, tenant, lodgement)
    _refuse_too_many(connection, tenant, lodgement)
    import_id = secrets.token_hex(16)
    connection.execute(
        insert(imports).values(
            tenant=tenant,
            import_id=import_id,
            project=lodgement.project,
            kind=lodgement.kind,
            source=source.kind,
            source_name=source.name,
            rows=len(lodgement.boxes[0].rows),
            created_ms=now_ms,
        )
    )
    rows = [_order(tenant, import_id, sites, one, part, now_ms) for one, part in _parts(lodgement)]
    connection.execute(insert(fact_orders), rows)
    return import_id


def _checked(connection: Connection, tenant: str, lodgement: Lodgement) -> dict[str, str]:
    """Return the site of each box, if the rows are sealed to exactly the project's boxes."""
    known = {one.box: one for one in sealing_boxes(connection, tenant, lodgement.project)}
    given = {one.box: one for one in lodgement.boxes}
    for code, names in (
        ("box_not_of_project", given.keys() - known.keys()),
        ("box_missing", known.keys() - given.keys()),
        (
            "key_changed",
            {n for n in given if n in known and given[n].enrolment_key != known[n].enrolment_key},
        ),
    ):
        if names:
            raise InvalidOrder(_OPERATION, code, f"{', '.join(sorted(names))}: ask for the boxes again")
    return {one.box: one.site for one in known.values()}


def _refuse_too_many(connection: Connection, tenant: str, lodgement: Lodgement) -> None:
    asked = select(func.coalesce(func.sum(fact_orders.c.count), 0), func.count()).where(
        fact_orders.c.tenant == tenant, fact_orders.c.state.in_(("issued", "sent"))
    )
    rows, orders = connection.execute(asked).one()
    coming = sum(len(one.rows) for one in lodgement.boxes)
    if int(rows) + coming > MOST_WAITING or int(orders) + len(list(_parts(lodgement))) > MOST_ORDERS:
        raise InvalidOrder(_OPERATION, "too_many_waiting", "the boxes haven't taken what came before")


def _parts(lodgement: Lodgement) -> Iterator[tuple[SealedFor, int]]:
    for one in lodgement.boxes:
        for part in range(-(-len(one.rows) // MOST_ROWS)):
            yield one, part


def _order(
    tenant: str, import_id: str, sites: dict[str, str], sealed: SealedFor, part: int, now_ms: int
) -> dict[str, object]:
    rows = sealed.rows[part * MOST_ROWS : (part + 1) * MOST_ROWS]
    return {
        "tenant": tenant,
        "command_id": secrets.token_hex(16),
        "site": sites[sealed.box],
        "box": sealed.box,
        "import_id": import_id,
        "part": part,
        "count": len(rows),
        "rows": list(rows),
        "issued_ms": now_ms,
        "state": "issued",
        "due_ms": now_ms,
        "sends": 0,
    }
