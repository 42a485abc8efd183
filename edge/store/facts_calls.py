"""Rows of calls: a number for 72 h under the call's own key, a recording under its person's; never both."""

from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import CallNoted, RecordingKept
from edge.domain.retention import CALL_NUMBER_MS
from edge.store.keys import INQUIRY, KeyName
from edge.store.tables import Tables
from edge.store.writing import Ground, keys_of, write
from edge.wire import BasisKind, Scope


@keys_of.register
def _number_key(fact: CallNoted) -> tuple[KeyName, ...]:
    return ((fact.call, INQUIRY),) if fact.number is not None else ()


@keys_of.register
def _recording_key(fact: RecordingKept) -> tuple[KeyName, ...]:
    return ((fact.person, Scope.RECORDING),)


@write.register
def _call_noted(fact: CallNoted, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "calls",
        call=fact.call,
        line=fact.line,
        duration_ms=fact.duration_ms,
        answered=int(fact.answered),
        recorded=int(fact.recorded),
        at_ms=fact.at_ms,
        quality=fact.quality,
        basis=ground.basis,
        purpose=ground.purpose,
    )
    if fact.number is not None:
        _keep_number(fact, fact.number, ground, to)


def _keep_number(fact: CallNoted, number: str, ground: Ground, to: Tables) -> None:
    if ground.basis != BasisKind.INQUIRY:
        raise Refused("keep a caller's number", "no_basis", "a recorded call has its person's contact")
    sealed = to.keys.seal((fact.call, INQUIRY), "call_numbers", fact.call, number.encode())
    to.database.insert(
        "call_numbers",
        call=fact.call,
        sealed=sealed,
        purge_ms=fact.at_ms + CALL_NUMBER_MS,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _recording_kept(fact: RecordingKept, ground: Ground, to: Tables) -> None:
    """Kept at the start of a recording (length 0) or at its end; the end replaces the start."""
    wrapped = to.keys.seal((fact.person, Scope.RECORDING), "recordings", fact.call, fact.key)
    changed = to.database.insert(
        "recordings",
        "ON CONFLICT (call) DO UPDATE SET duration_ms = excluded.duration_ms"
        " WHERE person = excluded.person AND spool = excluded.spool",
        call=fact.call,
        person=fact.person,
        spool=fact.spool,
        wrapped=wrapped,
        duration_ms=fact.duration_ms,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )
    if not changed:
        raise InvalidInput("keep a recording", "call_has_another_recording")
