"""Keeps the head of each box's audit, and an alarm when one isn't the continuation of the one before.

A head is believed only with a proof from the head that headquarters named last in its receipts (RFC
9162). One that isn't changes nothing but the alarm, which stays until somebody accepts the log anew.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, update

from cloud.store.schema import audit_logs
from cloud.store.upsert import upsert
from edge.wire import Anchor, AuditHead, merkle


def note(connection: Connection, tenant: str, box: str, heads: Sequence[AuditHead], now_ms: int) -> None:
    """Take `heads` of one box, in the order in which it made them."""
    for head in sorted(heads, key=lambda one: (one.at_ms, one.size)):
        wrong = _wrong(head, known(connection, tenant, box))
        if wrong is None:
            _accept(connection, tenant, box, head, now_ms)
        else:
            _alarm(connection, tenant, box, wrong, now_ms)


def known(connection: Connection, tenant: str, box: str) -> Anchor | None:
    """Return the newest head of `box` that was proven, or None if it never sent one."""
    asked = select(audit_logs.c["size"], audit_logs.c.root).where(
        audit_logs.c.tenant == tenant, audit_logs.c.box == box
    )
    row = connection.execute(asked).one_or_none()
    return Anchor(size=row[0], root=row[1]) if row else None


def accept_anew(connection: Connection, tenant: str, box: str) -> bool:
    """Forget what was known of a box's audit: its next head counts as the first. False if nothing was."""
    mine = (audit_logs.c.tenant == tenant, audit_logs.c.box == box)
    return connection.execute(delete(audit_logs).where(*mine)).rowcount > 0


def _wrong(head: AuditHead, before: Anchor | None) -> str | None:
    """Return why `head` isn't the continuation of `before`, or None if it is."""
    if before is None:
        return None
    if head.size < before.size:
        return "cut"
    if head.from_size != before.size:
        return "unproven"
    proof = [bytes.fromhex(node) for node in head.proof]
    first, second = bytes.fromhex(before.root), bytes.fromhex(head.root)
    if not merkle.consistent(before.size, first, head.size, second, proof):
        return "rewritten"
    return None


def _accept(connection: Connection, tenant: str, box: str, head: AuditHead, now_ms: int) -> None:
    row = {"tenant": tenant, "box": box, "size": head.size, "root": head.root, "proven_ms": now_ms}
    upsert(
        connection,
        audit_logs,
        row,
        lambda new: {"size": new["size"], "root": new.root, "proven_ms": new.proven_ms},
    )


def _alarm(connection: Connection, tenant: str, box: str, code: str, now_ms: int) -> None:
    """The first alarm stands: a later one could be made to hide it."""
    first = (audit_logs.c.tenant == tenant, audit_logs.c.box == box, audit_logs.c.alarm.is_(None))
    connection.execute(update(audit_logs).where(*first).values(alarm=code, alarm_ms=now_ms))
