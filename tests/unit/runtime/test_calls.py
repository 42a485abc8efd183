"""Calls: a number is kept to call back, or its caller is known by consent; never both."""

import pytest

from edge.config import Rules
from edge.ipc.messages import CallEnded, CallStarted
from edge.runtime.calls import Calls
from edge.runtime.office import Office
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.wire import Scope

CALL = "5" * 32
RULES = Rules(name="office", version=1, late_report=True, report_keeps_days=30)


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
    calls = Calls(office, office.store.spool)
    call = calls.started(CallStarted(device="sip", call=CALL, number="13800138000", at_ms=1), "main")
    assert calls.agreed(call) is not None
    if withdrawn:
        assert call.person is not None
        Rights(office, Risk(office, RULES), "box-01").withdraw_person(
            call.person, frozenset({Scope.RECORDING}), "headquarters"
        )
    calls.ended(call, ended(recorded_ms))
    assert office.store.call_number(office.gate.permit_rights(), CALL) is None


def test_a_caller_who_pressed_nothing_is_kept_to_call_back(office: Office) -> None:
    calls = Calls(office, office.store.spool)
    call = calls.started(CallStarted(device="sip", call=CALL, number="13800138000", at_ms=1), "main")
    calls.ended(call, ended(0))
    assert office.store.call_number(office.gate.permit_rights(), CALL) == "+8613800138000"
