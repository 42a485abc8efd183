"""Calls to the office: counted always, recorded only after the caller's own key; in the store's thread.

A number that pressed nothing is kept 72 h under `inquiry`, sealed, joined with nothing.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.domain import facts
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.phone import normalise
from edge.ipc.messages import CallEnded, CallStarted
from edge.runtime.office import Office, Told, new_id
from edge.runtime.retoken import exchange_tokens_of
from edge.wire import CallRecorded, Purpose, Scope

log = logging.getLogger(__name__)

CONSENT_KEY = "1"


@dataclass(slots=True)
class Call:
    """One call that is going on, in memory only."""

    call: str
    line: str
    started_ms: int
    number: str | None
    """E.164, or None if the caller withheld it."""
    person: PersonId | None = None
    spool: str | None = None
    key: bytes = b""


class Calls:
    """What a call changes."""

    def __init__(self, office: Office, spool: Path, spoken: Callable[[str], Told | None]) -> None:
        """`spoken` says what a line's callers hear; None: nothing, so nobody can agree there."""
        self._office = office
        self._spool = spool
        self._spoken = spoken

    def started(self, message: CallStarted, line: str) -> Call:
        """Remember a ringing call."""
        return Call(message.call, line, message.at_ms, _number(message.number))

    def agreed(self, call: Call) -> Path | None:
        """Keep the consent of a caller who pressed the key, and return where to record.

        None if the caller's number is withheld (nobody could ever withdraw that recording), the call
        is being recorded already, or its line has no spoken notice (P7).
        """
        told = self._spoken(call.line)
        if call.number is None or call.person is not None or told is None:
            return None
        call.spool, call.key = new_id(), secrets.token_bytes(32)
        with self._office.store.transaction():
            person = self._caller(call.number, told)
            self._keep_recording(call, person, call.spool, 0)
        call.person = person
        self._office.told_of(call.number)
        return self._spool / call.spool

    def _keep_recording(self, call: Call, person: PersonId, spool: str, duration_ms: int) -> None:
        """Kept before the first sound, so that a crash leaves a prefix that can be read; and at the end."""
        kept = facts.RecordingKept(
            **self._office.stamp(),
            call=call.call,
            person=person,
            spool=spool,
            duration_ms=duration_ms,
            key=call.key,
        )
        self._office.store.apply(self._office.gate.clear(person, kept))

    def _caller(self, number: str, told: Told) -> PersonId:
        office = self._office
        who, lookup = (
            office.tokens.token("recording", number),
            office.gate.permit_lookup(Purpose.CALL_HANDLING),
        )
        person = office.find(lookup, "recording", number) or PersonId(new_id())
        exchange_tokens_of(office, person)
        if office.store.consent(person, Scope.RECORDING).state == "ACTIVE":
            return person
        office.agree(person, Scope.RECORDING, "key", who, told)
        stamp, scope = office.stamp(), Scope.RECORDING
        indexed = facts.PersonIndexed(**stamp, person=person, scope=scope, tokens=(who,))
        contact = facts.ContactKept(**stamp, person=person, scope=scope, phone=number)
        office.store.apply(office.gate.clear(person, indexed), office.gate.clear(person, contact))
        return person

    def still_agreed(self, call: Call) -> bool:
        """Return whether the consent that this call is recorded under stands."""
        return call.person is not None and self._office.active(call.person, Scope.RECORDING)

    def ended(self, call: Call, message: CallEnded) -> None:
        """Keep the call; with its recording if one was made under a consent that still holds."""
        self._keep(call, message)
        if call.number is not None:
            self._office.told_of(call.number)

    def _keep(self, call: Call, message: CallEnded) -> None:
        if call.person is not None and message.recorded_ms > 0:
            try:
                self._keep_recorded(call, call.person, message)
                return
            except Refused:
                log.info("consent withdrawn during the call call=%s", call.call)
        self._keep_counted(call, message)

    def _keep_recorded(self, call: Call, person: PersonId, message: CallEnded) -> None:
        office = self._office
        assert call.number is not None and call.spool is not None
        noted = facts.CallNoted(
            **office.stamp(),
            call=call.call,
            line=call.line,
            duration_ms=message.duration_ms,
            answered=message.answered,
            recorded=True,
            records=(_record(call, message, office.tokens.token("recording", call.number)),),
        )
        with office.store.transaction():
            office.store.apply(office.gate.recorded_call(person, noted))
            self._keep_recording(call, person, call.spool, message.recorded_ms)

    def _keep_counted(self, call: Call, message: CallEnded) -> None:
        noted = facts.CallNoted(
            **self._office.stamp(),
            call=call.call,
            line=call.line,
            duration_ms=message.duration_ms,
            answered=message.answered,
            recorded=False,
            # Who agreed has their contact under `recording`; the call would join the two.
            number=call.number if call.person is None else None,
            records=(_record(call, message, None),),
        )
        self._office.store.apply(self._office.gate.inquiry(noted))


def _number(given: str) -> str | None:
    try:
        return normalise(given)
    except InvalidInput:
        return None


def _record(call: Call, message: CallEnded, who: str | None) -> CallRecorded:
    return CallRecorded(
        call_id=call.call,
        line=call.line,
        started_ms=call.started_ms,
        duration_ms=message.duration_ms,
        answered=message.answered,
        notice_played=message.notice_played,
        recorded=who is not None,
        recorded_ms=message.recorded_ms if who is not None else 0,
        who=who,
        loss_permille=message.loss_permille,
        mos_x100=message.mos_x100,
    )
