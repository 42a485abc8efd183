"""The one spelling of what a finding rests on, and back: same inputs, same bytes, same finding."""

import hashlib
import json
from dataclasses import replace

from pydantic import TypeAdapter

from edge.domain.judging import moments
from edge.domain.judging.case import Answer, Blind, Case, Deal, Presence, Report
from edge.domain.judging.judge import nobodys
from edge.domain.judging.ruleset import RuleSet

_CASE: TypeAdapter[Case] = TypeAdapter(Case)


def used(case: Case, rules: RuleSet) -> Case:
    """Return `case` without what no rule that is on compares: a finding rests on no more than it needs."""
    if nobodys(case):
        return replace(
            case, presences=(), answers=(), other_reports=(), blind=(),
            known_since_ms=None, known_listed=False, owner_is_office=False, withdrawn=False,
        )  # fmt: skip
    listed = rules.known_customer is not None and case.report is not None
    fabricated = rules.fabricated_order is not None and case.deal is not None
    kept = replace(
        case,
        report=_claim(case.report, rules) if case.report is not None else None,
        presences=_presences(case, rules),
        answers=_answers(case, rules),
        other_reports=_others(case, rules),
        deal=_deal(case, case.deal, rules) if case.deal is not None else None,
        known_since_ms=case.known_since_ms if listed else None,
        known_listed=listed and case.known_listed,
        owner_is_office=fabricated and case.owner_is_office,
    )
    doubt = moments.window_ms(kept, rules)
    return replace(kept, blind=tuple(b for b in case.blind if doubt and _meets(b, doubt)))


def _claim(report: Report, rules: RuleSet) -> Report:
    """A claim's follow-ups and extensions are compared by `protection` alone."""
    measure = rules.protection
    followed = measure is not None and measure.without_follow_up_days is not None
    return replace(
        report,
        followed_ms=report.followed_ms if followed else (),
        extended=report.extended if measure is not None else (),
    )


def _others(case: Case, rules: RuleSet) -> tuple[Report, ...]:
    """Rivals' claims are compared by `mode`, those of the deal's channel by `fabricated_order`."""
    channel = case.deal.channel if case.deal is not None and rules.fabricated_order is not None else None
    rivalry = rules.mode is not None and case.report is not None
    return tuple(
        _claim(one, rules) if rivalry else replace(one, followed_ms=(), extended=())
        for one in moments.rivals(case)
        if rivalry or (channel is not None and one.channel == channel)
    )


def _presences(case: Case, rules: RuleSet) -> tuple[Presence, ...]:
    counted: tuple[Presence, ...] = ()
    if any((rules.late_report, rules.intercept, rules.protection, rules.mode, rules.fabricated_order)):
        counted = moments.all_presences(case, rules)
    cards = moments.cards(case) if rules.id_at_deal is not None and case.deal is not None else ()
    return tuple(dict.fromkeys((*counted, *cards)))


def _answers(case: Case, rules: RuleSet) -> tuple[Answer, ...]:
    first_visit = rules.mode is not None and rules.mode.keeps == "first_visit"
    compared = (rules.answer is not None or first_visit) and case.report is not None and not case.withdrawn
    return case.answers if compared else ()


def _deal(case: Case, deal: Deal, rules: RuleSet) -> Deal:
    """A deal's times, channel and buyers are compared by some of the rules."""
    steps = rules.protection is not None or rules.fabricated_order is not None
    attributed = steps or rules.short_deal is not None
    forgot = case.report is None and rules.fabricated_order is not None and moments.forgotten(case, rules)
    bought = rules.joint_purchase is not None or rules.id_at_deal is not None
    return replace(
        deal,
        channel=deal.channel if attributed else None,
        subscribed_ms=deal.subscribed_ms if steps else None,
        contracted_ms=deal.contracted_ms if attributed else None,
        buyers=deal.buyers if bought else (),
        claims_from_ms=deal.claims_from_ms if forgot else None,
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
