"""Intercept (截客): a customer who is at the door already is reported as the channel's."""

from edge.domain.judging import moments
from edge.domain.judging.case import Case
from edge.domain.judging.ruleset import RuleSet
from edge.wire.finding import Outcome

RULE = "intercept"


def judge(case: Case, rules: RuleSet) -> Outcome | None:
    """RISK if report < arrival ≤ report + P; review if P < arrival - report ≤ P + R (P, R in minutes).

    Who came at or before the report wasn't intercepted: that is a late report, and accuses of less.
    """
    measure, report = rules.intercept, case.report
    if measure is None or report is None:
        return None
    found = moments.presences(case, rules)
    if report.at_ms is None or not found:
        return Outcome(RULE, "UNKNOWN", "input_missing", unknown=moments.missing(case, found))
    until = report.at_ms + measure.within_minutes * moments.MINUTE_MS
    first = moments.first_sure(found)
    if first is not None and first.at_ms <= report.at_ms:
        return Outcome(RULE, None, "here_before", {"report": report.at_ms, "arrival": first.at_ms})
    if first is not None and first.at_ms <= until:
        return Outcome(RULE, "RISK", "intercept", {"report": report.at_ms, "arrival": first.at_ms})
    times = {"report": report.at_ms, "arrival": found[0].at_ms}
    suspected = first is not None and first.at_ms <= until + measure.suspected_minutes * moments.MINUTE_MS
    review = ("suspected_intercept",) if suspected else ()
    unsure = (
        *moments.doubt(found, -moments.EVER, until),
        *moments.blindness(case, report.at_ms, until),
    )
    if unsure:
        return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=unsure, review=review)
    return Outcome(RULE, "NORMAL", "came_later", times, review=review)
