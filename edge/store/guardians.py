"""Reads what guardians showed when they agreed for a child; only with a permit for rights, never writes."""

from edge.ports import Permit
from edge.store.database import Row
from edge.store.keys import GUARDIAN
from edge.store.rows import GuardianRow
from edge.store.tables import Part
from edge.wire import TimeQuality


class GuardianReads(Part):
    """For the privacy officer."""

    def guardian_proofs(self, permit: Permit) -> tuple[GuardianRow, ...]:
        """Return every proof, newest first, without what was shown."""
        self._allow(permit)
        rows = self._database.query(
            "SELECT g.proof, g.by, g.words, g.at_ms, c.quality, c.proof AS signature FROM guardian_proofs g"
            " JOIN consents c USING (person, scope, version) ORDER BY g.at_ms DESC, g.proof"
        )
        return tuple(map(_row, rows))

    def shown_by_guardian(self, permit: Permit, row: GuardianRow) -> bytes:
        """Return what was shown: canonical JSON; StoreError if its key is gone."""
        self._allow(permit)
        found = self._database.one("SELECT sealed FROM guardian_proofs WHERE proof = ?", (row.proof,))
        sealed = found.blob("sealed") if found is not None else b""
        return self._keys.open((row.proof, GUARDIAN), "guardian_proofs", row.proof, sealed)


def _row(row: Row) -> GuardianRow:
    return GuardianRow(
        proof=row.text("proof"),
        by=row.text("by"),
        words=row.text("words"),
        at_ms=row.integer("at_ms"),
        quality=TimeQuality(row.text("quality")),
        signature=row.blob("signature"),
    )
