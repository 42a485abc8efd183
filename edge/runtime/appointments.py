"""Appointments (预约): made at the desk with a registered visitor, kept when they come; store's thread.

That a time was agreed on is evidence of nothing. The moment at which the receptionist sees them come is, by
this box's clock, under the visitor's own consent to `registration`.
"""

from datetime import UTC, datetime, tzinfo

from edge.domain import facts
from edge.domain.amending import day_began_ms
from edge.domain.appointing import appointing_fault, same_day
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.phone import masked
from edge.ipc.staff import Appointed
from edge.runtime.office import Office, new_id
from edge.runtime.records import arrive, next_record, token_of
from edge.runtime.retoken import exchange_tokens_of
from edge.runtime.risk import Risk
from edge.store.rows import AppointmentRow, VisitRow
from edge.wire import Basis, BasisKind, Evidence, Purpose, Scope, VisitReattributed

MOST_SHOWN = 200
"""Of today's appointments and those to come."""


class Appointments:
    """Appointments of one box."""

    def __init__(self, office: Office, risk: Risk) -> None:
        self._office = office
        self._risk = risk

    # -- making ----------------------------------------------------------------------------

    def make(self, row: VisitRow, due_ms: int, party: int) -> None:
        """Keep that this visit's person comes again at `due_ms`.

        Raises InvalidInput for a time that is past or too far ahead, and for a second one on that day;
        Refused for who gave no number (nobody could find them again), and without their consent.
        """
        office = self._office
        fault = appointing_fault(due_ms, office.clock.now_ms())
        if fault is not None:
            raise InvalidInput("make an appointment", fault)
        if self._number(row.person) is None:
            raise Refused("make an appointment", "no_number", "they register with it at the kiosk")
        if any(same_day(one.due_ms, due_ms, _zone()) for one in office.store.appointments_of(row.person)):
            raise InvalidInput("make an appointment", "one_that_day")
        fact = facts.AppointmentMade(
            **office.stamp(),
            appointment=new_id(),
            person=row.person,
            made_in=row.visit,
            due_ms=due_ms,
            party_size=party,
        )
        office.store.apply(office.gate.clear(row.person, fact))

    def cancel(self, appointment: str) -> None:
        """They won't come: nothing is kept of it."""
        row = self._row(appointment)
        fact = facts.AppointmentCancelled(
            **self._office.stamp(), appointment=row.appointment, person=row.person
        )
        self._office.store.apply(self._office.gate.clear(row.person, fact))

    # -- coming ----------------------------------------------------------------------------

    def came(self, appointment: str) -> str:
        """Keep that they are here now, within a transaction; return the visit whose evidence says so.

        InvalidInput if it is for another day, or was kept; Refused once their registration ended.
        """
        office, row = self._office, self._row(appointment)
        stamp = office.stamp()
        if row.kept_ms is not None or not same_day(row.due_ms, stamp["at_ms"], _zone()):
            raise InvalidInput("keep an appointment", "not_today")
        visits = office.store.visits(office.gate.permit(Purpose.RECEPTION, row.person))
        exchange_tokens_of(office, row.person)
        sign = Evidence(
            kind="appointment",
            at_ms=stamp["at_ms"],
            basis=Basis(kind=BasisKind.CONSENT, scope=Scope.REGISTRATION),
        )
        here = next((one for one in visits if one.departed_ms is None), None)
        visit = self._arrive(row, sign, bool(visits)) if here is None else self._add(here, sign)
        kept = facts.AppointmentKept(
            at_ms=sign.at_ms,
            quality=stamp["quality"],
            appointment=row.appointment,
            person=row.person,
            kept_in=visit,
        )
        office.store.apply(office.gate.clear(row.person, kept))
        self._judge(row.person)
        return visit

    def _arrive(self, row: AppointmentRow, sign: Evidence, returning: bool) -> str:
        office = self._office
        opened = facts.VisitOpened(
            at_ms=sign.at_ms,
            quality=office.clock.quality(),
            visit=new_id(),
            person=row.person,
            party_size=row.party_size,
            returning=returning,
            evidence=(sign,),
        )
        arrive(office, self._number(row.person), opened)
        return opened.visit

    def _add(self, here: VisitRow, sign: Evidence) -> str:
        office = self._office
        record = next_record(office, here, evidence=(*here.evidence, sign))
        fact = facts.EvidenceAdded(
            at_ms=sign.at_ms,
            quality=office.clock.quality(),
            visit=here.visit,
            person=here.person,
            evidence=sign,
            records=(record,) if record else (),
        )
        office.store.apply(office.gate.clear(here.person, fact))
        return here.visit

    # -- taking back -----------------------------------------------------------------------

    def not_came(self, appointment: str) -> str:
        """Take back, within a transaction, that they came; return the visit that said so.

        A visit that rests on that alone never was, and goes, here and at headquarters. InvalidInput once the
        day is over.
        """
        office, row = self._office, self._row(appointment)
        now = office.clock.now_ms()
        if row.kept_ms is None or row.kept_in is None or not same_day(row.kept_ms, now, _zone()):
            raise InvalidInput("take an appointment back", "too_late")
        visit = office.store.visit(row.kept_in)
        if visit is None:
            raise InvalidInput("take an appointment back", "visit_is_over")
        exchange_tokens_of(office, row.person)
        left = tuple(e for e in visit.evidence if (e.kind, e.at_ms) != ("appointment", row.kept_ms))
        record = next_record(office, visit, evidence=left) if left else None
        fact = facts.AppointmentReset(
            **office.stamp(),
            appointment=row.appointment,
            person=row.person,
            whole=not left,
            records=(record,) if record else (),
        )
        taken = None if left else self._taken_back(visit)
        office.store.apply(office.gate.clear(row.person, fact))
        if taken is not None:
            office.store.apply(office.gate.on_other_basis(taken))
        self._judge(row.person)
        return visit.visit

    def _taken_back(self, visit: VisitRow) -> facts.VisitTakenBack:
        office = self._office
        who = token_of(office, visit)
        assert who is not None  # who has no number has no appointment
        # By its time: a clock that was set back must not save what was told before.
        newest_ms = office.store.newest_ms(office.gate.permit_rights(visit.person), (visit.person,), ())
        told = VisitReattributed(
            visit_id=visit.visit, who=who, scopes=(), since_ms=visit.arrived_ms, until_ms=visit.arrived_ms
        )
        return facts.VisitTakenBack(
            at_ms=max(office.clock.now_ms(), newest_ms),
            quality=office.clock.quality(),
            visit=visit.visit,
            person=visit.person,
            scopes=(),
            since_ms=visit.arrived_ms,
            until_ms=visit.arrived_ms,
            whole=False,
            records=(told,),
            urgent=True,
        )

    # -- the page --------------------------------------------------------------------------

    def shown(self) -> tuple[Appointed, ...]:
        """Return today's appointments and those to come that the desk may see, by their time."""
        now = self._office.clock.now_ms()
        today = day_began_ms(now, _zone())
        shown = []
        for row in self._office.store.appointments_from(today, MOST_SHOWN):
            try:
                permit = self._office.gate.permit(Purpose.RECEPTION, row.person)
            except Refused:
                continue  # the registration ended: the desk sees nothing of them any more (P43)
            number = self._office.store.contact(permit, Scope.REGISTRATION)
            shown.append(
                Appointed(
                    appointment=row.appointment,
                    due_ms=row.due_ms,
                    party_size=row.party_size,
                    name=self._office.store.name(permit),
                    phone=masked(number) if number is not None else None,
                    today=same_day(row.due_ms, now, _zone()),
                    came_ms=row.kept_ms,
                )
            )
        return tuple(shown)

    # -- shared ----------------------------------------------------------------------------

    def _row(self, appointment: str) -> AppointmentRow:
        row = self._office.store.appointment(appointment)
        if row is None:
            raise InvalidInput("look up an appointment", "no_such_appointment")
        return row

    def _number(self, person: PersonId) -> str | None:
        permit = self._office.gate.permit(Purpose.RECEPTION, person)
        return self._office.store.contact(permit, Scope.REGISTRATION)

    def _judge(self, person: PersonId) -> None:
        number = self._number(person)
        if number is not None and self._office.active(person, Scope.CHANNEL_RISK):
            self._risk.judge_person(number)


def _zone() -> tzinfo:
    return datetime.now().astimezone().tzinfo or UTC
