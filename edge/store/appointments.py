"""Reads about appointments; never writes."""

from edge.domain.facts import PersonId
from edge.store.database import Row
from edge.store.rows import AppointmentRow
from edge.store.tables import Part


class AppointmentReads(Part):
    """One by its own random id, or those of a time, without a permit: they name nobody but by a random id."""

    def appointment(self, appointment: str) -> AppointmentRow | None:
        """Return one appointment."""
        row = self._database.one("SELECT * FROM appointments WHERE appointment = ?", (appointment,))
        return _appointment(row) if row else None

    def appointments_from(self, from_ms: int, limit: int) -> tuple[AppointmentRow, ...]:
        """Return the first `limit` appointments that are for `from_ms` or later, by their time."""
        rows = self._database.query(
            "SELECT * FROM appointments WHERE due_ms >= ? ORDER BY due_ms, appointment LIMIT ?",
            (from_ms, limit),
        )
        return tuple(_appointment(row) for row in rows)

    def appointments_of(self, person: PersonId) -> tuple[AppointmentRow, ...]:
        """Return a person's appointments, by their time."""
        rows = self._database.query("SELECT * FROM appointments WHERE person = ? ORDER BY due_ms", (person,))
        return tuple(_appointment(row) for row in rows)


def _appointment(row: Row) -> AppointmentRow:
    return AppointmentRow(
        appointment=row.text("appointment"),
        person=PersonId(row.text("person")),
        made_ms=row.integer("at_ms"),
        due_ms=row.integer("due_ms"),
        party_size=row.integer("party_size"),
        kept_ms=row.maybe_integer("kept_ms"),
        kept_in=row.maybe_text("kept_in"),
    )
