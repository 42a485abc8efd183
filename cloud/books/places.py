"""Which boxes a project has, and to which key rows for each are sealed; never makes up a key.

A box says both itself (`BoxKeys`), signed with the key that it was enrolled with; who seals checks it again.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from cloud.errors import InvalidOrder
from cloud.seal import vouched
from cloud.store.schema import box_keys, boxes, entries
from edge.wire.facts import SealingBox

_OPERATION = "seal to a project's boxes"


def sealing_boxes(connection: Connection, tenant: str, project: str) -> tuple[SealingBox, ...]:
    """Return every box of `project` by name, as one seals to them.

    Raises InvalidOrder: `unknown_project` (no box is of it), `box_has_no_key` (a box at one of its sites
    hasn't said to which key one seals, or said it before it got another signing key).
    """
    known = _known(connection, tenant)
    mine = tuple(one for one in known if project_of(one) == project)
    sites = {project, *(one.site for one in mine)}
    keyless = _keyless(connection, tenant, sites, {one.box for one in known})
    if keyless:
        names = ", ".join(keyless)
        raise InvalidOrder(
            _OPERATION, "box_has_no_key", f"{names}: waits until it was online once with its newest program"
        )
    if not mine:
        raise InvalidOrder(_OPERATION, "unknown_project", "no box has said that it is of this project")
    return mine


def projects(connection: Connection, tenant: str) -> tuple[str, ...]:
    """Return the projects of which some box is."""
    return tuple(sorted({project_of(one) for one in _known(connection, tenant)}))


def sealing_boxes_by_name(connection: Connection, tenant: str) -> dict[str, SealingBox]:
    """Return every box that has said to which key one seals, by its name."""
    return {one.box: one for one in _known(connection, tenant)}


def project_of(box: SealingBox) -> str:
    """Return the project of a box; one that names none is its site's."""
    return box.project or box.site


def _known(connection: Connection, tenant: str) -> tuple[SealingBox, ...]:
    asked = (
        select(box_keys, boxes.c.public_key, boxes.c.site.label("stands_at"))
        .join(boxes, and_(boxes.c.tenant == box_keys.c.tenant, boxes.c.box == box_keys.c.box))
        .join(
            entries,
            and_(*(entries.c[n] == box_keys.c[n] for n in ("tenant", "box", "epoch", "sequence"))),
        )
        .where(box_keys.c.tenant == tenant)
        .order_by(box_keys.c.box, entries.c.received_ms.desc(), box_keys.c.sequence.desc())
    )
    return tuple(_signed(_newest(connection.execute(asked).all())))


def _newest(rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Of each box the row that came last: it is the first one here."""
    newest: dict[str, Row[Any]] = {}
    for row in rows:
        newest.setdefault(row.box, row)
    return list(newest.values())


def _signed(rows: Iterable[Row[Any]]) -> Iterable[SealingBox]:
    for row in rows:
        box = SealingBox(
            tenant=row.tenant,
            site=row.stands_at,
            box=row.box,
            project=row.project,
            enrolment_key=row.enrolment_key,
            public_key=row.public_key,
            signature=row.signature,
        )
        if vouched(box):
            yield box


def _keyless(connection: Connection, tenant: str, sites: set[str], known: set[str]) -> list[str]:
    asked = select(boxes.c.box).where(boxes.c.tenant == tenant, boxes.c.site.in_(sites))
    return sorted(set(connection.execute(asked).scalars()) - known)
