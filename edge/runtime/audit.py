"""Anchors the audit at headquarters and verifies it; runs in the store's thread, never changes an entry."""

import time

from edge.domain.facts import AuditAnchored
from edge.ipc.operator import AuditState
from edge.runtime.office import Office
from edge.store.rows import Head
from edge.wire import AuditHead

EVERY_S = 600.0
"""Seconds between two heads at least: what is rewritten within them, before the first, isn't noticed."""


class Audit:
    """Sends heads, one at a time."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._sent = float("-inf")
        self._last: Head | None = None

    def anchor(self) -> bool:
        """Queue the head if the log has grown, none is on its way, and some time has passed."""
        store = self._office.store
        if time.monotonic() - self._sent < EVERY_S or store.waiting().get("audit_head"):
            return False
        head, known = store.audit_head(), store.audit_anchor()
        # One that headquarters took without an answer (an earlier version does) isn't told again.
        if head.size == 0 or head == self._last or (known is not None and known.holds and known.head == head):
            return False
        first = known.head.size if known else 0
        stamp = self._office.stamp()
        record = AuditHead(
            size=head.size,
            root=head.root,
            from_size=first,
            proof=store.audit_proof(first),
            at_ms=stamp["at_ms"],
        )
        store.apply(self._office.gate.on_other_basis(AuditAnchored(**stamp, records=(record,))))
        self._sent, self._last = time.monotonic(), head
        return True

    def verify(self) -> AuditState:
        """Recompute every entry's hash and the tree, and compare with what headquarters has seen."""
        store = self._office.store
        broken, head, known = store.audit_broken_at(), store.audit_head(), store.audit_anchor()
        if known is not None:
            store.note_anchor(known.head, known.at_ms)
            known = store.audit_anchor()
        return AuditState(
            size=head.size,
            root=head.root,
            broken_at=broken,
            anchored_size=known.head.size if known else 0,
            anchored_ms=known.at_ms if known else None,
            anchor_holds=known.holds if known else None,
        )
