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
    judged = [_judged(case, book) for case in cases]
    _rank, case, rules = min(judged, key=lambda one: one[0])
    return case, rules


def _judged(case: Case, book: RuleBook) -> tuple[tuple[object, ...], Case, RuleSet]:
    claim = case.report
    since = claim.at_ms if claim is not None else _made_ms(case)
    rules = book.at(since)
    used = inputs.used(case, rules)
    untimed = claim is None or claim.at_ms is None
    rank = (
        _BEST.index(judge(used, rules).verdict),
        untimed,
        0 if claim is None or claim.at_ms is None else claim.at_ms,
        claim.ref if claim is not None else "",
    )
    return rank, used, rules


def _made_ms(case: Case) -> int | None:
    """Return when a deal was made, or None."""
    made = moments.deal_ms(case.deal) if case.deal is not None else moments.EVER
    return made if made < moments.EVER else None
