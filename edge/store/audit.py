"""What was done, in an append-only chain of hashes; never says to whom in a form that a stranger can read."""

import hashlib
import re

from edge.domain.errors import InvalidInput
from edge.store.database import Row
from edge.store.rows import AuditRow
from edge.store.tables import Part
from edge.wire import BasisKind, Purpose, canonical

START = "0" * 64
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
            right = _hash(row.sequence, row.at_ms, row.code, row.subject, before)
            if row.sequence != expected or row.prev_hash != before or row.hash != right:
                return expected
            before, expected = row.hash, expected + 1
        return None


def _hash(sequence: int, at_ms: int, code: str, subject: str | None, before: str) -> str:
    return hashlib.sha256(canonical([sequence, at_ms, code, subject, before])).hexdigest()


def _row(row: Row) -> AuditRow:
    return AuditRow(
        row.integer("sequence"),
        row.integer("at_ms"),
        row.text("code"),
        row.maybe_text("subject"),
        row.text("prev_hash"),
        row.text("hash"),
    )
