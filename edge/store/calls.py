"""Reads about calls, and the inbox of commands; never gives out a recording's key without a permit."""

from edge.domain.errors import Refused
from edge.domain.facts import PersonId
from edge.ports import Permit
from edge.store.keys import INQUIRY
from edge.store.rows import Recording
from edge.store.tables import Part
from edge.wire import Purpose, Scope


class CallReads(Part):
    """Recordings by permit of their person; a caller's number, while it is kept, to call back."""

    def recording(self, permit: Permit, call: str) -> Recording | None:
        """Return where the recording of `call` lies and its key; Refused if it is another person's."""
        person = self._subject(permit, Purpose.CALL_HANDLING)
        row = self._database.one("SELECT * FROM recordings WHERE call = ?", (call,))
        if row is None:
            return None
        if row.text("person") != person:
            raise Refused("open a recording", "another_person")
        key = self._keys.open((person, Scope.RECORDING), "recordings", call, row.blob("wrapped"))
        return Recording(call, self._tables.spool / row.text("spool"), row.integer("duration_ms"), key)

    def recordings_of(self, permit: Permit) -> tuple[str, ...]:
        """Return the calls of the permit's person that are recorded, newest first."""
        person: PersonId = self._subject(permit, Purpose.CALL_HANDLING)
        rows = self._database.query(
            "SELECT call FROM recordings WHERE person = ? ORDER BY at_ms DESC, call", (person,)
        )
        return tuple(row.text("call") for row in rows)

    def call_number(self, permit: Permit, call: str) -> str | None:
        """Return the number (E.164) behind a call within its 72 h; the permit is to call back."""
        self._allow(permit, Purpose.CALL_BACK)
        row = self._database.one("SELECT sealed FROM call_numbers WHERE call = ?", (call,))
        if row is None:
            return None
        return self._keys.open((call, INQUIRY), "call_numbers", call, row.blob("sealed")).decode()

    def command_seen(self, command_id: str) -> bool:
        """Return whether a command of headquarters was carried out before."""
        sql = "SELECT 1 FROM commands WHERE command_id = ?"
        return self._database.one(sql, (command_id,)) is not None
