"""Chooses, for a deal, which of its channel's claims it is judged by; never judges otherwise than `judge`.

A channel may have reported a customer more than once. Its deal is earned if one of its claims earned it.
"""

from collections.abc import Sequence

from edge.domain.judging import inputs, moments
from edge.domain.judging.case import Case
from edge.domain.judging.judge import judge
from edge.domain.judging.ruleset import RuleBook, RuleSet
from edge.wire.finding import Verdict

_BEST: tuple[Verdict, ...] = ("NORMAL", "UNKNOWN", "RISK")


def strongest(cases: Sequence[Case], book: RuleBook) -> tuple[Case, RuleSet]:
    """Return the case whose claim supports the deal best, as far as its rules compare it, and those rules.

    `cases`: one for each claim of the deal's channel, or the one without a claim. NORMAL comes before UNKNOWN
    before RISK, then the earliest claim, one without a time last, then its reference.
    """
    told = [_by_its_rules(case, book) for case in cases]
    return told[0] if len(told) == 1 else min(told, key=lambda one: _rank(*one))


def _by_its_rules(case: Case, book: RuleBook) -> tuple[Case, RuleSet]:
    rules = book.at(_since_ms(case))
    return inputs.used(case, rules), rules


def _rank(used: Case, rules: RuleSet) -> tuple[object, ...]:
    claim = used.report
    at_ms = claim.at_ms if claim is not None else None
    return (
        _BEST.index(judge(used, rules).verdict),
        at_ms is None,
        at_ms or 0,
        claim.ref if claim is not None else "",
    )


def _since_ms(case: Case) -> int | None:
    """Return by the rules of which time a case is judged: its claim's, or its deal's; None: not known."""
    if case.report is not None:
        return case.report.at_ms
    made = moments.deal_ms(case.deal) if case.deal is not None else moments.EVER
    return made if made < moments.EVER else None
