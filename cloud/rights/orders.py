"""Orders on a person's behalf: which boxes must act, and what came back; never destroys by itself.

An order becomes one command for each box that ever sent something under the token (or under another
that took its place there), and for each that
turns out later to have known it. The tables of headquarters are emptied when a box's receipt arrives
(ingest/writer.py).
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, insert, select, union

from cloud.errors import InvalidOrder
from cloud.store.schema import PERSONAL, boxes, commands, retokened
from edge.wire import Scope, Token


class Ground(StrEnum):
    """Why an order is given: a closed list, since free text could carry a name."""

    VISITOR_REQUEST = "visitor_request"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    PURPOSE_ENDED = "purpose_ended"
    PERIOD_OVER = "period_over"
    UNLAWFUL = "unlawful"
    LEGAL_DUTY = "legal_duty"


@dataclass(frozen=True, slots=True)
class Order:
    """An order and its commands, one for each box."""

    order_id: str
    command_ids: tuple[str, ...]


def order_erasure(
    connection: Connection, tenant: str, who: Token, *, ground: Ground, by: str, now_ms: int
) -> Order:
    """Order every box that knows `who` to destroy what it holds of this person.

    Raises InvalidOrder: `unknown_token`, `already_ordered`.
    """
    return _order(connection, tenant, who, None, ground=ground, by=by, now_ms=now_ms)


def order_withdrawal(
    connection: Connection, tenant: str, who: Token, scope: Scope, *, ground: Ground, by: str, now_ms: int
) -> Order:
    """Order every box that knows `who` to end one scope. Raises as `order_erasure` does."""
    return _order(connection, tenant, who, scope, ground=ground, by=by, now_ms=now_ms)


def _order(
    connection: Connection,
    tenant: str,
    who: Token,
    scope: Scope | None,
    *,
    ground: Ground,
    by: str,
    now_ms: int,
) -> Order:
    kind = "withdraw" if scope else "erase"
    knowing = union(
        *(select(t.c.site, t.c.box).where(t.c.tenant == tenant, t.c.who == who) for t in PERSONAL),
        select(retokened.c.site, retokened.c.box).where(retokened.c.tenant == tenant, retokened.c.old == who),
    ).subquery()
    asked = select(boxes.c.site, boxes.c.box).join(
        knowing, (knowing.c.box == boxes.c.box) & (boxes.c.tenant == tenant)
    )
    targets = connection.execute(asked.order_by(boxes.c.box)).all()
    if not targets:
        raise InvalidOrder(f"order to {kind}", "unknown_token", "no box has sent anything under it")
    _refuse_a_second(connection, tenant, who, kind, scope)
    common = {
        "tenant": tenant,
        "order_id": secrets.token_hex(16),
        "kind": kind,
        "who": who,
        "scope": scope,
        "ground": ground,
        "issued_by": by,
        "issued_ms": now_ms,
    }
    rows = [common | _new_command(target.site, target.box, now_ms) for target in targets]
    connection.execute(insert(commands), rows)
    return Order(str(common["order_id"]), tuple(str(row["command_id"]) for row in rows))


def extend(
    connection: Connection, tenant: str, who: str, known_to: Collection[str], made_ms: int, now_ms: int
) -> None:
    """Give the newest erasure order on `who` to those boxes of `known_to` that it didn't reach.

    They sent something that was made up to `made_ms`, before the order. Without such an order, nothing.
    """
    mine = (commands.c.tenant == tenant, commands.c.kind == "erase", commands.c.who == who)
    asked = select(commands).where(*mine, commands.c.issued_ms >= made_ms)
    order = connection.execute(asked.order_by(commands.c.issued_ms.desc()).limit(1)).mappings().first()
    if order is None or not known_to:
        return
    reached = select(commands.c.box).where(*mine, commands.c.order_id == order["order_id"])
    missing = set(known_to) - set(connection.execute(reached).scalars())
    sites = select(boxes.c.site, boxes.c.box).where(boxes.c.tenant == tenant, boxes.c.box.in_(missing))
    same = ("tenant", "order_id", "kind", "who", "scope", "ground", "issued_by", "issued_ms")
    for target in connection.execute(sites.order_by(boxes.c.box)).all() if missing else ():
        row = {name: order[name] for name in same} | _new_command(target.site, target.box, now_ms)
        connection.execute(insert(commands).values(**row))


def _new_command(site: str, box: str, now_ms: int) -> dict[str, object]:
    return {
        "command_id": secrets.token_hex(16),
        "site": site,
        "box": box,
        "state": "issued",
        "due_ms": now_ms,
        "sends": 0,
    }


def _refuse_a_second(connection: Connection, tenant: str, who: str, kind: str, scope: Scope | None) -> None:
    same = [commands.c.tenant == tenant, commands.c.who == who, commands.c.kind == kind]
    if scope:
        same.append(commands.c.scope == scope)
    open_order = select(commands.c.order_id).where(*same, commands.c.state != "answered").limit(1)
    if connection.execute(open_order).first():
        raise InvalidOrder(f"order to {kind}", "already_ordered", "the box has not answered yet")
