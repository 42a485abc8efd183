"""What a finding is told in: every code in both languages, every moment that was compared, nobody's name."""

import re
from datetime import datetime
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.judging.judge import judge
from edge.wire import sentences
from edge.wire.finding import Finding, Outcome
from edge.wire.sentences import Language, explain
from tests.unit.judging import codes
from tests.unit.judging.worked import EXAMPLES, PATHS, ZONE, at_ms, read

LANGUAGES: tuple[Language, Language] = ("zh", "en")
NAMED = {"known", "report", "other", "arrival", "until", "subscription", "contract", "card", "answer"}


def _found(path: Path) -> Finding:
    worked = read(path)
    return judge(worked.case(), EXAMPLES[worked.rules].rules)


def _one(outcome: Outcome, language: Language) -> str:
    (sentence,) = explain(Finding("NORMAL", (outcome,)), language, ZONE)
    return sentence


def test_every_code_has_words_and_no_word_is_left_over() -> None:
    assert set(sentences.RULES) == {rule for rule, _ in codes.OUTCOMES}
    assert {key.partition(".")[0] for key in sentences.OUTCOMES} == {code for _, code in codes.OUTCOMES}
    assert {key.partition(".")[0] for key in sentences.UNKNOWNS} == codes.UNKNOWNS
    assert set(sentences.REVIEWS) == codes.REVIEWS


def test_both_languages_say_the_same_times_each_in_its_own_script() -> None:
    tables = (sentences.VERDICTS, sentences.RULES, sentences.OUTCOMES, sentences.UNKNOWNS)
    for table in (*tables, sentences.SUPPLIERS, sentences.REVIEWS):
        for key, (zh, en) in table.items():
            fields = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (zh, en)]
            assert fields[0] == fields[1], key
            ends = {end for name in fields[0] for end in name.split("_to_")}
            assert ends <= NAMED | {"minutes"}, key
            assert re.search(r"[\u4e00-\u9fff]", zh), key
            assert not re.search(r"[\u3000-\u9fff\uff00-\uffef]", en), key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_sentence_for_each_rule_tells_all_its_times_and_names_nobody(
    path: Path, language: Language
) -> None:
    found = _found(path)
    told = explain(found, language, ZONE)
    assert len(told) == len(found.outcomes)
    for outcome, sentence in zip(found.outcomes, told, strict=True):
        for ms in outcome.times.values():
            assert datetime.fromtimestamp(ms / 1000, ZONE).strftime("%H:%M:%S") in sentence
        for unknown in outcome.unknown:
            assert unknown.minutes is None or f" {unknown.minutes} " in sentence
        assert "渠道A" not in sentence
        assert not re.search(r"[{}]|None|spouse", sentence)


def test_a_day_is_told_once_and_the_time_between_in_words() -> None:
    times = {"report": at_ms("2026-11-20 10:00"), "arrival": at_ms("2026-11-20 10:05")}
    before = Outcome("late_report", "NORMAL", "reported_before_presence", times)
    assert _one(before, "zh") == (
        "晚报备【正常】：报备时间 2026-11-20 10:00:00，客户方首次到场 10:05:00，报备早了 5 分钟。"
    )
    assert _one(before, "en") == (
        "Late report [normal]: Reported at 2026-11-20 10:00:00; the customer’s party first came at "
        "10:05:00, 5 min after it."
    )


def test_the_same_second_is_told_to_the_thousandth() -> None:
    at = at_ms("2026-11-20 10:00")
    before = Outcome("late_report", "NORMAL", "reported_before_presence", {"report": at, "arrival": at + 345})
    assert "10:00:00.000，客户方首次到场 10:00:00.345，报备早了 345 毫秒" in _one(before, "zh")
    same = Outcome("late_report", "RISK", "late_report", {"report": at, "arrival": at})
    assert "10:00:00，客户方到场 10:00:00，是同一时刻" in _one(same, "zh")


def test_an_arrival_before_the_report_is_never_called_later() -> None:
    at = at_ms("2026-11-20 10:00")
    came = Outcome("late_report", "RISK", "late_report", {"report": at, "arrival": at - 120_000})
    assert "09:58:00 已经到场，报备晚了 2 分钟" in _one(came, "zh")
    signed = Outcome("short_deal", None, "short_deal", {"report": at, "contract": at - 3_600_000})
    assert "签约后过了 1 小时 才报备" in _one(signed, "zh")


@given(st.sampled_from(sorted(sentences.OUTCOMES)), st.data())
def test_every_template_can_be_told_wherever_its_moments_lie(key: str, data: st.DataObject) -> None:
    fields = {name for _, name, _, _ in Formatter().parse(sentences.OUTCOMES[key][0]) if name}
    named = {name for name in fields if "_to_" not in name}
    at = st.integers(0, 4_000_000_000_000)
    order = [name for name in ("known", "report", "other", "arrival") if name in named]
    times = {name: data.draw(at) for name in (*order, *sorted(named - set(order)))}
    outcome = Outcome("late_report", None, key.partition(".")[0], times)
    for language in LANGUAGES:
        told = _one(outcome, language)
        assert not re.search(r"[{}]|-\d+ (d|h|min|s|ms|天|小时|分钟|秒|毫秒)\b", told)
        for ms in times.values():
            assert datetime.fromtimestamp(ms / 1000, ZONE).strftime("%H:%M:%S") in told
