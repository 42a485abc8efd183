"""Reads about receptionists, only with a permit for staffing, and ends it in time; else never writes."""

from edge.domain.facts import StaffId
from edge.domain.rotation import Waiting
from edge.ports import Permit
from edge.store.database import Row
from edge.store.keys import EMPLOYMENT
from edge.store.rows import StaffRow
from edge.store.tables import Part
from edge.wire import Purpose

STAFF_KEPT_MS = 180 * 24 * 3600 * 1000
"""How long shifts and receptions are kept, and the name of who was disabled (staff notice)."""


class StaffReads(Part):
    """Who works at the desk, who is on shift, who received whom."""

    def staff_told(self, staff: StaffId) -> frozenset[str]:
        """Return the hashes of the staff notices that somebody acknowledged (for the gate)."""
        rows = self._database.query("SELECT notice_hash FROM staff_told WHERE staff = ?", (staff,))
        return frozenset(row.text("notice_hash") for row in rows)

    def staff(self, permit: Permit) -> tuple[StaffRow, ...]:
        """Return everybody, by number."""
        self._allow(permit, Purpose.STAFFING)
        return tuple(self._member(row) for row in self._database.query("SELECT * FROM staff ORDER BY number"))

    def staff_by_number(self, permit: Permit, number: int) -> StaffRow | None:
        """Return one receptionist."""
        self._allow(permit, Purpose.STAFFING)
        row = self._database.one("SELECT * FROM staff WHERE number = ?", (number,))
        return self._member(row) if row else None

    def pin_hash(self, permit: Permit, staff: StaffId) -> str | None:
        """Return the argon2 hash to check a PIN against; None for who may not sign in."""
        self._allow(permit, Purpose.STAFFING)
        row = self._database.one("SELECT pin FROM staff WHERE staff = ? AND active = 1", (staff,))
        return row.text("pin") if row else None

    def on_shift(self, permit: Permit) -> tuple[Waiting, ...]:
        """Return who is on shift, with since when they wait."""
        self._allow(permit, Purpose.STAFFING)
        rows = self._database.query("SELECT staff, since_ms, paused FROM shifts WHERE ended_ms IS NULL")
        return tuple(
            Waiting(row.integer("since_ms"), row.text("staff"), bool(row.integer("paused"))) for row in rows
        )

    def next_staff_number(self) -> int:
        """Return a number that nobody had before."""
        return self._database.count("SELECT max(10, coalesce(max(number), 10)) + 1 FROM staff")

    def receptions(self, permit: Permit) -> dict[str, StaffId]:
        """Return who received which of the visits of the permit's person."""
        person = self._subject(permit, Purpose.RECEPTION)
        rows = self._database.query(
            "SELECT r.visit, r.staff FROM receptions r JOIN visits USING (visit) WHERE person = ?", (person,)
        )
        return {row.text("visit"): StaffId(row.text("staff")) for row in rows}

    def purge_staff(self, now_ms: int) -> int:
        """Delete shifts and receptions past their period, and who was disabled then; return how many."""
        past = now_ms - STAFF_KEPT_MS
        gone = self._database.query("SELECT staff FROM staff WHERE active = 0 AND at_ms <= ?", (past,))
        self._keys.destroy((row.text("staff"), EMPLOYMENT) for row in gone)
        with self._database.transaction():
            return (
                self._database.run("DELETE FROM staff WHERE active = 0 AND at_ms <= ?", (past,))
                + self._database.run("DELETE FROM shifts WHERE ended_ms <= ?", (past,))
                + self._database.run("DELETE FROM receptions WHERE at_ms <= ?", (past,))
            )

    def _member(self, row: Row) -> StaffRow:
        staff = row.text("staff")
        name = self._keys.open((staff, EMPLOYMENT), "staff", staff, row.blob("sealed")).decode()
        return StaffRow(StaffId(staff), row.integer("number"), name, bool(row.integer("active")))
