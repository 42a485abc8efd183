"""Late report (晚报备): the customer had been here at or before the time of the claim."""

from edge.domain.judging import moments
from edge.domain.judging.case import Case
from edge.domain.judging.ruleset import RuleSet
from edge.wire.finding import Outcome

RULE = "late_report"


def judge(case: Case, rules: RuleSet) -> Outcome | None:
    """RISK if a presence whose time is sure is at or before the report."""
    measure, report = rules.late_report, case.report
    if measure is None or report is None:
        return None
    found, review = moments.presences(case, rules), _on_paper(case, rules)
    if report.at_ms is None or not found:
        return Outcome(RULE, "UNKNOWN", "input_missing", {}, moments.missing(case, found), review)
    first = moments.first_sure(found)
    times = {"report": report.at_ms, "arrival": found[0].at_ms}
    if first is not None and first.at_ms <= report.at_ms:
        return Outcome(RULE, "RISK", "late_report", times | {"arrival": first.at_ms}, review=review)
    since = report.at_ms - measure.blind_before_minutes * moments.MINUTE_MS
    unsure = (
        *moments.doubt(found, -moments.EVER, report.at_ms),
        *moments.blindness(case, since, report.at_ms),
    )
    if unsure:
        return Outcome(RULE, "UNKNOWN", "input_missing", times, unsure, review)
    return Outcome(RULE, "NORMAL", "reported_before_presence", times, review=review)


def _on_paper(case: Case, rules: RuleSet) -> tuple[str, ...]:
    """A form on paper says that they had been here: no clock saw it, so it is for a person to weigh."""
    reported = case.report.at_ms if case.report else None
    if reported is None:
        return ()
    before = any(p.typed and p.at_ms <= reported for p in moments.all_presences(case, rules))
    return ("paper_before_report",) if before else ()
