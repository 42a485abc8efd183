"""The late-report rule to the millisecond; what is missing is UNKNOWN; same facts, same bytes."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.verdict import Inputs, Presence, judge
from edge.wire import TimeQuality

REPORTED = 1_764_000_000_000
GOOD, DRIFTING, UNSURE = TimeQuality.SYNCHRONISED, TimeQuality.DRIFTING, TimeQuality.UNKNOWN


def inputs(*presences: Presence, reported_ms: int | None = REPORTED, withdrawn: bool = False,
           told: tuple[str, ...] = ()) -> Inputs:  # fmt: skip
    return Inputs(
        report_ref="R-1",
        reported_ms=reported_ms,
        presences=presences,
        sources_told=told,
        withdrawn=withdrawn,
        rule_set="office-2026",
        rule_version=3,
    )


def here(offset_ms: int, quality: TimeQuality = GOOD) -> Presence:
    return Presence(REPORTED + offset_ms, quality)


@pytest.mark.parametrize(
    ("offset_ms", "verdict", "reason"),
    [
        (-86_400_000, "RISK", "late_report"),
        (-1, "RISK", "late_report"),
        (0, "RISK", "late_report"),  # domain.md: first evidenced presence ≤ report time
        (1, "NORMAL", "reported_before_presence"),
        (86_400_000, "NORMAL", "reported_before_presence"),
    ],
)
def test_late_report_at_the_boundary(offset_ms: int, verdict: str, reason: str) -> None:
    result = judge(inputs(here(offset_ms)))
    assert (result.verdict, result.reasons, result.review_reasons) == (verdict, (reason,), ())


def test_the_first_of_several_presences_counts() -> None:
    assert judge(inputs(here(5), here(-1), here(9))).verdict == "RISK"
    assert judge(inputs(here(5), here(1), here(9))).verdict == "NORMAL"


@pytest.mark.parametrize("offset_ms", [-1, 0, 1])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reported_ms": None}, "no_report_time"),
        ({"presences": ()}, "no_evidence_of_presence"),
        ({"withdrawn": True}, "consent_withdrawn"),
        ({"withdrawn": True, "presences": ()}, "consent_withdrawn"),
    ],
)
def test_what_is_missing_gives_unknown_whatever_the_rest_says(
    offset_ms: int, change: dict[str, object], reason: str
) -> None:
    result = judge(replace(inputs(here(offset_ms)), **change))  # type: ignore[arg-type] # one field each
    assert (result.verdict, result.reasons) == ("UNKNOWN", (reason,))


def on_paper(offset_ms: int) -> Presence:
    return Presence(REPORTED + offset_ms, UNSURE, on_paper=True)


@given(st.lists(st.integers(-9, 9)), st.lists(st.integers(-9, 9), min_size=1), st.booleans())
def test_a_time_written_on_paper_decides_nothing(
    seen: list[int], written: list[int], withdrawn: bool
) -> None:
    """Whatever a form says beside them, finding and reasons are those of what a clock saw alone."""
    alone = inputs(*map(here, seen), withdrawn=withdrawn)
    beside = replace(alone, presences=(*alone.presences, *map(on_paper, written)))
    assert (judge(beside).verdict, judge(beside).reasons) == (judge(alone).verdict, judge(alone).reasons)
    assert beside.first_presence == alone.first_presence
    earlier = any(offset <= 0 for offset in written)
    assert judge(beside).review_reasons == (("paper_before_report",) if earlier else ())
    assert beside.hash() != alone.hash(), "the finding names what it was shown"


def test_findings_from_before_there_were_forms_have_the_same_inputs() -> None:
    assert b"paper" not in inputs(here(1)).canonical()


@pytest.mark.parametrize("quality", [DRIFTING, UNSURE])
@pytest.mark.parametrize("offset_ms", [-1, 0, 1])
def test_a_clock_that_was_not_synchronised_proves_nothing(offset_ms: int, quality: TimeQuality) -> None:
    result = judge(inputs(here(offset_ms, quality), here(10)))
    assert (result.verdict, result.reasons) == ("UNKNOWN", ("clock_not_synchronised",))


@pytest.mark.parametrize("offset_ms", [-1, 0, 1])
def test_of_two_presences_at_one_instant_the_worse_clock_counts(offset_ms: int) -> None:
    for pair in ((here(offset_ms), here(offset_ms, DRIFTING)), (here(offset_ms, DRIFTING), here(offset_ms))):
        assert judge(inputs(*pair)).verdict == "UNKNOWN"


def test_all_that_is_missing_is_named() -> None:
    result = judge(inputs(reported_ms=None))
    assert result.reasons == ("no_report_time", "no_evidence_of_presence")


@pytest.mark.parametrize(
    ("told", "review"),
    [
        ((), ()),
        (("agent",), ()),
        (("agent", "agent"), ()),
        (("walk_in",), ("answer_contradicts_report",)),
        (("friend", "agent"), ("answer_contradicts_report",)),
    ],
)
@pytest.mark.parametrize("offset_ms", [-1, 1])
def test_an_answer_that_contradicts_gives_review_and_never_changes_the_verdict(
    told: tuple[str, ...], review: tuple[str, ...], offset_ms: int
) -> None:
    result = judge(inputs(here(offset_ms), told=told))
    assert result.review_reasons == review
    assert result.verdict == judge(inputs(here(offset_ms))).verdict


presences = st.lists(
    st.builds(Presence, st.integers(REPORTED - 3, REPORTED + 3), st.sampled_from(TimeQuality)), max_size=6
)
any_inputs = st.builds(
    Inputs,
    report_ref=st.sampled_from(["R-1", "R-2"]),
    reported_ms=st.none() | st.integers(REPORTED - 3, REPORTED + 3),
    presences=presences.map(tuple),
    sources_told=st.lists(st.sampled_from(["agent", "walk_in", "friend"]), max_size=4).map(tuple),
    withdrawn=st.booleans(),
    rule_set=st.just("office-2026"),
    rule_version=st.integers(1, 3),
)


@given(any_inputs, st.randoms(use_true_random=False))
def test_same_facts_in_any_order_and_number_give_the_same_bytes(facts: Inputs, chance: random.Random) -> None:
    """domain.md: a verdict can be replayed: same inputs and rule version, same bytes."""
    several, told = list(facts.presences) * 2, list(facts.sources_told) * 3
    chance.shuffle(several)
    chance.shuffle(told)
    again = replace(facts, presences=tuple(several), sources_told=tuple(told))
    assert again.canonical() == facts.canonical()
    assert again.hash() == facts.hash()
    assert judge(again) == judge(facts)


@given(any_inputs)
def test_risk_comes_only_from_complete_inputs(facts: Inputs) -> None:
    result = judge(facts)
    if result.verdict == "UNKNOWN":
        return
    assert facts.reported_ms is not None and not facts.withdrawn and facts.presences
    first = min(p.at_ms for p in facts.presences)
    assert all(p.quality is GOOD for p in facts.presences if p.at_ms == first)
    assert (result.verdict == "RISK") == (first <= facts.reported_ms)


@given(any_inputs)
def test_a_verdict_always_names_its_reasons(facts: Inputs) -> None:
    assert judge(facts).reasons


@given(any_inputs, any_inputs)
def test_other_facts_have_another_hash(one: Inputs, other: Inputs) -> None:
    def meaning(facts: Inputs) -> object:
        return (
            facts.report_ref, facts.reported_ms, set(facts.presences), set(facts.sources_told),
            facts.withdrawn, facts.rule_version,
        )  # fmt: skip

    assert (one.hash() == other.hash()) == (meaning(one) == meaning(other))


def test_the_inputs_are_times_and_never_a_person() -> None:
    """domain.md: inputs are times, never pictures; the canonical form has exactly these keys."""
    spelled = json.loads(inputs(here(0), told=("agent",)).canonical())
    assert set(spelled) == {"report", "reported_ms", "presences", "sources", "withdrawn", "rule"}
