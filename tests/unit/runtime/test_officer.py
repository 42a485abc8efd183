"""The privacy officer on site: every act has its reason in the audit, works offline, is masked on screen."""

import base64
import zlib

import pytest

from edge.archive import check
from edge.domain.errors import InvalidInput
from edge.domain.reasons import Reason
from edge.ipc import officer as protocol
from edge.runtime.links import Links
from edge.runtime.office import Office
from edge.runtime.officer import Officer
from edge.wire import ConsentWithdrawn, ErasureReceipt, Purpose, Scope, key_id
from tests.unit.runtime.place import ALL, OTHER, PHONE, Place

ASKED = Reason.VISITOR_REQUEST


@pytest.fixture
def place(office: Office) -> Place:
    return Place(office)


def public_key(office: Office) -> bytes:
    """The public half of the fixture's own key."""
    return bytes(getattr(office.sign, "__self__").public_key)  # noqa: B009 — a bound method of Credentials


def opened(document: object) -> bytes:
    assert isinstance(document, protocol.Document)
    return zlib.decompress(base64.b64decode(document.content))


def test_where_each_scope_stands_is_shown_masked(place: Place) -> None:
    """P40: the screen shows states, never the whole number."""
    place.register(scopes=ALL - {Scope.ID_CARD})
    shown = place.officer.answer(protocol.ShowConsents(phone=PHONE, reason=ASKED), "privacy").answer
    assert isinstance(shown, protocol.Consents)
    assert shown.known and shown.masked == "138****8000"
    assert {line.scope: line.state for line in shown.scopes} == dict.fromkeys(ALL - {Scope.ID_CARD}, "ACTIVE")
    assert PHONE not in shown.model_dump_json()


def test_an_unknown_number_is_answered_and_audited_too(place: Place) -> None:
    shown = place.officer.answer(protocol.ShowConsents(phone=OTHER, reason=ASKED), "privacy").answer
    assert isinstance(shown, protocol.Consents)
    assert (shown.known, shown.scopes) == (False, ())
    assert place.audited(2) == [
        ("officer_show_consents", "account-privacy"),
        ("because_visitor_request", None),
    ]


@pytest.mark.parametrize("request_of", [protocol.ShowConsents, protocol.ExportConsents, protocol.GiveAccess])
def test_nobody_looks_unseen(place: Place, request_of: type[protocol.ShowConsents]) -> None:
    """P3: who looked, why, and at whom (by a random id) stands in the audit, whose chain holds."""
    visitor = place.register()
    request = request_of(phone=PHONE, reason=Reason.COMPLAINT)
    place.officer.answer(request, "privacy")
    assert place.audited(2) == [
        (f"officer_{request.method}", "account-privacy"),
        ("because_complaint", visitor.person),
    ]
    assert place.office.store.audit_broken_at() is None


def test_p43_a_withdrawal_by_the_officer_ends_use_and_leaves_first(place: Place) -> None:
    """P43: the scope is over at once, also without headquarters; its record overtakes what waits."""
    visitor = place.register()
    request = protocol.EndConsents(phone=PHONE, reason=ASKED, scopes=frozenset({Scope.FACE_MATCH}))
    done = place.officer.answer(request, "privacy")
    assert done.answer == protocol.Ended(scopes=(Scope.FACE_MATCH,))
    assert done.ended == (visitor.person,), "a running lease and recording are ended by the core"
    assert not place.office.active(visitor.person, Scope.FACE_MATCH)
    assert place.office.active(visitor.person, Scope.REGISTRATION)
    assert isinstance(place.leaving()[0], ConsentWithdrawn)
    again = place.officer.answer(request, "privacy")
    assert again.answer == protocol.Ended(scopes=()) and again.ended == ()


def test_the_officer_ends_a_callers_recording_too(place: Place) -> None:
    place.call(PHONE, agrees=True)
    request = protocol.EndConsents(phone=PHONE, reason=ASKED, scopes=frozenset({Scope.RECORDING}))
    assert place.officer.answer(request, "privacy").answer == protocol.Ended(scopes=(Scope.RECORDING,))


