"""Findings follow their inputs: a new version at once when evidence comes or a scope ends, none otherwise."""

import pytest

from edge.domain.errors import InvalidInput
from edge.domain.idcard import CardKind
from edge.domain.judging.inputs import read
from edge.domain.judging.judge import judge
from edge.domain.judging.ruleset import LateReport, Mode
from edge.ipc.kiosk import Register
from edge.ipc.messages import CallStarted, CardRead
from edge.ipc.operator import ReportRow
from edge.runtime.calls import Calls
from edge.runtime.departures import Departures
from edge.runtime.desk import Desk, Visitor
from edge.runtime.links import Links
from edge.runtime.office import Office, Told
from edge.runtime.operation import Operation
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.store.rows import VerdictRow
from edge.wire import Purpose, Scope
from tests.unit.runtime.rules import RULES, books

PHONE = "13800138000"
AGREED = frozenset({Scope.REGISTRATION, Scope.CHANNEL_RISK, Scope.ID_CARD})
LATER_MS = 4_000_000_000_000
"""A report's time after every presence: the first presence came before it."""


class Front:
    """Desk and risk over one store."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.risk = Risk(office, RULES)
        self.rights = Rights(office, self.risk, "b", Links(office, None))
        self.desk = Desk(office, self.risk, self.rights, Links(office, None))
        self.departures = Departures(office, "21:00")

    def register(
        self, scopes: frozenset[Scope] = AGREED, declined: frozenset[Scope] = frozenset()
    ) -> Visitor:
        request = Register(
            session="0" * 32, notice_hash=self.office.notice.hash, scopes=scopes, declined=declined,
            phone=PHONE, source="agent",
        )  # fmt: skip
        _answer, visitor = self.desk.register(request)
        assert visitor is not None
        return visitor

    def report(self, ref: str = "R-1", reported_ms: int = LATER_MS) -> None:
        row = ReportRow(ref=ref, phone=PHONE, channel="a channel", agent="", reported_ms=reported_ms)
        books(self.office, self.risk).import_rows((row,))

    def findings(self, ref: str = "R-1") -> list[tuple[int, str | None]]:
        rows: tuple[VerdictRow, ...] = self.office.store.verdicts(ref)
        return [(row.version, row.verdict) for row in rows]


@pytest.fixture
def front(office: Office) -> Front:
    return Front(office)


def card() -> CardRead:
    return CardRead(
        device="card", kind=CardKind.RESIDENT, lease="0" * 32, at_ms=1,
        name="李四", sex="1", nation="01", birth="19491231",
        address="", number="11010519491231002X", issuer="", valid_from="20200101", valid_until="长期",
        confirmed_twice=True,
    )  # fmt: skip


def test_a_card_read_makes_a_new_version(front: Front) -> None:
    visitor = front.register()
    front.report()
    front.desk.card_read(visitor, card())
    assert front.findings() == [(1, "RISK"), (2, "RISK")]


def test_a_card_of_a_visit_that_is_over_is_not_kept(front: Front) -> None:
    """P6: card and evidence are kept together, or neither."""
    visitor = front.register()
    front.departures.by_number(PHONE)
    with pytest.raises(InvalidInput, match="visit_is_over"):
        front.desk.card_read(visitor, card())
    permit = front.office.gate.permit(Purpose.IDENTITY_CHECK, visitor.person)
    assert front.office.store.card(permit) is None


def test_a_card_read_without_channel_risk_judges_nothing(front: Front) -> None:
    visitor = front.register(AGREED - {Scope.CHANNEL_RISK})
    front.report()
    front.desk.card_read(visitor, card())
    assert front.findings() == [(1, "UNKNOWN")]


def test_ending_the_scope_of_the_evidence_is_judged_at_once(front: Front) -> None:
    """P43: after a withdrawal nothing rests on what it covered."""
    front.register()
    front.report()
    front.rights.withdraw(PHONE, frozenset({Scope.REGISTRATION}))
    assert front.findings() == [(1, "RISK"), (2, "UNKNOWN")]


def test_ending_everything_at_once_ends_in_unknown(front: Front) -> None:
    """P43"""
    visitor = front.register()
    front.report()
    front.desk.card_read(visitor, card())
    front.rights.withdraw(PHONE, frozenset(Scope))
    assert front.findings()[-1][1] == "UNKNOWN"


def test_a_no_after_a_withdrawal_changes_no_finding(front: Front) -> None:
    """P29: nor is a report entered that comes after it."""
    front.register()
    front.report()
    front.rights.withdraw(PHONE, frozenset({Scope.CHANNEL_RISK}))
    front.register(AGREED - {Scope.CHANNEL_RISK}, declined=frozenset({Scope.CHANNEL_RISK}))
    front.report("R-2")
    assert front.findings() == [(1, "RISK"), (2, "UNKNOWN")]
    assert front.office.store.last_verdict("R-2") is None


def test_a_new_yes_after_a_withdrawal_counts_again(front: Front) -> None:
    front.register()
    front.report()
    front.rights.withdraw(PHONE, frozenset({Scope.CHANNEL_RISK}))
    front.register()
    assert front.findings() == [(1, "RISK"), (2, "UNKNOWN"), (3, "RISK")]


def test_another_report_on_the_customer_changes_no_finding(front: Front) -> None:
    visitor = front.register()
    front.report()
    front.desk.card_read(visitor, card())
    before = front.findings()
    front.report("R-2", 1)
    assert front.findings() == before
    assert front.findings("R-2") == [(1, "NORMAL")]


def test_p43_a_caller_withdraws_the_recording_at_the_kiosk_by_the_number_alone(front: Front) -> None:
    """The caller is a person of their own: nothing joined them with a visitor of the same number."""
    calls = Calls(front.office, front.office.store.spool, lambda _line: Told("spoken_test", "0" * 64))
    ringing = CallStarted(device="phone", call="a" * 32, number=PHONE, at_ms=1)
    call = calls.started(ringing, "front-desk")
    assert calls.agreed(call) is not None
    assert call.person is not None
    ended, persons = front.rights.withdraw(PHONE, frozenset({Scope.RECORDING}))
    assert (ended, persons) == ((Scope.RECORDING,), (call.person,))
    assert front.office.store.consent(call.person, Scope.RECORDING).state == "WITHDRAWN"
    assert front.rights.withdraw(PHONE, frozenset({Scope.RECORDING})) == ((), ())


BLIND = RULES.model_copy(
    update={
        "versions": tuple(
            one.model_copy(update={"late_report": LateReport(blind_before_minutes=30)})
            for one in RULES.versions
        )
    }
)


def test_a_box_that_was_off_before_the_report_makes_a_finding_unknown(office: Office) -> None:
    """Nobody could register then, so nobody can say that the customer hadn't been here."""
    front = Front(office)
    front.risk = Risk(office, BLIND)
    now = office.clock.now_ms()
    Operation(office).box_was_down((), now - 20 * 60_000)
    front.report(reported_ms=now)
    front.desk = Desk(office, front.risk, front.rights, Links(office, None))
    front.register()
    assert front.findings()[-1][1] == "UNKNOWN"
    inputs = office.store.verdicts("R-1")[-1].inputs
    assert inputs is not None
    case, rules = read(inputs.encode())
    (unknown,) = [u for o in judge(case, rules).outcomes for u in o.unknown]
    assert (unknown.code, unknown.minutes) == ("box_was_blind", 20)


def test_another_channels_report_is_in_the_inputs_without_its_name(office: Office) -> None:
    """A finding is handed to an agent: it says that another channel reported and when, never which."""
    front = Front(office)
    versions = tuple(one.model_copy(update={"mode": Mode(keeps="first_report")}) for one in RULES.versions)
    front.risk = Risk(office, RULES.model_copy(update={"versions": versions}))
    front.report("R-1", 1_000)
    row = ReportRow(ref="R-2", phone=PHONE, channel="another one", agent="somebody", reported_ms=2_000)
    books(front.office, front.risk).import_rows((row,))
    rows = {ref: office.store.verdicts(ref)[-1] for ref in ("R-1", "R-2")}
    assert rows["R-2"].reasons == ("another_reported_first",)
    for ref, other in (("R-1", "R-2"), ("R-2", "R-1")):
        inputs = rows[ref].inputs
        assert inputs is not None and ref in inputs
        assert not any(name in inputs for name in (other, "another one", "a channel", "somebody"))
