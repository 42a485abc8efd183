"""Facts in any order, told twice, left out or in doubt: the finding is the same, or says less, never more."""

from dataclasses import replace
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.judging.case import Answer, Blind, Case, Deal, Extension, Presence, Report
from edge.domain.judging.inputs import read, spelled, used
from edge.domain.judging.judge import judge
from edge.domain.judging.ruleset import RuleSet, read_rules
from edge.wire import TimeQuality

MINUTE, DAY = 60_000, 86_400_000
T = 1_790_000_000_000
AT = st.builds(
    lambda days, minutes, ms: T + days * DAY + minutes * MINUTE + ms,
    st.sampled_from((-31, -1, 0, 1, 30)),
    st.sampled_from((-31, -30, -1, 0, 1, 30, 31, 60, 61)),
    st.sampled_from((-1, 0, 1)),
)
"""Times that lie on the boundaries of the rules below, and a millisecond beside them."""
QUALITY = st.sampled_from(list(TimeQuality))
CHANNEL = st.sampled_from(("channel-1", "channel-2", "channel-3"))
F = TypeVar("F")


def many(of: st.SearchStrategy[F], most: int = 3) -> st.SearchStrategy[tuple[F, ...]]:
    return st.lists(of, max_size=most).map(tuple)


REPORTS = st.builds(
    Report,
    st.just(""),
    CHANNEL,
    st.none() | AT,
    many(AT),
    many(st.builds(Extension, AT, AT)),
    st.sampled_from(("no", "completed", "candidate", "ambiguous")),
)
PRESENCES = st.builds(
    Presence,
    AT,
    QUALITY,
    st.sampled_from(("registration", "id_card", "face_confirmed")),
    st.sampled_from(("customer", "spouse")),
    st.booleans(),
)
CASES = st.builds(
    Case,
    report=st.none() | REPORTS,
    presences=many(PRESENCES),
    answers=many(st.builds(Answer, AT, st.sampled_from(("agent", "walk_in")), st.none() | CHANNEL)),
    other_reports=many(REPORTS),
    deal=st.none()
    | st.builds(
        Deal,
        st.just("d"),
        st.none() | CHANNEL,
        st.none() | AT,
        st.none() | AT,
        st.just(("customer", "spouse")),
    ),
    known_since_ms=st.none() | AT,
    known_listed=st.booleans(),
    owner_is_office=st.booleans(),
    blind=many(st.builds(Blind, AT, st.none() | AT)),
    withdrawn=st.booleans(),
    merged=st.booleans(),
    renumbered=st.booleans(),
    taken_back=st.sampled_from([False] * 9 + [True]),
)
TABLES = {
    "late_report": "{ blind_before_minutes = 30 }",
    "intercept": "{ within_minutes = 30, suspected_minutes = 30 }",
    "protection": "{ report_to_visit_days = 30, visit_to_subscription_days = 30,"
    " without_follow_up_days = 15 }",
    "known_customer": "{}",
    "short_deal": "{ within_hours = 24 }",
    "joint_purchase": "{}",
    "id_at_deal": "{}",
    "fabricated_order": "{}",
    "answer": "{}",
}


def rule_set(on: list[str], keeps: str | None) -> RuleSet:
    tables = "\n".join(f"{name} = {TABLES[name]}" for name in on)
    mode = f'mode = {{ keeps = "{keeps}" }}' if keeps else ""
    book = read_rules(
        f'name = "r"\n[[versions]]\nversion = 1\neffective_from = 2026-01-01T00:00:00Z\n{tables}\n{mode}\n'
    )
    return book.versions[0]


RULES = st.builds(
    rule_set,
    st.lists(st.sampled_from(sorted(TABLES)), unique=True),
    st.sampled_from((None, "first_report", "first_visit")),
)


def _told_again(facts: tuple[F, ...], chance: Random) -> tuple[F, ...]:
    """Return them in another order, one of them twice."""
    twice = [*facts, *facts[:1]]
    return tuple(chance.sample(twice, len(twice)))


@settings(max_examples=400, deadline=None)
@given(CASES, RULES, st.randoms(use_true_random=False))
def test_the_same_facts_in_any_order_and_told_twice(case: Case, rules: RuleSet, chance: Random) -> None:
    again = replace(
        case,
        presences=_told_again(case.presences, chance),
        answers=_told_again(case.answers, chance),
        other_reports=_told_again(case.other_reports, chance),
        blind=_told_again(case.blind, chance),
    )
    assert again.canonical() == case.canonical()
    assert judge(again, rules) == judge(case, rules)


