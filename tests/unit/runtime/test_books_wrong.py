"""Rows that are wrong, or that come late: none of them blocks the box, and none makes a RISK out of a gap."""

from typing import Any

import pytest

from edge.domain.judging import inputs
from edge.domain.judging.case import Answer, Blind, Case, Presence, Report
from edge.domain.judging.judge import judge
from edge.domain.judging.ruleset import read_rules
from edge.ipc.findings import About
from edge.runtime.office import new_id
from edge.wire import EraseCommand, Scope, TimeQuality
from tests.unit.runtime.test_books import ANNA, BEN, DAY, HOUR, LISTED, Box, Row, T, _purge, box, deal, report

__all__ = ["box"]
HEAD = 'name = "office"\n[[versions]]\nversion = 1\neffective_from = 2020-01-01T00:00:00+08:00\n'
JOINT = read_rules(HEAD + "joint_purchase = {}\nfabricated_order = {}\n")
FIRST_VISIT = read_rules(HEAD + 'mode = { keeps = "first_visit" }\n')


@pytest.mark.parametrize(
    "row",
    [
        report(at=2**63),
        report(changed_ms=2**63),
        report(at=2**63 - 5),
        report(at=10**17),
        {"kind": "customer", "ref": "C-1", "changed_ms": 2**63 - 1, "phone": ANNA, "since_ms": 1},
        {"kind": "follow_up", "ref": "F-1", "changed_ms": 1, "report": "R-1", "at_ms": 10**30},
    ],
)
def test_a_time_that_no_calendar_has_is_refused_and_the_next_order_is_taken(box: Box, row: Row) -> None:
    """P46: what raised would come again for ever, before every erasure that is ordered."""
    assert box.take(row) == ("refused", "row_wrong")
    assert box.take(report()) == ("done", "ok")


def test_what_one_buyer_withdrew_makes_no_risk_of_the_deal(box: Box) -> None:
    """P43: a visit that may not be used any more isn't one that never was."""
    box.risk._book = JOINT
    box.come(ANNA, T - HOUR)
    box.come(BEN, T + HOUR)
    box.take(report(), deal(buyers=(ANNA, BEN)))
    assert box.verdict("D-1", "deal") == ("NORMAL", ("came_after_a_report",))
    person = box.office.find(box.office.gate.permit_rights(), "registration", BEN)
    assert person is not None
    box.rights.withdraw_person(person, frozenset({Scope.CHANNEL_RISK}), "visitor")
    verdict, reasons = box.verdict("D-1", "deal")
    assert verdict == "UNKNOWN" and "consent_withdrawn" in (reasons or ())


def test_a_deal_whose_buyer_was_corrected_remembers_what_was_deleted_meanwhile(box: Box) -> None:
    box.come(ANNA, T + HOUR)
    box.come(BEN, T + HOUR)
    box.take(report(phone=BEN), LISTED)
    box.take(deal(buyers=(ANNA,)))
    _purge(box, T + 31 * DAY)
    box.take(deal(buyers=(BEN,), changed_ms=T + 1))
    assert box.verdict("D-1", "deal") == ("UNKNOWN", ("reports_deleted",))


@pytest.mark.parametrize("erased", [False, True])
def test_p29_a_channel_isnt_accused_of_a_claim_that_the_box_itself_didnt_keep(box: Box, erased: bool) -> None:
    """P29: it came while they had withdrawn, or went with their erasure; then they came again and bought."""
    box.come(ANNA, T - HOUR)
    if erased:
        box.take(report(), LISTED)
        who = box.office.tokens.token("registration", ANNA)
        box.orders.carry_out(EraseCommand(command_id=new_id(), box="box-01", issued_ms=1, who=who))
    else:
        person = box.office.find(box.office.gate.permit_rights(), "registration", ANNA)
        assert person is not None
        box.rights.withdraw_person(person, frozenset({Scope.CHANNEL_RISK}), "visitor")
        box.take(report(), LISTED)
    box.come(ANNA, T + 10 * HOUR)
    box.take(deal(subscribed_ms=T + 11 * HOUR))
    assert box.verdict("D-1", "deal") == ("UNKNOWN", ("reports_deleted",))
    box.take(report("R-9", at=T + HOUR, changed_ms=T + 1))
    assert box.verdict("D-1", "deal")[0] == "NORMAL", "the channel supplied it again"


def test_p46_what_was_found_of_somebody_by_mistake_is_gone_when_their_book_corrects_it(box: Box) -> None:
    """P46: their erasure looks by whom a report is on, and wouldn't find it."""
    box.come(ANNA, T - HOUR)
    box.take(report(), deal(), LISTED)
    assert str(T - HOUR) in box.everything()
    box.take(report(phone=BEN, changed_ms=T + 1), deal(buyers=(BEN,), changed_ms=T + 1))
    on: tuple[tuple[About, str], ...] = (("report", "R-1"), ("deal", "D-1"))
    for about, ref in on:
        first, newest = box.office.store.verdicts(ref, about)[0], box.office.store.last_verdict(ref, about)
        assert (first.version, first.inputs) == (1, None) and first.inputs_hash
        assert newest is not None and newest.version == 2 and str(T - HOUR) not in (newest.inputs or "")


def test_a_name_that_is_another_channels_code_takes_none_of_its_reports(box: Box) -> None:
    box.come(ANNA, T + HOUR)
    box.take(report(channel="beta"), deal(channel="beta"), LISTED)
    before = box.verdict("D-1", "deal")
    box.take({"kind": "channel", "ref": "alpha", "changed_ms": T, "name": "beta"})
    assert box.verdict("D-1", "deal") == before == ("NORMAL", before[1])
    assert box.record("R-1").channel == "beta"


def _first_visit(*blind: Blind) -> Any:
    at = {"own": T, "rival": T + 15 * DAY, "came": T + 20 * DAY}
    case = Case(
        Report("R-1", "channel-1", at["own"], extended=()),
        presences=(Presence(at["came"], TimeQuality.SYNCHRONISED),),
        answers=(Answer(at["came"], "agent", "channel-2"),),
        other_reports=(Report("", "channel-2", at["rival"]),),
        blind=blind,
    )
    (rules,) = FIRST_VISIT.versions
    return judge(inputs.used(case, rules), rules)


def test_whoever_may_have_come_while_the_box_was_off_came_first_with_nobody_for_sure() -> None:
    """P41: the first visit that was seen needn't be the first one."""
    assert _first_visit().verdict == "RISK"
    off = _first_visit(Blind(T + DAY, T + 6 * DAY))
    assert off.verdict == "UNKNOWN" and off.outcomes[0].unknown[0].minutes == 5 * 24 * 60
    assert _first_visit(Blind(T + 21 * DAY, T + 22 * DAY)).verdict == "RISK", "afterwards it is all the same"
