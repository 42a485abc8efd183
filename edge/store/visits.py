"""Reads about visits; never writes."""

from edge.domain.facts import PersonId
from edge.ports import Permit
from edge.store.database import Row
from edge.store.rows import VisitRow
from edge.store.tables import Part, basis_value
from edge.wire import Evidence, Purpose, TimeQuality


class VisitReads(Part):
    """Visits by person with a permit; one by its own random id, or all open ones, without."""

    def visits(self, permit: Permit) -> tuple[VisitRow, ...]:
        """Return the visits of the permit's person, newest first."""
        person = self._subject(permit, Purpose.RECEPTION)
        rows = self._database.query(
            "SELECT * FROM visits WHERE person = ? ORDER BY arrived_ms DESC, visit", (person,)
        )
        return tuple(self._visit(row) for row in rows)

    def visit(self, visit_id: str) -> VisitRow | None:
        """Return one visit."""
        row = self._database.one("SELECT * FROM visits WHERE visit = ?", (visit_id,))
        return self._visit(row) if row else None

    def open_visits(self) -> tuple[VisitRow, ...]:
        """Return the visits whose party hasn't left, oldest first."""
        rows = self._database.query("SELECT * FROM visits WHERE departed_ms IS NULL ORDER BY arrived_ms")
        return tuple(self._visit(row) for row in rows)

    def left_since(self, since_ms: int, limit: int) -> tuple[VisitRow, ...]:
        """Return the visits whose party left from then on, newest first, `limit` at most."""
        rows = self._database.query(
            "SELECT * FROM visits WHERE departed_ms >= ? ORDER BY departed_ms DESC, visit LIMIT ?",
            (since_ms, limit),
        )
        return tuple(self._visit(row) for row in rows)

    def _visit(self, row: Row) -> VisitRow:
        return VisitRow(
            visit=row.text("visit"),
            person=PersonId(row.text("person")),
            revision=row.integer("revision"),
            arrived_ms=row.integer("arrived_ms"),
            departed_ms=row.maybe_integer("departed_ms"),
            party_size=row.integer("party_size"),
            returning=bool(row.integer("is_returning")),
            evidence=self._evidence(row.text("visit")),
            estimated=bool(row.integer("departure_estimated")),
            quality=TimeQuality(row.text("quality")),
            entered_ms=row.maybe_integer("entered_ms"),
        )

    def _evidence(self, visit: str) -> tuple[Evidence, ...]:
        rows = self._database.query(
            "SELECT kind, at_ms, basis FROM evidence WHERE visit = ? ORDER BY ordinal", (visit,)
        )
        return tuple(
            Evidence.model_validate(
                {
                    "kind": row.text("kind"),
                    "at_ms": row.integer("at_ms"),
                    "basis": basis_value(row.text("basis")),
                }
            )
            for row in rows
        )
