"""Orders on a person's behalf: which boxes must act, and what came back; never destroys by itself.

An order becomes one command for each box that ever sent something under the token. The tables of
headquarters are emptied when the box's receipt arrives (ingest/writer.py).
"""

import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, insert, select, union

from cloud.errors import InvalidOrder
from cloud.store.schema import PERSONAL, boxes, commands
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
        *(select(t.c.site, t.c.box).where(t.c.tenant == tenant, t.c.who == who) for t in PERSONAL)
    ).subquery()
    asked = select(boxes.c.site, boxes.c.box).join(
        knowing, (knowing.c.box == boxes.c.box) & (boxes.c.tenant == tenant)
    )
    targets = connection.execute(asked.order_by(boxes.c.box)).all()
    if not targets:
        raise InvalidOrder(f"order to {kind}", "unknown_token", "no box has sent anything under it")
    _refuse_a_second(connection, tenant, who, kind, scope)
    order = Order(secrets.token_hex(16), tuple(secrets.token_hex(16) for _ in targets))
    rows = [
        {
            "tenant": tenant,
            "command_id": command_id,
            "order_id": order.order_id,
            "site": target.site,
            "box": target.box,
            "kind": kind,
            "who": who,
            "scope": scope,
            "ground": ground,
            "issued_by": by,
            "issued_ms": now_ms,
            "state": "issued",
            "due_ms": now_ms,
            "sends": 0,
        }
        for command_id, target in zip(order.command_ids, targets, strict=True)
    ]
    connection.execute(insert(commands), rows)
    return order


def _refuse_a_second(connection: Connection, tenant: str, who: str, kind: str, scope: Scope | None) -> None:
    same = [commands.c.tenant == tenant, commands.c.who == who, commands.c.kind == kind]
    if scope:
        same.append(commands.c.scope == scope)
    open_order = select(commands.c.order_id).where(*same, commands.c.state != "answered").limit(1)
    if connection.execute(open_order).first():
        raise InvalidOrder(f"order to {kind}", "already_ordered", "the box has not answered yet")
