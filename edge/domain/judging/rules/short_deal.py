"""Short deal: a contract so soon after the report that a person should look."""

from edge.domain.judging import moments
from edge.domain.judging.case import Case
from edge.domain.judging.ruleset import RuleSet
from edge.wire.finding import Outcome

RULE = "short_deal"


def judge(case: Case, rules: RuleSet) -> Outcome | None:
    """Review if contract - report ≤ N hours, of the claim's own channel's deal; it gives no verdict."""
    measure, report, deal = rules.short_deal, case.report, case.deal
    if (
        measure is None
        or report is None
        or report.at_ms is None
        or deal is None
        or deal.contracted_ms is None
        or deal.channel != report.channel
    ):
        return None
    times = {"report": report.at_ms, "contract": deal.contracted_ms}
    if deal.contracted_ms - report.at_ms > measure.within_hours * moments.HOUR_MS:
        return Outcome(RULE, None, "took_its_time", times)
    return Outcome(RULE, None, "short_deal", times, review=("short_deal",))
