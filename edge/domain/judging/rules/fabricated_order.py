"""Fabricated order (飞单): a deal is attributed to a channel that had no part in it."""

from edge.domain.judging import moments
from edge.domain.judging.case import Case, Deal, Presence
from edge.domain.judging.ruleset import RuleSet
from edge.wire.finding import Outcome, Unknown

RULE = "fabricated_order"


def judge(case: Case, rules: RuleSet) -> Outcome | None:
    """RISK if every presence came before any report of the deal's channel, or the owner was the office."""
    deal = case.deal
    if rules.fabricated_order is None or deal is None or deal.channel is None:
        return None
    if case.report is not None and case.report.channel != deal.channel:
        return None  # the deal's own finding says it: this channel has no part in it
    if case.owner_is_office:
        return Outcome(RULE, "RISK", "owner_is_office")
    found = moments.presences(case, rules)
    reported = [one.at_ms for one in moments.claims(case) if one.channel == deal.channel]
    known = [at for at in reported if at is not None]
    came_after = bool(known) and any(p.sure and p.at_ms > min(known) for p in found)
    untimed = (moments.untimed(),) if len(known) < len(reported) and not came_after else ()
    deleted = (
        () if reported or not moments.forgotten(case, rules) else (Unknown("reports_deleted", "channel"),)
    )
    missing = (*untimed, *(() if found else (moments.absent(case),)), *deleted)
    if missing:
        return Outcome(RULE, "UNKNOWN", "input_missing", unknown=missing)
    if not reported:
        return Outcome(RULE, "RISK", "channel_never_reported", {"arrival": found[0].at_ms})
    return _compared(case, rules, deal, found, min(known))


def _compared(
    case: Case, rules: RuleSet, deal: Deal, found: tuple[Presence, ...], reported_ms: int
) -> Outcome:
    times = {"report": reported_ms, "arrival": found[-1].at_ms}
    if any(p.sure and p.at_ms > reported_ms for p in found):
        return Outcome(RULE, "NORMAL", "came_after_a_report", times)
    doubt = (
        *moments.doubt(found, reported_ms, moments.EVER),
        *moments.blindness(case, reported_ms, moments.deal_ms(deal)),
    )
    if doubt:
        return Outcome(RULE, "UNKNOWN", "input_missing", times, unknown=doubt)
    review = ("paper_after_report",) if moments.form_after(case, rules, reported_ms) else ()
    return Outcome(RULE, "RISK", "only_came_before", times, review=review)
