"""Each worked case of tests/cases gives the finding that it says, and every code there is has a case."""

from itertools import permutations
from pathlib import Path

import pytest

from edge.domain.judging import inputs
from edge.domain.judging.judge import judge
from edge.wire.finding import Finding
from tests.unit.judging import codes
from tests.unit.judging.worked import CASES, EXAMPLES, PATHS, Missing, read


def _found(path: Path) -> Finding:
    worked = read(path)
    return judge(worked.case(), EXAMPLES[worked.rules].rules)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_worked_case_gives_what_it_says(path: Path) -> None:
    found, expected = _found(path), read(path).expected
    missing = [
        Missing(rule=one.rule, cause=unknown.code, minutes=unknown.minutes)
        for one in found.outcomes
        for unknown in one.unknown
    ]
    assert (found.verdict, found.reasons) == (expected.verdict, expected.reasons)
    assert missing == list(expected.unknown)
    assert [one.code for one in found.outcomes if one.verdict is None] == list(expected.noted)
    assert found.review_reasons == expected.review


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_worked_case_is_the_same_from_its_inputs_and_in_any_order(path: Path) -> None:
    worked = read(path)
    case, rules = worked.case(), EXAMPLES[worked.rules].rules
    spelled = inputs.spelled(inputs.used(case, rules), rules)
    assert judge(*inputs.read(spelled)) == judge(case, rules)
    for came in permutations(worked.came):
        again = worked.model_copy(update={"came": came}).case()
        assert inputs.spelled(inputs.used(again, rules), rules) == spelled


def test_every_code_that_a_rule_can_give_is_shown_by_a_case() -> None:
    found = [_found(path) for path in PATHS]
    outcomes = [one for finding in found for one in finding.outcomes]
    assert {(one.rule, one.code) for one in outcomes} == codes.OUTCOMES
    assert {unknown.code for one in outcomes for unknown in one.unknown} == codes.UNKNOWNS
    assert {code for one in outcomes for code in one.review} == codes.REVIEWS
    assert {finding.verdict for finding in found} == {"NORMAL", "RISK", "UNKNOWN"}


def test_every_rule_set_is_used_and_every_file_is_read() -> None:
    assert {read(path).rules for path in PATHS} == set(EXAMPLES)
    assert {*PATHS, CASES / "rules.toml"} == set(CASES.iterdir())
    numbers = [int(path.name.partition("-")[0]) for path in PATHS]
    assert numbers == list(range(1, len(PATHS) + 1))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('rules = "late"', 'rules = "late"\nrule = "late"'),
        ('channel = "渠道A"', 'channel = "渠道A"\nagent = "somebody"'),
        ('at = "2026-11-20 10:01"', "at = 2026-11-20T10:01:00"),
        ('at = "2026-11-20 10:01"', 'at = "2026-11-20"'),
        ('rules = "late"', 'rules = "later"'),
        ('verdict = "NORMAL"', 'verdict = "normal"'),
        ('title.zh = "报备早一分钟"', ""),
        ("[[came]]", "[[came"),
    ],
)
def test_what_a_file_may_not_say_is_an_error_that_names_it(tmp_path: Path, before: str, after: str) -> None:
    text = (CASES / "02-reported-a-minute-before-arrival.toml").read_text("utf-8")
    wrong = tmp_path / "02-wrong.toml"
    wrong.write_text(text.replace(before, after), "utf-8")
    assert text != wrong.read_text("utf-8")
    with pytest.raises(ValueError, match=r"02-wrong\.toml"):
        read(wrong)