def test_p40_the_archive_is_the_boxs_own_word(place: Place, office: Office) -> None:
    """P40, P44: anybody can check it with the box's public key alone."""
    place.register()
    public = public_key(office)
    officer = Officer(
        office, place.rights, place.corrections, place.merging, Links(office, None), key_id(public)
    )
    for request in (
        protocol.GiveAccess(phone=PHONE, reason=ASKED),
        protocol.ExportConsents(phone=PHONE, reason=ASKED),
    ):
        checked = check(opened(officer.answer(request, "privacy").answer), public)
        assert checked.sound
        assert [c.holds for c in checked.consents] == [True] * len(ALL)


def test_p40_a_name_is_corrected_with_its_reason_and_the_wrong_one_is_gone(place: Place) -> None:
    """P4, P40: only under a registration that stands; a stranger changes nothing, and is audited too."""
    visitor = place.register()
    for name in ("王小名", "王小明"):
        asked = protocol.CorrectName(phone=PHONE, name=name, reason=ASKED)
        assert place.officer.answer(asked, "privacy").answer == protocol.Corrected(changed=True)
    permit = place.office.gate.permit(Purpose.RECEPTION, visitor.person)
    assert place.office.store.name(permit) == "王小明"
    assert place.audited(2) == [
        ("officer_correct_name", "account-privacy"),
        ("because_visitor_request", visitor.person),
    ]
    place.rights.withdraw(PHONE, frozenset({Scope.REGISTRATION}))
    for phone in (PHONE, OTHER):
        asked = protocol.CorrectName(phone=phone, name="某某", reason=ASKED)
        assert place.officer.answer(asked, "privacy").answer == protocol.Corrected(changed=False)


def test_p41_the_officer_erases_with_a_receipt_for_headquarters(place: Place) -> None:
    """P41, P46: keys and rows are gone, headquarters is told, and what was erased can be shown later."""
    visitor = place.register()
    place.call(PHONE, agrees=True)
    place.call(PHONE, agrees=False)
    place.register(OTHER)
    done = place.officer.answer(protocol.EraseAll(phone=PHONE, reason=ASKED), "privacy")
    assert isinstance(done.answer, protocol.Receipt)
    assert done.answer.rows["visits"] == 1 and done.answer.rows["call_numbers"] == 1
    assert visitor.person in done.ended and len(done.ended) == 2
    assert place.rights.held_by(PHONE).nothing
    assert not place.rights.held_by(OTHER).nothing
    first = place.leaving()[0]
    assert isinstance(first, ErasureReceipt) and first.command_id == done.answer.command
    shown = place.officer.answer(protocol.ShowReceipts(phone=PHONE, reason=ASKED), "privacy").answer
    assert isinstance(shown, protocol.Receipts)
    [receipt] = shown.receipts
    assert receipt.rows["visits"] == 1 and receipt.rows.get("call_numbers") is None, "those go by themselves"
    other = place.officer.answer(protocol.ShowReceipts(phone=OTHER, reason=ASKED), "privacy").answer
    assert other == protocol.Receipts(receipts=())


def test_erasing_nobody_is_answered_as_such(place: Place) -> None:
    done = place.officer.answer(protocol.EraseAll(phone=OTHER, reason=ASKED), "privacy")
    assert isinstance(done.answer, protocol.Receipt)
    assert (done.answer.keys_destroyed, done.answer.rows, done.ended) == (0, {}, ())


def test_a_number_that_is_none_changes_nothing(place: Place) -> None:
    with pytest.raises(InvalidInput):
        place.officer.answer(protocol.EraseAll(phone="12345", reason=ASKED), "privacy")


def test_a_reason_is_one_of_a_closed_list() -> None:
    """Free text could carry a name (P6, P44)."""
    with pytest.raises(ValueError, match="reason"):
        protocol.OFFICER_REQUEST.validate_python(
            {"method": "erase_all", "phone": PHONE, "reason": "王小明 asked me to"}
        )
