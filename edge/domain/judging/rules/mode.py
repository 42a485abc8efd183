"""Mode (报备先到、首访为准): whose customer it is, when several channels reported them."""

from edge.domain.judging import moments
from edge.domain.judging.case import Case, Report
from edge.domain.judging.ruleset import RuleSet
from edge.wire.finding import Outcome, Unknown

RULE = "mode"


def judge(case: Case, rules: RuleSet) -> Outcome | None:
    """RISK if the customer is another channel's by the project's mode."""
    report = case.report
    if rules.mode is None or report is None:
        return None
    rivals = [one for one in moments.rivals(case) if one.channel != report.channel]
    if not rivals:
        return Outcome(RULE, "NORMAL", "nobody_else_reported")
    if report.at_ms is None:
        by_visit = rules.mode.keeps == "first_visit"
        missing = moments.missing(case, moments.presences(case, rules)) if by_visit else (moments.untimed(),)
        return Outcome(RULE, "UNKNOWN", "input_missing", unknown=missing)
    judged = _first_report if rules.mode.keeps == "first_report" else _first_visit
    return judged(case, report, report.at_ms, rules)


def _untimed(case: Case, report: Report) -> tuple[Unknown, ...]:
    """Another channel's claim without a time may have been the first one."""
    theirs = any(one.at_ms is None and one.channel != report.channel for one in moments.rivals(case))
    return (Unknown("no_time_of_another_report", "channel"),) if theirs else ()


def _first_report(case: Case, report: Report, at_ms: int, rules: RuleSet) -> Outcome:
    found = moments.presences(case, rules)
    standing = [
        one.at_ms
        for one in moments.rivals(case)
        if one.channel != report.channel
        and one.at_ms is not None
        and one.at_ms <= at_ms <= moments.kept_until_ms(one, found, rules)
    ]
    own = [
        one.at_ms
        for one in moments.claims(case)
        if one.channel == report.channel
        and one.at_ms is not None
        and one.at_ms <= at_ms <= moments.kept_until_ms(one, found, rules)
    ]
    # who reports once more keeps what an earlier claim of theirs still keeps
    earlier = [other for other in standing if other < min(own)]
    if earlier:
        return Outcome(RULE, "RISK", "another_reported_first", {"other": min(earlier), "report": at_ms})
    review = ("reported_together",) if min(own) in standing else ()
    untimed = _untimed(case, report)
    if untimed:
        return Outcome(RULE, "UNKNOWN", "input_missing", {"report": at_ms}, unknown=untimed, review=review)
    return Outcome(RULE, "NORMAL", "reported_first", {"report": at_ms}, review=review)


def _first_visit(case: Case, report: Report, at_ms: int, rules: RuleSet) -> Outcome:
    found = moments.presences(case, rules)
    first = moments.first_sure(found)
    came = first.at_ms if first is not None else moments.EVER
    unsure = moments.doubt(found, -moments.EVER, came) if found else (moments.absent(case),)
    if not unsure:  # who came while the box was off may have come with another
        unsure = moments.blindness(case, min(moments.times(case)), came)
    if unsure:
        return Outcome(RULE, "UNKNOWN", "input_missing", {"report": at_ms}, unknown=unsure)
    times = {"report": at_ms, "arrival": came}
    keeping = {
        one.channel
        for one in moments.claims(case)
        if one.at_ms is not None and one.at_ms < came <= moments.kept_until_ms(one, found, rules)
    }
    that_day = [a for a in case.answers if abs(a.at_ms - came) <= moments.DAY_MS]
    earliest = min((a.at_ms for a in that_day), default=None)
    told = {a.channel for a in that_day if a.at_ms == earliest} & keeping
    if len(told) == 1:
        keeping = {one for one in keeping if one in told}
    elif untimed := _untimed(case, report):
        return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=untimed)
    if not keeping:
        return Outcome(RULE, None, "nobody_reported_before", times)
    if len(keeping) > 1:
        return Outcome(
            RULE, "UNKNOWN", "input_missing", times, unknown=(Unknown("first_visit_unclear", "customer"),)
        )
    if report.channel in keeping:
        return Outcome(RULE, "NORMAL", "came_with_them", times)
    return Outcome(RULE, "RISK", "came_with_another", times)
