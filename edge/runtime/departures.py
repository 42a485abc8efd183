"""How a visit ends: by the visitor, by the receptionist, at closing time; in the store's thread.

An end that nobody saw is never passed off as one that somebody saw.
"""

from datetime import datetime, time

from edge.domain import facts
from edge.domain.closing import closing_ms
from edge.domain.errors import Refused
from edge.domain.facts import PersonId
from edge.domain.phone import normalise
from edge.runtime.office import Office
from edge.runtime.records import next_record
from edge.runtime.retoken import exchange_tokens_of
from edge.store.rows import VisitRow
from edge.wire import Purpose, Scope


class Departures:
    """Closes visits; forgets who can't be found again once they have left."""

    def __init__(self, office: Office, closes_at: str) -> None:
        self._office = office
        self._closes_at = time.fromisoformat(closes_at)

    def by_number(self, phone: str) -> bool:
        """Close the newest open visit of this number; False if there is none."""
        office = self._office
        person = office.find(office.gate.permit_lookup(Purpose.RECEPTION), "registration", normalise(phone))
        if person is None or not office.active(person, Scope.REGISTRATION):
            return False
        visits = office.store.visits(office.gate.permit(Purpose.RECEPTION, person))
        still_open = [visit for visit in visits if visit.departed_ms is None]
        if still_open:
            self.close(still_open[0], office.clock.now_ms())
        return bool(still_open)

    def leave(self, row: VisitRow) -> None:
        """Close an open visit now, on the word of a receptionist who saw them go."""
        self.close(row, self._office.clock.now_ms())

    def close(self, row: VisitRow, departed_ms: int, *, estimated: bool = False) -> None:
        """Close one open visit; Refused without the registration's consent (its use has ended)."""
        office = self._office
        departed = max(departed_ms, row.arrived_ms)
        exchange_tokens_of(office, row.person)
        record = next_record(office, row, departed_ms=departed, estimated=estimated)
        if record is None:
            self.forget(row.person)
            return
        closed = facts.VisitClosed(
            **office.stamp(),
            visit=row.visit,
            person=row.person,
            departed_ms=departed,
            estimated=estimated,
            records=(record,),
        )
        office.store.apply(office.gate.clear(row.person, closed))

    def forget(self, person: PersonId) -> None:
        """Destroy what is held of somebody without a number: nobody could ever find them to undo it."""
        self._office.store.forget(self._office.gate.permit_rights(person))

    def close_overdue(self) -> int:
        """Close what was still open at its closing time, as estimated; return how many visits."""
        now, zone, closed = self._office.clock.now_ms(), datetime.now().astimezone().tzinfo, 0
        assert zone is not None
        for row in self._office.store.open_visits():
            departed = closing_ms(row.arrived_ms, self._closes_at, zone)
            if departed > now:
                continue
            try:
                self.close(row, departed, estimated=True)
            except Refused:
                continue  # the registration was withdrawn: nothing more is kept or told of this visit
            closed += 1
        return closed
