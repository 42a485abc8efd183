"""The moments that rules compare, and how far each can be trusted; finds nothing by itself."""

from collections.abc import Iterable
from math import ceil

from edge.domain.judging.case import Case, Deal, Presence, Report
from edge.domain.judging.ruleset import RuleSet
from edge.wire import TimeQuality
from edge.wire.finding import Unknown

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
EVER = 1 << 62
DRIFT_MS = 16_000
"""How far off a drifting clock can be: beyond it the kernel calls it unsynchronised (NTP_PHASE_LIMIT)."""


def presences(case: Case, rules: RuleSet) -> tuple[Presence, ...]:
    """Return the signs of presence that count, earliest first; of two at one instant the unsure one first.

    Of the customer who was reported; with `joint_purchase` of every buyer of the deal. Never a typed one.
    """
    return tuple(p for p in all_presences(case, rules) if not p.typed)


def all_presences(case: Case, rules: RuleSet) -> tuple[Presence, ...]:
    """Return the same with what was typed in from paper, for a person to look at."""
    if case.withdrawn:
        return ()
    joint = rules.joint_purchase is not None and case.deal is not None
    buyers = {"customer", *(case.deal.buyers if joint and case.deal else ())}
    return tuple(sorted((p for p in case.presences if p.buyer in buyers), key=_rank))


def cards(case: Case) -> tuple[Presence, ...]:
    """Return the readings of a card of any buyer of the deal, whichever buyers' presence counts."""
    buyers = {"customer", *(case.deal.buyers if case.deal is not None else ())}
    found = (p for p in case.presences if p.kind == "id_card" and p.buyer in buyers and not p.typed)
    return () if case.withdrawn else tuple(sorted(found, key=_rank))


def _rank(presence: Presence) -> tuple[object, ...]:
    return presence.at_ms, presence.sure, presence.quality, presence.kind, presence.buyer


def first_sure(found: Iterable[Presence]) -> Presence | None:
    """Return the earliest whose time can be compared."""
    return next((p for p in found if p.sure), None)


def doubt(found: Iterable[Presence], after_ms: int, until_ms: int) -> tuple[Unknown, ...]:
    """Return that a presence whose time can't be compared may lie after `after_ms`, until `until_ms`.

    With the minutes by which its clock can have been off, if that is known.
    """
    unsure = [p for p in found if not p.sure and _may_lie(p, after_ms, until_ms)]
    if not unsure:
        return ()
    drifting = all(p.quality is TimeQuality.DRIFTING for p in unsure)
    return (Unknown("clock_not_synchronised", "box", ceil(DRIFT_MS / MINUTE_MS) if drifting else None),)


def _may_lie(unsure: Presence, after_ms: int, until_ms: int) -> bool:
    """A clock of which nothing is known may have been off by any time."""
    if unsure.quality is not TimeQuality.DRIFTING:
        return True
    return after_ms < unsure.at_ms + DRIFT_MS and unsure.at_ms - DRIFT_MS <= until_ms


def missing(case: Case, found: tuple[Presence, ...]) -> tuple[Unknown, ...]:
    """Return which of the claim's time and the customer's presence isn't there."""
    untold = () if case.report is None or case.report.at_ms is not None else (untimed(),)
    return (*untold, *(() if found else (absent(case),)))


def absent(case: Case) -> Unknown:
    """Return why there is no presence to compare."""
    if case.withdrawn:
        return Unknown("consent_withdrawn", "customer")
    return Unknown("no_evidence_of_presence", "customer")


def untimed() -> Unknown:
    """Return that the claim has no time."""
    return Unknown("no_report_time", "channel")


def window_ms(case: Case, rules: RuleSet) -> tuple[int, int] | None:
    """Return from when until when a blind box may leave this case in doubt; None: never."""
    at = times(case)
    if not at:
        return None
    before = rules.late_report.blind_before_minutes if rules.late_report else 0
    after = rules.intercept.within_minutes if rules.intercept else 0
    until = max(at) + after * MINUTE_MS
    if rules.mode is not None and rules.mode.keeps == "first_visit":
        first = first_sure(presences(case, rules))
        until = max(until, first.at_ms if first is not None else until)
    if rules.protection is not None and case.report is not None and case.report.at_ms is not None:
        followed = followed_until_ms(case.report, presences(case, rules), rules)
        limits = (visit_by_ms(case.report, rules), followed)
        until = max(
            (until, *(at_ms for at_ms in limits if at_ms < EVER))
        )  # a step without a limit asks nothing
    if rules.fabricated_order is not None and case.deal is not None:
        until = max(until, deal_ms(case.deal))
    since = min(at) - before * MINUTE_MS
    return (since, until) if since < until else None


