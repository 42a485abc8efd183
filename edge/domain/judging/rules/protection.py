"""Protection (保护期): how long a claim keeps the customer: report to visit, subscription, contract."""

from edge.domain.judging import moments
from edge.domain.judging.case import Case, Report
from edge.domain.judging.ruleset import Protection, RuleSet
from edge.wire.finding import Outcome, Unknown

RULE = "protection"


def judge(case: Case, rules: RuleSet) -> Outcome | None:
    """RISK if the claim had lapsed at a step, or nobody followed up; a limit's last moment holds."""
    measure, report = rules.protection, case.report
    if measure is None or report is None:
        return None
    found = moments.presences(case, rules)
    if report.at_ms is None or not found:
        return Outcome(RULE, "UNKNOWN", "input_missing", unknown=moments.missing(case, found))
    later = tuple(p for p in found if p.at_ms > report.at_ms)
    if not later:
        return Outcome(RULE, None, "never_came_after", {"report": report.at_ms})
    unsure = moments.doubt(later)
    if unsure:
        return Outcome(RULE, "UNKNOWN", "input_missing", {"report": report.at_ms}, unknown=unsure)
    return _steps(case, report, later[0].at_ms, rules, measure)


def _steps(case: Case, report: Report, came: int, rules: RuleSet, measure: Protection) -> Outcome:
    assert report.at_ms is not None
    times = {"report": report.at_ms, "arrival": came}
    visit_by = moments.visit_by_ms(report, rules)
    if came > visit_by:
        lapsed = times | {"until": visit_by}
        unseen = _unseen(case, rules, report.at_ms, visit_by)
        if unseen:
            return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=unseen)
        review = ("paper_after_report",) if moments.form_after(case, rules, report.at_ms) else ()
        return Outcome(RULE, "RISK", "lapsed_before_visit", lapsed, review=review)
    subscribed = case.deal.subscribed_ms if case.deal else None
    contracted = case.deal.contracted_ms if case.deal else None
    to_subscription, to_contract = measure.visit_to_subscription_days, measure.subscription_to_contract_days
    if contracted is not None and subscribed is None and (to_subscription or to_contract):
        missing = Unknown("no_subscription_time", "office")
        return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=(missing,))
    if subscribed is not None and to_subscription is not None:
        until = came + to_subscription * moments.DAY_MS
        if subscribed > until:
            lapsed = times | {"subscription": subscribed, "until": until}
            return Outcome(RULE, "RISK", "lapsed_before_subscription", lapsed)
    if subscribed is not None and contracted is not None and to_contract is not None:
        until = subscribed + to_contract * moments.DAY_MS
        if contracted > until:
            lapsed = times | {"contract": contracted, "until": until}
            return Outcome(RULE, "RISK", "lapsed_before_contract", lapsed)
    return _followed(case, report, came, rules, times)


def _followed(case: Case, report: Report, came: int, rules: RuleSet, times: dict[str, int]) -> Outcome:
    ends = (case.deal.subscribed_ms or case.deal.contracted_ms) if case.deal else None
    until = moments.followed_until_ms(report, moments.presences(case, rules), rules)
    if max(came, ends or came) <= until:
        return Outcome(RULE, "NORMAL", "protected", times)
    assert report.at_ms is not None and rules.protection and rules.protection.without_follow_up_days
    # a visit would have been contact: since the last one, and while the claim still held
    last = until - rules.protection.without_follow_up_days * moments.DAY_MS
    unseen = _unseen(case, rules, last, until)
    if unseen:
        return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=unseen)
    review = ("paper_after_report",) if moments.form_after(case, rules, report.at_ms) else ()
    return Outcome(RULE, "RISK", "nobody_followed_up", times | {"until": until}, review=review)


def _unseen(case: Case, rules: RuleSet, from_ms: int, until_ms: int) -> tuple[Unknown, ...]:
    """Return why nobody's having been seen in that time doesn't say that nobody came."""
    unsure = next((p for p in moments.presences(case, rules) if not p.sure), None)
    clock = moments.doubt((unsure,)) if unsure is not None else ()
    return (*clock, *moments.blindness(case, from_ms, until_ms))
