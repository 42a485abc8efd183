"""What was done, in an append-only chain of hashes; never says to whom in a form that a stranger can read."""

import hashlib
import json
import re

from edge.domain.errors import InvalidInput
from edge.store.database import Row
from edge.store.rows import Anchored, AuditRow, Head
from edge.store.tables import Part
from edge.wire import BasisKind, Purpose, canonical, merkle

START = "0" * 64
_ANCHOR = "audit_anchor"
_CODE = re.compile(r"[a-z][a-z0-9_]{0,47}")
_SUBJECT = re.compile(r"(?=[^:]*[a-z]|[0-9a-f]{32}$)[a-z0-9][a-z0-9_.-]{0,63}")
"""A random id or a configured name: something of digits alone could be a telephone number."""


class AuditLog(Part):
    """Each row's hash is SHA-256 over its canonical form, which holds the hash before it."""

    def audit(self, code: str, subject: str | None, at_ms: int) -> None:
        """Append an entry; InvalidInput if code or subject could hold personal data."""
        if not _CODE.fullmatch(code) or not (subject is None or _SUBJECT.fullmatch(subject)):
            raise InvalidInput("write the audit", "not_a_code_or_an_id")
        with self._database.transaction():
            last = self._database.one("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
            sequence, before = (last.integer("sequence") + 1, last.text("hash")) if last else (1, START)
            self._database.insert(
                "audit",
                sequence=sequence,
                at_ms=at_ms,
                code=code,
                subject=subject,
                prev_hash=before,
                hash=_hash(sequence, at_ms, code, subject, before),
                basis=BasisKind.DUTY,
                purpose=Purpose.RIGHTS,
            )

    def audit_tail(self, n: int) -> tuple[AuditRow, ...]:
        """Return the last `n` entries, oldest of them first."""
        rows = self._database.query("SELECT * FROM audit ORDER BY sequence DESC LIMIT ?", (n,))
        return tuple(_row(row) for row in reversed(rows))

    def audit_broken_at(self) -> int | None:
        """Return the first sequence at which the chain is broken, or None if it holds throughout."""
        before, expected = START, 1
        for row in map(_row, self._database.query("SELECT * FROM audit ORDER BY sequence")):
            # Of an emptied entry only its hash is left; the entries after it, and the anchor, cover that.
            right = row.hash if row.code is None else _digest(row, before)
            if row.sequence != expected or row.prev_hash != before or row.hash != right:
                return expected
            before, expected = row.hash, expected + 1
        return None

    # -- anchored at headquarters ----------------------------------------------------------

    def audit_head(self) -> Head:
        """Return size and root of the tree over all entries (RFC 9162)."""
        leaves = self._leaves()
        return Head(len(leaves), merkle.root(leaves).hex())

    def audit_proof(self, first: int) -> tuple[str, ...]:
        """Return the proof that the log begins with its first `first` entries; empty if it is shorter."""
        leaves = self._leaves()
        if first > len(leaves):
            return ()
        return tuple(node.hex() for node in merkle.consistency_proof(leaves, first))

    def _leaves(self) -> list[bytes]:
        rows = self._database.query("SELECT hash FROM audit ORDER BY sequence")
        return [merkle.leaf_hash(bytes.fromhex(row.text("hash"))) for row in rows]

    def audit_anchor(self) -> Anchored | None:
        """Return the newest head that headquarters' signed receipts named, or None."""
        row = self._database.one("SELECT value FROM meta WHERE name = ?", (_ANCHOR,))
        if row is None:
            return None
        size, root, at_ms, holds = json.loads(row.text("value"))
        return Anchored(Head(size, root), at_ms, bool(holds))

    def note_anchor(self, head: Head, at_ms: int) -> bool:
        """Compare the log with a head that headquarters knows, remember it, and return whether it holds.

        That it stopped holding (the log was cut or rewritten) is an entry of its own.
        """
        leaves = self._leaves()[: head.size]
        holds = len(leaves) == head.size and merkle.root(leaves).hex() == head.root
        before = self.audit_anchor()
        if before is not None and before.holds and holds and before.head.size > head.size:
            return True
        value = json.dumps([head.size, head.root, at_ms, holds])
        self._database.insert(
            "meta", "ON CONFLICT (name) DO UPDATE SET value = excluded.value", name=_ANCHOR, value=value
        )
        if not holds and (before is None or before.holds):
            self.audit("audit_mismatch", None, at_ms)
        return holds


def _hash(sequence: int, at_ms: int, code: str, subject: str | None, before: str) -> str:
    return hashlib.sha256(canonical([sequence, at_ms, code, subject, before])).hexdigest()


def _digest(row: AuditRow, before: str) -> str:
    return _hash(row.sequence, row.at_ms, row.code or "", row.subject, before)


def _row(row: Row) -> AuditRow:
    return AuditRow(
        row.integer("sequence"),
        row.integer("at_ms"),
        row.maybe_text("code"),
        row.maybe_text("subject"),
        row.text("prev_hash"),
        row.text("hash"),
    )
