"""A deal is judged by the claim of its channel that supports it best, in whichever order the claims came."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.judging import inputs
from edge.domain.judging.case import Case, Deal, Presence, Report
from edge.domain.judging.choice import strongest
from edge.domain.judging.judge import judge
from edge.domain.judging.ruleset import RuleBook, RuleSet, read_rules
from edge.wire import TimeQuality
from tests.unit.judging import oracle
from tests.unit.judging.test_oracle import Drawn
from tests.unit.judging.test_order import AT, CASES, DAY, REPORTS, RULES, T, rule_set

BOUGHT = Deal("d", "channel-1", T + 9 * DAY, T + 10 * DAY)
ALL = rule_set(["late_report", "fabricated_order"], None)
CAME = Presence(T + DAY, TimeQuality.SYNCHRONISED)


def _cases(case: Case, deal: Deal, claims: tuple[Report, ...]) -> list[Case]:
    """Return a case for each claim of the deal's channel, as the box makes them."""
    own = [replace(one, channel=deal.channel or "", ref=f"R-{n}") for n, one in enumerate(claims)]
    if not own:
        return [replace(case, report=None, deal=deal)]
    return [
        replace(
            case, report=one, deal=deal,
            other_reports=(*case.other_reports, *(replace(x, ref="") for x in own if x is not one)),
        )
        for one in own
    ]  # fmt: skip


def _book(rules: RuleSet) -> RuleBook:
    return RuleBook(name=rules.name, versions=(rules,))


@settings(max_examples=300, deadline=None)
@given(
    CASES,
    st.builds(Deal, st.just("d"), st.just("channel-1"), st.none() | AT, st.none() | AT),
    st.lists(REPORTS, max_size=4).map(tuple),
    RULES,
    st.randoms(use_true_random=False),
)
def test_the_oracle_chooses_the_same_in_any_order(
    case: Case, deal: Deal, claims: tuple[Report, ...], rules: RuleSet, chance: Random
) -> None:
    cases = _cases(case, deal, claims)
    chosen, by = strongest(cases, _book(rules))
    assert strongest(chance.sample(cases, len(cases)), _book(rules)) == (chosen, by)
    theirs = oracle.strongest(chance.sample(cases, len(cases)), rules)
    assert chosen == inputs.used(theirs, rules)
    assert judge(chosen, by).verdict == oracle.judge(theirs, rules)[0]


def test_the_oracle_chooses_the_same_on_limits() -> None:
    drawn = Drawn(36)
    for _ in range(1_000):
        rules, deal = drawn.rules(), replace(drawn.deal(), channel="channel-1")
        claims = tuple(drawn.report() for _ in range(drawn.chance.randrange(4)))
        cases = _cases(drawn.case(), deal, claims)
        theirs = oracle.strongest(cases, rules)
        assert strongest(cases, _book(rules))[0] == inputs.used(theirs, rules), (cases, rules)


@pytest.mark.parametrize(
    ("times", "chosen"),
    [
        ((T, T + DAY - 1), "R-0"),  # both earned it: the earlier one
        ((T + DAY, T), "R-1"),  # NORMAL before RISK: a claim in the minute of arrival is late
        ((T + DAY + 1, None), "R-1"),  # UNKNOWN before RISK
        ((None, T), "R-1"),  # NORMAL before UNKNOWN
        ((T, T), "R-0"),  # then by reference
        ((T + DAY, T + DAY + 1), "R-0"),  # both late: the earlier one
    ],
)
def test_which_claim_supports_a_deal_best(times: tuple[int | None, ...], chosen: str) -> None:
    claims = tuple(Report("", "channel-1", at) for at in times)
    case, _rules = strongest(
        _cases(Case(None, (CAME,)), BOUGHT, claims), _book(rule_set(["late_report"], None))
    )
    assert case.report is not None and case.report.ref == chosen


BOOK = read_rules(
    """
name = "r"
[[versions]]
version = 1
effective_from = 2020-01-01T00:00:00Z
fabricated_order = {}
[[versions]]
version = 2
effective_from = 2026-09-25T00:00:00Z
late_report = { blind_before_minutes = 30 }
"""
)
"""The second version begins between T and BOUGHT's contract."""


def test_rules_are_those_of_the_claims_time_or_of_the_deals_if_nobody_reported() -> None:
    claim = Report("", "channel-1", T)
    assert strongest(_cases(Case(None, (CAME,)), BOUGHT, (claim,)), BOOK)[1].version == 1
    assert strongest(_cases(Case(None, (CAME,)), BOUGHT, ()), BOOK)[1].version == 2
    untimed = replace(BOUGHT, subscribed_ms=None, contracted_ms=None)
    assert strongest(_cases(Case(None, (CAME,)), untimed, ()), BOOK)[1].version == 1


def test_a_deal_whose_channel_never_reported_is_judged_without_a_claim() -> None:
    """Rules on the claim say nothing of it, known customers among them: `fabricated_order` does."""
    on = [
        "late_report",
        "intercept",
        "protection",
        "known_customer",
        "short_deal",
        "answer",
        "fabricated_order",
    ]
    case = Case(None, (CAME,), deal=BOUGHT, known_since_ms=T, known_listed=True)
    found = judge(case, rule_set(on, "first_report"))
    assert [(one.rule, one.code) for one in found.outcomes] == [
        ("fabricated_order", "channel_never_reported")
    ]
