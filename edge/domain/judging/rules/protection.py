"""Protection (保护期): how long a claim keeps the customer: report to visit, subscription, contract."""

from edge.domain.judging import moments
from edge.domain.judging.case import Case, Deal, Report
from edge.domain.judging.ruleset import Protection, RuleSet
from edge.wire.finding import Outcome, Unknown

RULE = "protection"


def judge(case: Case, rules: RuleSet) -> Outcome | None:
    """RISK if the claim had lapsed at a step, or nobody followed up; a limit's last moment holds.

    Of a deal's steps those of the claim's own channel's deal count: another channel's isn't this claim's.
    """
    measure, report = rules.protection, case.report
    if measure is None or report is None:
        return None
    found = moments.presences(case, rules)
    if report.at_ms is None or not found:
        return Outcome(RULE, "UNKNOWN", "input_missing", unknown=moments.missing(case, found))
    later = tuple(p for p in found if p.at_ms > report.at_ms)
    came = moments.first_sure(later)
    if came is not None:
        return _steps(case, report, {"report": report.at_ms, "arrival": came.at_ms}, rules, measure)
    unsure = moments.doubt(found, report.at_ms, moments.EVER)
    if unsure:
        return Outcome(RULE, "UNKNOWN", "input_missing", {"report": report.at_ms}, unknown=unsure)
    return Outcome(RULE, None, "never_came_after", {"report": report.at_ms})


def _steps(case: Case, report: Report, times: dict[str, int], rules: RuleSet, measure: Protection) -> Outcome:
    visit_by = moments.visit_by_ms(report, rules)
    if times["arrival"] > visit_by:
        unseen = _unseen(case, rules, times["report"], visit_by)
        if unseen:
            return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=unseen)
        review = ("paper_after_report",) if moments.form_after(case, rules, times["report"]) else ()
        return Outcome(RULE, "RISK", "lapsed_before_visit", times | {"until": visit_by}, review=review)
    deal = case.deal if case.deal is not None and case.deal.channel == report.channel else None
    steps = (
        _bought(case, report, deal, rules, measure, times) if deal is not None else None,
        _followed(case, report, deal, rules, times),
    )
    said = [one for one in steps if one is not None]
    risk = next((one for one in said if one.verdict == "RISK"), None)
    missing = tuple(dict.fromkeys(unknown for one in said for unknown in one.unknown))
    if risk is None and missing:
        return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=missing)
    return risk or Outcome(RULE, "NORMAL", "protected", times)


def _bought(
    case: Case, report: Report, deal: Deal, rules: RuleSet, measure: Protection, times: dict[str, int]
) -> Outcome | None:
    """Return what the deal's own steps say; None: they were in time, or there are none yet."""
    subscribed, contracted, came = deal.subscribed_ms, deal.contracted_ms, times["arrival"]
    to_subscription, to_contract = measure.visit_to_subscription_days, measure.subscription_to_contract_days
    if subscribed is None:
        untold = contracted is not None and (to_subscription or to_contract)
        missing = (Unknown("no_subscription_time", "office"),)
        return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=missing) if untold else None
    until = moments.step_by_ms(report, came, to_subscription)
    if subscribed > until:
        lapsed = times | {"subscription": subscribed, "until": until}
        return Outcome(RULE, "RISK", "lapsed_before_subscription", lapsed)
    until = moments.step_by_ms(report, subscribed, to_contract)
    if contracted is not None and contracted > until:
        lapsed = times | {"contract": contracted, "until": until}
        return Outcome(RULE, "RISK", "lapsed_before_contract", lapsed)
    if to_subscription is None:
        return None
    # an earlier visit, at a time that nobody vouches for, would have begun the period earlier
    unsure = moments.doubt(moments.presences(case, rules), times["report"], came)
    return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=unsure) if unsure else None


def _followed(
    case: Case, report: Report, deal: Deal | None, rules: RuleSet, times: dict[str, int]
) -> Outcome | None:
    """Return whether somebody was in touch until the subscription, else the visit; None: yes."""
    days = rules.protection.without_follow_up_days if rules.protection else None
    if days is None:
        return None
    until, came = moments.followed_until_ms(report, moments.presences(case, rules), rules), times["arrival"]
    subscribed = deal.subscribed_ms if deal is not None else None
    if max(came, subscribed or came) <= until:
        contracted = deal.contracted_ms if deal is not None else None
        untold = subscribed is None and contracted is not None and contracted > until
        missing = (Unknown("no_subscription_time", "office"),)
        return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=missing) if untold else None
    # a visit would have been contact: since the last one, and while the claim still held
    unseen = _unseen(case, rules, until - days * moments.DAY_MS, until)
    if unseen:
        return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=unseen)
    review = ("paper_after_report",) if moments.form_after(case, rules, times["report"]) else ()
    return Outcome(RULE, "RISK", "nobody_followed_up", times | {"until": until}, review=review)


def _unseen(case: Case, rules: RuleSet, after_ms: int, until_ms: int) -> tuple[Unknown, ...]:
    """Return why nobody's having been seen in that time doesn't say that nobody came."""
    unsure = moments.doubt(moments.presences(case, rules), after_ms, until_ms)
    return (*unsure, *moments.blindness(case, after_ms, until_ms))
