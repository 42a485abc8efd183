"""Rows of appointments, and the sign of presence that goes when one wasn't kept after all."""

from edge.domain.errors import InvalidInput
from edge.domain.facts import AppointmentCancelled, AppointmentKept, AppointmentMade, AppointmentReset
from edge.store.tables import Tables
from edge.store.writing import Ground, write


@write.register
def _made(fact: AppointmentMade, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "appointments",
        appointment=fact.appointment,
        person=fact.person,
        made_in=fact.made_in,
        due_ms=fact.due_ms,
        party_size=fact.party_size,
        at_ms=fact.at_ms,
        quality=fact.quality,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _kept(fact: AppointmentKept, _ground: Ground, to: Tables) -> None:
    kept = to.database.run(
        "UPDATE appointments SET kept_ms = ?, kept_in = ? WHERE appointment = ? AND person = ?"
        " AND kept_ms IS NULL",
        (fact.at_ms, fact.kept_in, fact.appointment, fact.person),
    )
    if not kept:
        raise InvalidInput("keep an appointment", "no_such_open_appointment")


@write.register
def _reset(fact: AppointmentReset, _ground: Ground, to: Tables) -> None:
    name = (fact.appointment, fact.person)
    row = to.database.one(
        "SELECT kept_in, kept_ms FROM appointments"
        " WHERE appointment = ? AND person = ? AND kept_ms IS NOT NULL",
        name,
    )
    if row is None:
        raise InvalidInput("take an appointment back", "not_kept")
    visit = row.text("kept_in")
    gone = to.database.run(
        "DELETE FROM evidence WHERE visit = ? AND kind = 'appointment' AND at_ms = ?",
        (visit, row.integer("kept_ms")),
    )
    if not gone:
        raise InvalidInput("take an appointment back", "no_such_evidence")
    if fact.whole:
        to.database.run("DELETE FROM visits WHERE visit = ? AND person = ?", (visit, fact.person))
    else:
        to.database.run("UPDATE visits SET revision = revision + 1 WHERE visit = ?", (visit,))
    to.database.run(
        "UPDATE appointments SET kept_ms = NULL, kept_in = NULL WHERE appointment = ? AND person = ?", name
    )


@write.register
def _cancelled(fact: AppointmentCancelled, _ground: Ground, to: Tables) -> None:
    gone = to.database.run(
        "DELETE FROM appointments WHERE appointment = ? AND person = ? AND kept_ms IS NULL",
        (fact.appointment, fact.person),
    )
    if not gone:
        raise InvalidInput("cancel an appointment", "no_such_open_appointment")
