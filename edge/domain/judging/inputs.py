"""The one spelling of what a finding rests on, and back: same inputs, same bytes, same finding."""

import hashlib
import json
from dataclasses import replace

from pydantic import TypeAdapter

from edge.domain.judging import moments
from edge.domain.judging.case import Blind, Case
from edge.domain.judging.ruleset import RuleSet

_CASE: TypeAdapter[Case] = TypeAdapter(Case)


def used(case: Case, rules: RuleSet) -> Case:
    """Return `case` without what no rule that is on compares: a finding rests on no more than it needs."""
    ordered = rules.mode is not None or rules.fabricated_order is not None
    doubt = moments.window_ms(case, rules)
    told = rules.answer is not None or rules.mode is not None
    return replace(
        case,
        other_reports=case.other_reports if ordered else (),
        blind=tuple(b for b in case.blind if doubt and _meets(b, doubt)),
        answers=case.answers if told else (),
    )


def _meets(blind: Blind, window: tuple[int, int]) -> bool:
    return blind.from_ms < window[1] and (blind.until_ms is None or blind.until_ms > window[0])


def spelled(case: Case, rules: RuleSet) -> bytes:
    """Return both as canonical JSON: facts in any order, the same bytes."""
    return b'{"case":%b,"rules":%b}' % (case.canonical(), rules.canonical())


def digest(inputs: bytes) -> str:
    """Return the SHA-256 of spelled inputs, in hex."""
    return hashlib.sha256(inputs).hexdigest()


def read(inputs: bytes) -> tuple[Case, RuleSet]:
    """Return what `spelled` spelled; ValueError for anything else."""
    both = json.loads(inputs)
    if not isinstance(both, dict) or both.keys() != {"case", "rules"}:
        raise ValueError("inputs of another form")  # of a program before there was a case
    return _CASE.validate_python(both["case"]), RuleSet.model_validate(both["rules"])
