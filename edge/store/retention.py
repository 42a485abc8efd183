"""What ends by itself: lapsed numbers and claims, and what a crash left; never what is due later."""

import logging
from collections.abc import Iterable
from pathlib import Path

from edge.domain.errors import StoreError
from edge.store.keys import INQUIRY, KeyName
from edge.store.tables import Part
from edge.wire import Scope

log = logging.getLogger(__name__)

_SEALED = (
    ("contacts", "person", "scope"),
    ("templates", "person", f"'{Scope.FACE_MATCH}'"),
    ("cards", "person", f"'{Scope.ID_CARD}'"),
    ("recordings", "person", f"'{Scope.RECORDING}'"),
    ("call_numbers", "call", f"'{INQUIRY}'"),
)
"""Every table with sealed rows: table, column of the key's subject, its scope."""


class Retention(Part):
    """Periods, and the sweep at start."""

    def purge_due(self, now_ms: int) -> dict[str, int]:
        """Delete what is past its period and return how many rows by class."""
        if self._database.in_transaction:
            raise StoreError("purge", "inside a transaction", "keys can't be destroyed on trial")
        due = self._database.query("SELECT call FROM call_numbers WHERE purge_ms <= ?", (now_ms,))
        self._keys.destroy((row.text("call"), INQUIRY) for row in due)
        with self._database.transaction():
            numbers = self._database.run("DELETE FROM call_numbers WHERE purge_ms <= ?", (now_ms,))
            self._database.run(
                "UPDATE verdicts SET verdict = NULL, reasons = NULL, inputs = NULL WHERE inputs IS NOT NULL"
                " AND report_ref IN (SELECT report_ref FROM reports WHERE lapses_ms <= ?)",
                (now_ms,),
            )
            reports = self._database.run("DELETE FROM reports WHERE lapses_ms <= ?", (now_ms,))
        return {"call_numbers": numbers, "reports": reports}

    def sweep(self) -> dict[str, int]:
        """Destroy keys that no row needs, rows whose key is gone, recordings that no row names.

        Each is what a crash can leave between two files; returns how many by kind.
        """
        swept = {
            "keys": self._keys.destroy(self._keys.names() - self._wanted()),
            "rows": self._delete_unreadable(self._keys.names()),
            "files": self._remove_files(),
        }
        if any(swept.values()):
            log.warning("swept after a crash %s", " ".join(f"{k}={n}" for k, n in swept.items()))
        return swept

    def _wanted(self) -> set[KeyName]:
        rows = self._database.query(
            "SELECT DISTINCT person AS subject, scope FROM consents UNION SELECT call, ? FROM call_numbers",
            (INQUIRY,),
        )
        return {(row.text("subject"), row.text("scope")) for row in rows}

    def _delete_unreadable(self, held: set[KeyName]) -> int:
        with self._database.transaction():
            return sum(self._delete_unless(held, *table) for table in _SEALED)

    def _delete_unless(self, held: set[KeyName], table: str, subject: str, scope: str) -> int:
        rows = self._database.query(
            f"SELECT DISTINCT {subject} AS subject, {scope} AS scope FROM {table}"  # noqa: S608 — constants
        )
        gone = {(row.text("subject"), row.text("scope")) for row in rows} - held
        return sum(
            self._database.run(
                f"DELETE FROM {table} WHERE {subject} = ? AND {scope} = ?",  # noqa: S608 — constants
                name,
            )
            for name in gone
        )

    def _remove_files(self) -> int:
        named = {row.text("spool") for row in self._database.query("SELECT spool FROM recordings")}
        return _unlink(file for file in self._tables.spool.iterdir() if file.name not in named)


def _unlink(files: Iterable[Path]) -> int:
    removed = 0
    for file in files:
        file.unlink(missing_ok=True)
        removed += 1
    return removed
