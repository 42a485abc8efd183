"""Sealed packages and requests of visitors' own pages: kept, found, forgotten; never opened, nobody here can.

A link is 128 random bits that a box made; no token and no number stands beside it. Whoever asks for a
link that doesn't exist must not be able to tell: finding that out is the page's part (web/pages/visitor.py).
"""

import base64
import secrets
from collections.abc import Collection

from sqlalchemy import Connection, and_, delete, exists, func, insert, select, update

from cloud.store.schema import boxes, entries, packages, requests

KEEP_LAST_MS = 30 * 86_400_000
"""How long the last package of a link, a receipt of erasure, and an unanswered request are kept."""
MOST_WAITING = 20
"""Unanswered requests of one link; more are refused, to protect the box."""


def newest_only(connection: Connection, tenant: str, box: str, links: Collection[str]) -> None:
    """Delete all but the highest revision of each link of this box, whatever order they arrived in."""
    other = packages.alias()
    highest = (
        select(func.max(other.c.revision))
        .where(
            other.c.tenant == packages.c.tenant,
            other.c.box == packages.c.box,
            other.c.link_id == packages.c.link_id,
        )
        .scalar_subquery()
    )
    mine = and_(packages.c.tenant == tenant, packages.c.box == box, packages.c.link_id.in_(links))
    connection.execute(delete(packages).where(mine, packages.c.revision < highest))


def package(connection: Connection, tenant: str, link_id: str) -> bytes | None:
    """Return the newest sealed package of a link, or None if there is none."""
    asked = select(packages.c.sealed).where(packages.c.tenant == tenant, packages.c.link_id == link_id)
    sealed = connection.execute(asked.order_by(packages.c.revision.desc()).limit(1)).scalar_one_or_none()
    return base64.b64decode(sealed) if sealed is not None else None


def lodge(connection: Connection, tenant: str, link_id: str, sealed: bytes, now_ms: int) -> None:
    """Put a sealed request on its way to the box that made the link; for an unknown link do nothing.

    The box alone can tell whether the sender had the code.
    """
    asked = (
        select(boxes.c.site, boxes.c.box)
        .join(packages, and_(packages.c.tenant == boxes.c.tenant, packages.c.box == boxes.c.box))
        .where(boxes.c.tenant == tenant, packages.c.link_id == link_id)
        .limit(1)
    )
    maker = connection.execute(asked).first()
    if maker is None or waiting(connection, tenant, link_id) >= MOST_WAITING:
        return
    connection.execute(
        insert(requests).values(
            tenant=tenant,
            command_id=secrets.token_hex(16),
            site=maker.site,
            box=maker.box,
            link_id=link_id,
            sealed=base64.b64encode(sealed).decode(),
            issued_ms=now_ms,
            state="issued",
            due_ms=now_ms,
            sends=0,
        )
    )


def waiting(connection: Connection, tenant: str, link_id: str) -> int:
    """Return how many requests of a link the box hasn't answered yet."""
    asked = select(func.count()).where(
        requests.c.tenant == tenant, requests.c.link_id == link_id, requests.c.state != "answered"
    )
    return int(connection.execute(asked).scalar_one())


def forget(connection: Connection, now_ms: int) -> int:
    """Delete last packages that were kept long enough, and end requests that no box answered.

    Returns how many packages are gone.
    """
    before = now_ms - KEEP_LAST_MS
    key = ("tenant", "box", "epoch", "sequence")
    old = exists().where(*(entries.c[n] == packages.c[n] for n in key), entries.c.received_ms < before)
    forgotten = connection.execute(delete(packages).where(packages.c.last, old)).rowcount
    connection.execute(
        update(requests)
        .where(requests.c.state != "answered", requests.c.issued_ms < before)
        .values(state="answered", answered_ms=now_ms, outcome="expired", code="no_answer", sealed=None)
    )
    return forgotten
