"""What a receptionist may see of a guest: no more than the guest's own consents allow, each by a permit.

Of an agent's report they learn that there is one; never whose, never when, never what came of it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from edge.domain.amending import day_began_ms, undo_left_ms
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import StaffId
from edge.domain.phone import masked
from edge.ipc.staff import Guest
from edge.ports import Permit
from edge.runtime.office import TOKEN_PURPOSE, Office
from edge.store.rows import StaffRow, VisitRow
from edge.wire import Purpose, Scope

MOST_LEFT = 12
"""Of those who left today so many are shown."""


class Guests:
    """Open visits as the desk shows them."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def permit(self, row: VisitRow) -> Permit:
        """Return leave to see a visit's person; Refused once their registration ended."""
        return self._office.gate.permit(Purpose.RECEPTION, row.person)

    def open_visit(self, visit: str) -> VisitRow:
        """Return an open visit; InvalidInput if it is over or never was."""
        row = self._office.store.visit(visit)
        if row is None or row.departed_ms is not None:
            raise InvalidInput("look up a visit", "visit_is_over")
        return row

    def all(self, members: Mapping[StaffId, StaffRow]) -> tuple[Guest, ...]:
        """Return every open visit that may be shown, newest first."""
        return self._shown(tuple(reversed(self._office.store.open_visits())), members)

    def left(self, members: Mapping[StaffId, StaffRow]) -> tuple[Guest, ...]:
        """Return the last visits that ended today and may be shown, newest first."""
        today = day_began_ms(self._office.clock.now_ms(), datetime.now().astimezone().tzinfo or UTC)
        return self._shown(self._office.store.left_since(today, MOST_LEFT), members)

    def _shown(self, rows: tuple[VisitRow, ...], members: Mapping[StaffId, StaffRow]) -> tuple[Guest, ...]:
        shown = []
        for row in rows:
            try:
                shown.append(self._guest(row, self.permit(row), members))
            except Refused:
                continue  # the registration was withdrawn: the desk sees nothing of them any more (P43)
        return tuple(shown)

    def _guest(self, row: VisitRow, permit: Permit, members: Mapping[StaffId, StaffRow]) -> Guest:
        store = self._office.store
        visits = [v for v in store.visits(permit) if v.visit != row.visit and v.arrived_ms <= row.arrived_ms]
        received = store.receptions(permit)
        last = next((members.get(received[v.visit]) for v in visits if v.visit in received), None)
        number = store.contact(permit, Scope.REGISTRATION)
        receiver = members.get(received[row.visit]) if row.visit in received else None
        return Guest(
            visit=row.visit,
            arrived_ms=row.arrived_ms,
            party_size=row.party_size,
            name=store.name(permit) or self._name_on_card(row),
            phone=masked(number) if number is not None else None,
            returning=row.returning,
            visits_before=len(visits),
            last_receiver=last.name if last else None,
            agreed=tuple(s for s in Scope if self._office.active(row.person, s)),
            reported=self._reported(row),
            receiver=receiver.number if receiver else None,
            proposed=None,
            departed_ms=row.departed_ms,
            left_estimated=row.estimated,
            undo_s=undo_left_ms(row.departed_ms, row.estimated, self._office.clock.now_ms()) // 1000,
        )

    def _name_on_card(self, row: VisitRow) -> str | None:
        """Whoever let their card be read is called by the name on it, as long as that consent lasts."""
        if not self._office.active(row.person, Scope.ID_CARD):
            return None
        card = self._office.store.card(self._office.gate.permit(Purpose.IDENTITY_CHECK, row.person))
        return card.name if card is not None else None

    def _reported(self, row: VisitRow) -> bool:
        if not self._office.active(row.person, Scope.CHANNEL_RISK):
            return False
        permit = self._office.gate.permit(Purpose.CHANNEL_RISK, row.person)
        tokens = self._office.store.tokens_of(self._office.gate.permit(Purpose.RECEPTION, row.person))
        prefix = TOKEN_PURPOSE[Scope.CHANNEL_RISK] + ":"
        return any(
            self._office.store.reports_by_token(permit, token)
            for _, token in tokens
            if token.startswith(prefix)
        )
