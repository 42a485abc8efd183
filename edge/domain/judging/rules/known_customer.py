"""Known customer (老业主、在跟客户): who owns here or is the office's live customer can't be reported."""

from edge.domain.judging import moments
from edge.domain.judging.case import Case
from edge.domain.judging.ruleset import RuleSet
from edge.wire.finding import Outcome, Unknown

RULE = "known_customer"


def judge(case: Case, rules: RuleSet) -> Outcome | None:
    """RISK if they were on the office's list at the time of the report."""
    report = case.report
    if rules.known_customer is None or report is None:
        return None
    missing: list[Unknown] = [] if report.at_ms is not None else [moments.untimed()]
    missing += [] if case.known_listed else [Unknown("no_customer_list", "office")]
    if missing or report.at_ms is None:
        return Outcome(RULE, "UNKNOWN", "input_missing", unknown=tuple(missing))
    if case.known_since_ms is not None and case.known_since_ms <= report.at_ms:
        return Outcome(RULE, "RISK", "known_customer", {"known": case.known_since_ms, "report": report.at_ms})
    return Outcome(RULE, "NORMAL", "not_known_before", {"report": report.at_ms})