def deal_ms(deal: Deal) -> int:
    """Return when a deal was made, by its latest step; for ever if nobody said when."""
    return max((at for at in (deal.subscribed_ms, deal.contracted_ms) if at is not None), default=EVER)


def forgotten(case: Case, rules: RuleSet) -> bool:
    """Return whether a claim that could have kept the customer until the deal may be deleted by now.

    Such a claim is at most as old, at the deal's first step, as all steps of the protection take together.
    """
    deal = case.deal
    if deal is None or deal.claims_from_ms is None:
        return False
    made = [at for at in (deal.subscribed_ms, deal.contracted_ms) if at is not None]
    steps = rules.protection.steps_days if rules.protection is not None else 0
    return not made or min(made) - steps * DAY_MS < deal.claims_from_ms


def form_after(case: Case, rules: RuleSet, at_ms: int) -> bool:
    """Return whether a form on paper says that they came after `at_ms`: no clock saw it, a person looks."""
    return any(p.typed and p.at_ms > at_ms for p in all_presences(case, rules))


def blindness(case: Case, from_ms: int, until_ms: int) -> tuple[Unknown, ...]:
    """Return for how many minutes, rounded up, the box could have missed somebody in that time.

    None of them: it is still off, and the time that matters has no end.
    """
    spans = sorted((max(b.from_ms, from_ms), min(b.until_ms or EVER, until_ms)) for b in case.blind)
    total, reached = 0, from_ms
    for begin, end in spans:
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    minutes = ceil(total / MINUTE_MS) if reached < EVER else None
    return (Unknown("box_was_blind", "nobody", minutes),) if total else ()


def claims(case: Case) -> tuple[Report, ...]:
    """Return every claim that surely is on this customer, the one that is judged first."""
    return (*((case.report,) if case.report else ()), *rivals(case))


def times(case: Case) -> list[int]:
    """Return when the claims on this customer were made, as far as their books say."""
    return [one.at_ms for one in claims(case) if one.at_ms is not None]


def rivals(case: Case) -> tuple[Report, ...]:
    """Return the other claims; none by a masked number that wasn't completed: it may be anybody's."""
    return tuple(one for one in case.other_reports if one.masked in ("no", "completed"))


def visit_by_ms(report: Report, rules: RuleSet) -> int:
    """Return until when the customer has to come for a claim (with a time) to keep them."""
    assert report.at_ms is not None
    return step_by_ms(
        report, report.at_ms, rules.protection.report_to_visit_days if rules.protection else None
    )


def step_by_ms(report: Report, since_ms: int, days: int | None) -> int:
    """Return until when a step has to follow the one before it, `days` later; for ever without a limit.

    An extension keeps the customer until it says, if it was logged while the claim still kept them.
    """
    if days is None:
        return EVER
    until = since_ms + days * DAY_MS
    for one in sorted(report.extended, key=lambda e: (e.logged_ms, e.until_ms)):
        if one.logged_ms <= until:
            until = max(until, one.until_ms)
    return until


def kept_until_ms(report: Report, found: tuple[Presence, ...], rules: RuleSet) -> int:
    """Return until when a claim (with a time) keeps the customer, who came as `found` says."""
    assert report.at_ms is not None
    until = visit_by_ms(report, rules)
    came = next((p for p in found if p.sure and report.at_ms < p.at_ms <= until), None)
    if came is not None:
        days = rules.protection.visit_to_subscription_days if rules.protection else None
        until = step_by_ms(report, came.at_ms, days)
    return min(until, followed_until_ms(report, found, rules))


def followed_until_ms(report: Report, found: tuple[Presence, ...], rules: RuleSet) -> int:
    """Return until when a claim (with a time) was followed up without a gap; visits count too."""
    assert report.at_ms is not None
    days = rules.protection.without_follow_up_days if rules.protection else None
    if days is None:
        return EVER
    until = report.at_ms + days * DAY_MS
    for at_ms in sorted((*report.followed_ms, *(p.at_ms for p in found if p.sure))):
        if report.at_ms < at_ms <= until:
            until = at_ms + days * DAY_MS
    return until