@settings(max_examples=400, deadline=None)
@given(CASES, RULES)
def test_what_is_kept_of_a_case_gives_the_same_finding_and_the_same_bytes(case: Case, rules: RuleSet) -> None:
    """Replay: from the stored inputs alone, which hold no more than the rules that are on compare."""
    kept = used(case, rules)
    inputs = spelled(kept, rules)
    back, by = read(inputs)
    assert spelled(back, by) == inputs
    assert judge(back, by) == judge(case, rules)
    assert used(kept, rules).canonical() == kept.canonical()


DEAL = Deal("d", "channel-1", T, T + DAY, ("customer", "spouse"))


def test_a_finding_rests_on_no_more_than_its_rules_compare() -> None:
    """What changes beside it then makes no new version."""
    claim = Report("R-1", "channel-1", T, (T + 1,), (Extension(T, T + DAY),))
    spouse = Presence(T + 2, TimeQuality.SYNCHRONISED, buyer="spouse")
    full = Case(
        claim, (spouse,), (Answer(T, "agent"),), (replace(claim, channel="channel-2"),), DEAL,
        known_since_ms=T, known_listed=True, owner_is_office=True, blind=(Blind(T - 1, None),),
    )  # fmt: skip
    bare = Deal("d", None, buyers=())
    assert used(full, rule_set([], None)) == Case(replace(claim, followed_ms=(), extended=()), deal=bare)
    deal = replace(bare, channel="channel-1", contracted_ms=T + DAY)
    assert used(full, rule_set(["short_deal"], None)).deal == deal
    kept = used(full, rule_set(["late_report", "joint_purchase"], None))
    assert (kept.presences, kept.blind, kept.deal) == (
        full.presences, full.blind, replace(bare, buyers=DEAL.buyers)
    )  # fmt: skip
    assert used(full, rule_set(["protection"], "first_report")).other_reports == full.other_reports
    assert used(full, rule_set(["fabricated_order"], None)).other_reports == ()
    assert used(full, rule_set(["known_customer"], None)).known_since_ms == T
    for gone in (replace(full, taken_back=True), replace(full, report=replace(claim, masked="candidate"))):
        assert not used(gone, rule_set(sorted(TABLES), "first_visit")).presences


@settings(max_examples=400, deadline=None)
@given(CASES, RULES)
def test_doubt_never_makes_a_risk(case: Case, rules: RuleSet) -> None:
    """A box that was off, or a clock nobody vouches for, takes a RISK away or leaves it: it adds none."""
    sharp = judge(replace(case, blind=()), rules).verdict
    assert judge(case, rules).verdict != "RISK" or sharp == "RISK"
    if judge(case, rules).verdict == "UNKNOWN":
        return
    unsure = tuple(replace(p, quality=TimeQuality.UNKNOWN) for p in case.presences)
    doubted = judge(replace(case, presences=unsure), rules)
    if doubted.verdict == "RISK":
        assert set(doubted.reasons) <= set(_WITHOUT_PRESENCE)


_WITHOUT_PRESENCE = (
    "known_customer", "owner_is_office", "channel_never_reported", "another_reported_first",
)  # fmt: skip
"""Reasons that compare no presence."""


@settings(max_examples=400, deadline=None)
@given(CASES, RULES)
def test_a_withdrawal_leaves_no_risk_that_rests_on_a_presence(case: Case, rules: RuleSet) -> None:
    found = judge(replace(case, withdrawn=True), rules)
    if found.verdict == "RISK":
        assert set(found.reasons) <= set(_WITHOUT_PRESENCE) - {"channel_never_reported"}


@settings(max_examples=300, deadline=None)
@given(CASES, RULES, PRESENCES)
def test_a_form_on_paper_decides_nothing(case: Case, rules: RuleSet, form: Presence) -> None:
    with_it = replace(case, presences=(*case.presences, replace(form, typed=True, kind="registration")))
    assert judge(with_it, rules).verdict == judge(case, rules).verdict
    assert judge(with_it, rules).reasons == judge(case, rules).reasons


@settings(max_examples=300, deadline=None)
@given(CASES, RULES)
def test_a_masked_number_that_may_be_anybodys_is_nobodys(case: Case, rules: RuleSet) -> None:
    """Neither for the claim itself nor against a rival."""
    if case.report is not None:
        for masked in ("candidate", "ambiguous"):
            found = judge(replace(case, report=replace(case.report, masked=masked)), rules)
            assert found.verdict == "UNKNOWN"
    without = tuple(one for one in case.other_reports if one.masked in ("no", "completed"))
    assert judge(replace(case, other_reports=without), rules) == judge(case, rules)


@given(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from((b"[]", b"{}", b'{"report":"R-1"}', b'{"case":{},"rules":{}}')),
    )
)
def test_inputs_of_another_form_are_an_error_that_says_so(inputs: bytes) -> None:
    """Those of a program before there was a case among them."""
    with pytest.raises(ValueError):
        read(inputs)
