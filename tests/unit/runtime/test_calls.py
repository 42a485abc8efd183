"""Calls: a number is kept to call back, or its caller is known by consent; never both."""

import asyncio
import hashlib
from pathlib import Path
from typing import cast

import pytest

from edge.ipc.messages import CallEnded, CallKey, CallStarted, LeaseOver, RecordCall, ToWorker
from edge.runtime.calls import Calls
from edge.runtime.links import Links
from edge.runtime.notice import spoken
from edge.runtime.office import Office, Told
from edge.runtime.phone import Phone
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.runtime.workers import Worker
from edge.wire import Scope
from tests.unit.runtime.rules import RULES
from tests.unit.runtime.samethread import SameThread

CALL = "5" * 32


def ended(recorded_ms: int) -> CallEnded:
    return CallEnded(
        device="sip", call=CALL, at_ms=2, duration_ms=9000, answered=True, notice_played=True,
        recorded_ms=recorded_ms,
    )  # fmt: skip


@pytest.mark.parametrize(("withdrawn", "recorded_ms"), [(True, 5000), (False, 0)])
def test_a_number_is_never_kept_beside_the_recording_of_the_same_call(
    office: Office, withdrawn: bool, recorded_ms: int
) -> None:
    """`inquiry` is joined with nothing: the call's id would join the number with the caller's record."""
    calls = Calls(office, office.store.spool, lambda _line: Told("spoken_test", "0" * 64))
    call = calls.started(CallStarted(device="sip", call=CALL, number="13800138000", at_ms=1), "main")
    assert calls.agreed(call) is not None
    if withdrawn:
        assert call.person is not None
        Rights(office, Risk(office, RULES), "box-01", Links(office, None)).withdraw_person(
            call.person, frozenset({Scope.RECORDING}), "headquarters"
        )
    calls.ended(call, ended(recorded_ms))
    assert office.store.call_number(office.gate.permit_rights(), CALL) is None


def test_a_caller_who_pressed_nothing_is_kept_to_call_back(office: Office) -> None:
    calls = Calls(office, office.store.spool, lambda _line: Told("spoken_test", "0" * 64))
    call = calls.started(CallStarted(device="sip", call=CALL, number="13800138000", at_ms=1), "main")
    calls.ended(call, ended(0))
    assert office.store.call_number(office.gate.permit_rights(), CALL) == "+8613800138000"


class Heard:
    """Stands for the phone worker: keeps what the core says."""

    def __init__(self) -> None:
        self.said: list[ToWorker] = []

    async def send(self, message: ToWorker, fds: tuple[int, ...] = ()) -> None:
        self.said.append(message)


def test_p43_a_withdrawal_during_a_call_stops_its_recording(office: Office) -> None:
    """P43: withdrawal ends use; audio of the rest of the call is use."""
    rights, worker, thread = (
        Rights(office, Risk(office, RULES), "box-01", Links(office, None)),
        Heard(),
        SameThread(),
    )
    phone = Phone(
        Calls(office, office.store.spool, lambda _line: Told("spoken_test", "0" * 64)),
        thread,
        {"sip": "main"},
    )

    async def scene() -> None:
        await phone.started(CallStarted(device="sip", call=CALL, number="13800138000", at_ms=1))
        await phone.key(CallKey(device="sip", call=CALL, key="1", at_ms=1), cast(Worker, worker))
        assert [type(m) for m in worker.said] == [RecordCall]
        who = office.tokens.token("recording", "+8613800138000")
        person = office.store.person_by_token(office.gate.permit_rights(), who)
        assert person is not None
        await phone.consent_changed((person,), cast(Worker, worker))
        assert len(worker.said) == 1, "another scope's end leaves it going"
        rights.withdraw_person(person, frozenset({Scope.RECORDING}), "headquarters")
        await phone.consent_changed((person,), cast(Worker, worker))
        assert worker.said[1:] == [LeaseOver(lease=CALL, device="sip")]

    asyncio.run(scene())
    thread.close()


def test_p7_the_proof_names_what_the_caller_heard_and_a_line_without_it_records_nobody(
    office: Office, tmp_path: Path
) -> None:
    sound = tmp_path / "notice.wav"
    assert spoken(sound) is None
    sound.write_bytes(b"RIFF one")
    told = spoken(sound)
    assert told is not None and told.hash == hashlib.sha256(b"RIFF one").hexdigest()
    ringing = CallStarted(device="sip", call="c" * 32, number="13800138000", at_ms=1)
    silent = Calls(office, office.store.spool, lambda _line: None)
    assert silent.agreed(silent.started(ringing, "main")) is None
    calls = Calls(office, office.store.spool, {"main": told}.get)
    call = calls.started(ringing, "main")
    assert calls.agreed(call) is not None and call.person is not None
    assert office.store.consent(call.person, Scope.RECORDING).notice_version == told.version
