"""A recorded call that came before a visit is evidence while both consents stand, and never otherwise."""

import json

from edge.domain.judging.case import Case
from edge.domain.judging.inputs import read
from edge.ipc import kiosk
from edge.runtime.buyers import Buyers
from edge.runtime.desk import Visitor
from edge.runtime.office import Office
from edge.wire import Scope
from tests.unit.runtime.place import OTHER, PHONE, Place

R, C, REC = Scope.REGISTRATION, Scope.CHANNEL_RISK, Scope.RECORDING


class Line(Place):
    """A box with a telephone line, and a customer who is reported."""

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self.buyers = Buyers(office, self.risk, self.rights)

    def come(self, scopes: frozenset[Scope] = frozenset({R, C}), phone: str = PHONE) -> Visitor:
        return self.register(phone, scopes)

    def vouched(self, visitor: Visitor) -> None:
        """A receptionist looks, and the customer says yes at the tablet."""
        self.buyers.vouch(visitor.visit)
        buyer = self.buyers.answer(self.office.notice.hash, PHONE, yes=True)
        assert buyer is not None and buyer.reach == "all"

    def case(self) -> Case:
        last = self.office.store.last_verdict("R-1")
        assert last is not None and last.inputs is not None
        return read(last.inputs.encode())[0]

    def kinds(self) -> list[str]:
        return sorted(one.kind for one in self.case().presences)


def test_a_call_that_announced_the_visit_is_evidence_once_it_is_clear_whose_it_was(office: Office) -> None:
    """P14, P27: recording was agreed to by key, channel_risk by the person whose number it is."""
    line = Line(office)
    line.call(PHONE, agrees=True)
    visitor = line.come()
    line.report(PHONE, "R-1")
    assert line.kinds() == ["registration"], "a number that was typed opens nothing of before"
    line.vouched(visitor)
    assert line.kinds() == ["announced_call", "registration"]


def test_who_pressed_nothing_is_joined_with_nothing_ever(office: Office) -> None:
    """P27: counted, kept 72 h to call back, and no evidence."""
    line = Line(office)
    line.call(PHONE, agrees=False)
    line.call(OTHER, agrees=True)
    visitor = line.come()
    line.report(PHONE, "R-1")
    line.vouched(visitor)
    assert line.kinds() == ["registration"]


def test_a_call_after_the_last_visit_announced_none(office: Office) -> None:
    line = Line(office)
    visitor = line.come()
    line.vouched(visitor)
    line.call(PHONE, agrees=True)
    line.report(PHONE, "R-1")
    assert line.kinds() == ["registration"]
    line.come()
    assert line.kinds() == ["announced_call", "registration", "registration"]


def test_p43_ending_either_consent_ends_the_use_of_the_call_at_once(office: Office) -> None:
    """P43: caller and visitor are two persons for the box; the word of either reaches the finding."""
    line = Line(office)
    line.call(PHONE, agrees=True)
    line.vouched(line.come())
    line.report(PHONE, "R-1")
    assert "announced_call" in line.kinds()
    line.rights.withdraw(PHONE, frozenset({REC}))
    assert line.kinds() == ["registration"]
    line.rights.withdraw(PHONE, frozenset({C}))
    assert line.kinds() == []


def test_p41_an_erasure_leaves_nothing_of_the_join(office: Office) -> None:
    """P41"""
    line = Line(office)
    line.call(PHONE, agrees=True)
    line.vouched(line.come())
    line.report(PHONE, "R-1")
    line.rights.erase_number(PHONE)
    database = office.store._database
    assert database.count("SELECT count(*) FROM person_tokens") == 0
    assert database.count("SELECT count(*) FROM verdicts WHERE inputs IS NOT NULL") == 0


def test_the_call_is_in_the_finding_and_in_no_visit(office: Office) -> None:
    """P6: headquarters learns of it by the finding alone, as a time and a kind."""
    line = Line(office)
    line.call(PHONE, agrees=True)
    line.vouched(line.come())
    line.report(PHONE, "R-1")
    told = [json.loads(record.model_dump_json()) for record in line.leaving()]
    visits = [one for one in told if one["kind"] == "visit"]
    assert visits and not any("announced_call" in json.dumps(one["evidence"]) for one in visits)
    newest = [one for one in told if one["kind"] == "verdict"][-1]
    assert '"announced_call"' in newest["inputs"]


def test_a_childs_or_numberless_visit_has_no_caller(office: Office) -> None:
    line = Line(office)
    request = kiosk.Register(
        session="0" * 32, notice_hash=office.notice.hash, scopes=frozenset({R}), party_size=1
    )
    line.desk.register(request)
    assert office.store._database.count("SELECT count(caller) FROM person_tokens") == 0
