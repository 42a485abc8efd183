"""P30: nothing is shared but by consent; what an authority compels goes through the officer, written down.

There is one way out, to headquarters, and the gate stands before it. An order's own code and approver
aren't taken yet: no door of the gate opens by `legal_order`.
"""

import pytest
from pydantic import ValidationError

from edge.consent.gate import Gate
from edge.domain.errors import Refused
from edge.domain.facts import Fact
from edge.domain.reasons import Reason
from edge.ipc import officer as protocol
from edge.runtime.office import Office
from edge.wire import BasisKind
from tests.unit.consent.test_gate import PERSON, PERSONAL
from tests.unit.runtime.place import PHONE, Place


@pytest.mark.parametrize("fact", [fact for fact, *_ in PERSONAL], ids=lambda fact: type(fact).__name__)
def test_p30_without_consent_nothing_about_a_person_gets_to_the_way_out(office: Office, fact: Fact) -> None:
    """P30: not by consent's own door, and not by the one that needs none."""
    gate = Gate(office.store)
    with pytest.raises(Refused, match=r"no_consent|no_basis"):
        gate.clear(PERSON, fact)
    with pytest.raises(Refused, match="no_basis"):
        gate.on_other_basis(fact)
    assert office.store.depth() == 0


def test_p30_what_is_handed_over_by_order_is_written_down(office: Office) -> None:
    """P30: who, why and about whom."""
    place = Place(office)
    visitor = place.register()
    place.officer.answer(protocol.GiveAccess(phone=PHONE, reason=Reason.LEGAL_DUTY), "privacy")
    shown = [(row.code, row.subject) for row in office.store.audit_tail(2)]
    assert sorted(shown, key=str) == [
        ("because_legal_duty", visitor.person),
        ("officer_give_access", "account-privacy"),
    ]


def test_p30_nothing_is_handed_over_without_a_reason() -> None:
    with pytest.raises(ValidationError):
        protocol.GiveAccess.model_validate({"phone": PHONE})
    with pytest.raises(ValidationError):
        protocol.GiveAccess.model_validate({"phone": PHONE, "reason": "because"})


def test_p30_no_record_has_ever_left_by_an_order(office: Office) -> None:
    """P30, P24: of what a visit, a call and a report send, nothing names such a basis."""
    place = Place(office)
    place.register()
    place.call(PHONE, agrees=True)
    rows = office.store._database.query("SELECT DISTINCT basis FROM outbox")
    bases = {row.text("basis").partition(":")[0] for row in rows}
    assert bases and not bases & {BasisKind.LEGAL_ORDER.value, BasisKind.CONTRACT.value}
