"""Judges a case again, slowly, from the words of the rules, for tests; never uses the product's judging.

Written from domain.md ("Verdict rules"), decision 0035 and the worked cases, before the product's rules were
read. It shares with them the data that a case and a rule set are made of, and nothing else: moments are asked
one by one, and what follows is looked for until nothing more follows.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from edge.domain.judging.case import Case, Deal, Presence, Report
from edge.domain.judging.ruleset import RuleSet
from edge.wire import TimeQuality

Gap = tuple[str, int | None]
Said = tuple[str | None, str, set[Gap], set[str]]
"""What one rule says: verdict or None, code, what is missing, what a person should look at."""
Told = tuple[str, frozenset[str], frozenset[Gap], frozenset[str]]
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FOR_EVER = 1 << 62
DRIFT = 16_000
"""A clock that the kernel calls drifting, and not unsynchronised, is off by no more (0035)."""


def strongest(cases: Iterable[Case], rules: RuleSet) -> Case:
    """Return the claim's case that does most for a deal: whichever none of the others surpasses."""
    every = list(cases)
    return next(one for one in every if not any(_surpasses(other, one, rules) for other in every))


def _surpasses(one: Case, other: Case, rules: RuleSet) -> bool:
    order = {"NORMAL": 0, "UNKNOWN": 1, "RISK": 2}
    mine, theirs = order[judge(one, rules)[0]], order[judge(other, rules)[0]]
    if mine != theirs or one.report is None or other.report is None:
        return mine < theirs
    at, when = one.report.at_ms, other.report.at_ms
    if at == when:
        return one.report.ref < other.report.ref
    return when is None or (at is not None and at < when)


def judge(case: Case, rules: RuleSet) -> Told:
    """Return verdict, reasons, what is missing (code and minutes), what a person should look at."""
    said = list(_said(case, rules))
    verdicts = {verdict for verdict, *_ in said}
    missing = {gap for _, _, gaps, _ in said for gap in gaps}
    reviews = frozenset(review for *_, looks in said for review in looks)
    if "RISK" in verdicts:
        return "RISK", _codes(said, "RISK"), frozenset(missing), reviews
    if missing:
        return "UNKNOWN", frozenset(code for code, _ in missing), frozenset(missing), reviews
    if "NORMAL" in verdicts:
        return "NORMAL", _codes(said, "NORMAL"), frozenset(), reviews
    nothing = "nothing_to_judge"
    return "UNKNOWN", frozenset({nothing}), frozenset({(nothing, None)}), reviews


def _codes(said: Iterable[Said], of: str) -> frozenset[str]:
    return frozenset(code for verdict, code, *_ in said if verdict == of)


def _said(case: Case, rules: RuleSet) -> Iterator[Said]:
    if case.merged:
        yield None, "", set(), {"records_merged"}
    if case.renumbered:
        yield None, "", set(), {"number_corrected"}
    if case.taken_back:
        yield "UNKNOWN", "", {("taken_back", None)}, set()
        return
    if case.crowded:
        yield "UNKNOWN", "", {("too_many_reports", None)}, set()
        return
    if case.deal and case.deal.incomplete:
        yield "UNKNOWN", "", {("buyer_unknown", None)}, set()
        return
    claim = case.report
    if claim and claim.masked == "candidate":  # nobody's claim yet, so there is nothing else to say of it
        yield "UNKNOWN", "", {("masked_number", None)}, set()
        return
    if claim and claim.masked == "ambiguous":
        yield "UNKNOWN", "", {("masked_ambiguous", None)}, {"masked_ambiguous"}
        return
    if claim:
        yield from _of_claim(case, rules, claim)
    if case.deal:
        yield from _of_deal(case, rules, case.deal)


def _of_claim(case: Case, rules: RuleSet, claim: Report) -> Iterator[Said]:
    came = _came(case, rules)
    if rules.late_report:
        yield _late(case, rules, claim, came)
    if rules.intercept:
        yield _intercept(case, rules, claim, came)
    if rules.known_customer:
        yield _known(case, claim)
    if rules.mode:
        by = {"first_report": _first_report, "first_visit": _first_visit}
        yield by[rules.mode.keeps](case, rules, claim, came)
    if rules.protection:
        yield _protection(case, rules, claim, came)
    if rules.answer and not case.withdrawn:
        for answer in case.answers:
            if answer.source != "agent" or answer.channel not in (None, claim.channel):
                yield None, "", set(), {"answer_contradicts_report"}


def _of_deal(case: Case, rules: RuleSet, deal: Deal) -> Iterator[Said]:
    claim = case.report
    # a deal that was moved to another channel is said by the finding on the deal
    moved = claim is not None and claim.channel != deal.channel
    if rules.fabricated_order and deal.channel is not None and not moved:
        yield _fabricated(case, rules, deal, _here(case, rules))
    if (
        rules.short_deal
        and claim
        and claim.at_ms is not None
        and deal.contracted_ms is not None
        and not moved
    ):
        taken = deal.contracted_ms - claim.at_ms
        if taken <= rules.short_deal.within_hours * HOUR:
            yield None, "", set(), {"short_deal"}
    # whichever buyer's it is, `joint_purchase` or not
    buyers = {"customer", *deal.buyers}
    cards = [p for p in case.presences if p.kind == "id_card" and p.buyer in buyers and not p.typed]
    if rules.id_at_deal and (case.withdrawn or not cards):
        yield None, "", set(), {"no_id_at_deal"}


def _here(case: Case, rules: RuleSet) -> list[Presence]:
    """Return what was left here by whom it concerns, on paper or not, in the order of its times."""
    who = {"customer"}
    if rules.joint_purchase and case.deal:
        who |= set(case.deal.buyers)
    left = [] if case.withdrawn else [p for p in case.presences if p.buyer in who]
    return sorted(left, key=lambda p: (p.at_ms, _vouched(p)))


def _came(case: Case, rules: RuleSet) -> list[Presence]:
    return [p for p in _here(case, rules) if not p.typed]


def _vouched(presence: Presence) -> bool:
    return presence.quality == TimeQuality.SYNCHRONISED


def _surely(came: Iterable[Presence]) -> list[int]:
    return [p.at_ms for p in came if _vouched(p)]


def _lacking(case: Case, claim: Report, came: list[Presence]) -> set[Gap]:
    lacks: set[Gap] = set()
    if claim.at_ms is None:
        lacks.add(("no_report_time", None))
    return lacks if came else lacks | _nobody(case)


def _nobody(case: Case) -> set[Gap]:
    return {("consent_withdrawn" if case.withdrawn else "no_evidence_of_presence", None)}


def _unvouched(came: list[Presence], after: float, until: float) -> set[Gap]:
    """Return the doubt that clocks leave, if a presence may lie after one moment, until another."""
    doubtful = [p for p in came if not _vouched(p) and _earliest(p) <= until and _latest(p) > after]
    if not doubtful:
        return set()
    unbounded = any(p.quality != TimeQuality.DRIFTING for p in doubtful)
    return {("clock_not_synchronised", None if unbounded else 1)}


def _earliest(presence: Presence) -> float:
    return presence.at_ms - DRIFT if presence.quality == TimeQuality.DRIFTING else -FOR_EVER


def _latest(presence: Presence) -> float:
    return presence.at_ms + DRIFT if presence.quality == TimeQuality.DRIFTING else 2 * FOR_EVER


def _off(case: Case, since: float, until: float) -> set[Gap]:
    """Return the doubt that the box leaves by having been off between two moments."""
    edges = {since, until} | {b.from_ms for b in case.blind}
    edges |= {FOR_EVER if b.until_ms is None else b.until_ms for b in case.blind}
    dark: float = 0
    for start, end in pairwise(sorted(e for e in edges if since <= e <= until)):
        if any(b.from_ms <= start and (b.until_ms is None or end <= b.until_ms) for b in case.blind):
            dark += end - start
    endless = until == FOR_EVER and any(b.until_ms is None for b in case.blind)
    return {("box_was_blind", None if endless else int(-(-dark // MINUTE)))} if dark else set()


def _late(case: Case, rules: RuleSet, claim: Report, came: list[Presence]) -> Said:
    at = claim.at_ms
    forms = [p for p in _here(case, rules) if p.typed and at is not None and p.at_ms <= at]
    look = {"paper_before_report"} if forms else set()
    lacks = _lacking(case, claim, came)
    if lacks or at is None:
        return "UNKNOWN", "", lacks, look
    if any(seen <= at for seen in _surely(came)):
        return "RISK", "late_report", set(), look
    assert rules.late_report
    doubts = _unvouched(came, -FOR_EVER, at) | _off(
        case, at - rules.late_report.blind_before_minutes * MINUTE, at
    )
    return ("UNKNOWN", "", doubts, look) if doubts else ("NORMAL", "reported_before_presence", set(), look)


def _intercept(case: Case, rules: RuleSet, claim: Report, came: list[Presence]) -> Said:
    lacks, at = _lacking(case, claim, came), claim.at_ms
    if lacks or at is None:
        return "UNKNOWN", "", lacks, set()
    assert rules.intercept
    limit = at + rules.intercept.within_minutes * MINUTE
    sure = _surely(came)
    if any(seen <= at for seen in sure):
        return None, "here_before", set(), set()
    if any(seen <= limit for seen in sure):
        return "RISK", "intercept", set(), set()
    doubts = _unvouched(came, -FOR_EVER, limit) | _off(case, at, limit)
    look = {
        "suspected_intercept" for seen in sure if seen <= limit + rules.intercept.suspected_minutes * MINUTE
    }
    return ("UNKNOWN", "", doubts, look) if doubts else ("NORMAL", "came_later", set(), look)


def _known(case: Case, claim: Report) -> Said:
    lacks: set[Gap] = set()
    if claim.at_ms is None:
        lacks.add(("no_report_time", None))
    if not case.known_listed:
        lacks.add(("no_customer_list", None))
    if lacks or claim.at_ms is None:
        return "UNKNOWN", "", lacks, set()
    if case.known_since_ms is not None and case.known_since_ms <= claim.at_ms:
        return "RISK", "known_customer", set(), set()
    return "NORMAL", "not_known_before", set(), set()


def _others(case: Case, claim: Report) -> list[Report]:
    """Return other channels' claims that surely are on this customer."""
    return [r for r in _surely_reported(case) if r.channel != claim.channel]


def _surely_reported(case: Case) -> list[Report]:
    mine = [case.report] if case.report else []
    return [r for r in (*mine, *case.other_reports) if r.masked in ("no", "completed")]


def _extended(claim: Report, until: float) -> float:
    """Return until when a claim holds with those extensions that were logged while it held."""
    for _ in claim.extended:  # one may let another count, so as often as there are any
        for one in claim.extended:
            if one.logged_ms <= until:
                until = max(until, one.until_ms)
    return until


def _visit_due(claim: Report, rules: RuleSet) -> float:
    assert claim.at_ms is not None
    if not rules.protection or rules.protection.report_to_visit_days is None:
        return FOR_EVER
    return _extended(claim, claim.at_ms + rules.protection.report_to_visit_days * DAY)


def _subscription_due(claim: Report, rules: RuleSet, visit: int) -> float:
    if not rules.protection or rules.protection.visit_to_subscription_days is None:
        return FOR_EVER
    return _extended(claim, visit + rules.protection.visit_to_subscription_days * DAY)


def _contact_until(claim: Report, rules: RuleSet, seen: Iterable[int]) -> float:
    """Return until when a claim lives by contacts, each within so many days of one before it."""
    assert claim.at_ms is not None
    if not rules.protection or rules.protection.without_follow_up_days is None:
        return FOR_EVER
    days = rules.protection.without_follow_up_days * DAY
    contacts = {at for at in (*claim.followed_ms, *seen) if at > claim.at_ms}
    until: float = claim.at_ms + days
    while reached := {at for at in contacts if at <= until}:
        contacts -= reached
        until = max(until, *(at + days for at in reached))
    return until


def _held(claim: Report, rules: RuleSet, came: list[Presence], at: int) -> bool:
    """Return whether a claim that was made before `at` still kept the customer then."""
    if claim.at_ms is None or claim.at_ms >= at:
        return False
    seen = [moment for moment in _surely(came) if claim.at_ms < moment]
    due = _visit_due(claim, rules)
    if seen and seen[0] <= due:
        due = _subscription_due(claim, rules, seen[0])
    return at <= min(due, _contact_until(claim, rules, seen))


def _first_report(case: Case, rules: RuleSet, claim: Report, came: list[Presence]) -> Said:
    others, at = _others(case, claim), claim.at_ms
    if not others:
        return "NORMAL", "nobody_else_reported", set(), set()
    if at is None:
        return "UNKNOWN", "", {("no_report_time", None)}, set()
    # whoever reported at this very moment holds too: nothing has had the time to lapse
    holding = [
        (r.at_ms, r.channel)
        for r in _surely_reported(case)
        if r.at_ms is not None and (r.at_ms == at or _held(r, rules, came, at))
    ]
    first = {channel for when, channel in holding if when == min(holding)[0]}
    look = {"reported_together"} if len(first) > 1 else set()
    if claim.channel not in first:
        return "RISK", "another_reported_first", set(), set()
    if any(r.at_ms is None for r in others):
        return "UNKNOWN", "", {("no_time_of_another_report", None)}, look
    return "NORMAL", "reported_first", set(), look


def _first_visit(case: Case, rules: RuleSet, claim: Report, came: list[Presence]) -> Said:
    others = _others(case, claim)
    if not others:
        return "NORMAL", "nobody_else_reported", set(), set()
    lacks = _lacking(case, claim, came)
    first = min(_surely(came), default=FOR_EVER)
    asked_from = min((r.at_ms for r in _surely_reported(case) if r.at_ms is not None), default=first)
    doubts = lacks or _unvouched(came, -FOR_EVER, first) or _off(case, asked_from, first)
    if doubts:
        return "UNKNOWN", "", doubts, set()
    visit = first
    holders = {r.channel for r in _surely_reported(case) if _held(r, rules, came, visit)}
    brought = [a for a in sorted(case.answers, key=lambda a: a.at_ms) if abs(a.at_ms - visit) <= DAY]
    named = {a.channel for a in brought if a.at_ms == brought[0].at_ms and a.channel in holders}
    if len(named) == 1:
        holders = {str(one) for one in named}
    elif any(r.at_ms is None for r in others):
        return "UNKNOWN", "", {("no_time_of_another_report", None)}, set()
    if not holders:
        return None, "nobody_reported_before", set(), set()
    if len(holders) > 1:
        return "UNKNOWN", "", {("first_visit_unclear", None)}, set()
    return (
        ("NORMAL", "came_with_them", set(), set())
        if holders == {claim.channel}
        else ("RISK", "came_with_another", set(), set())
    )


def _protection(case: Case, rules: RuleSet, claim: Report, came: list[Presence]) -> Said:
    at = claim.at_ms
    forms = [p for p in _here(case, rules) if p.typed and at is not None and p.at_ms > at]
    lacks = _lacking(case, claim, came)
    if lacks or at is None:
        return "UNKNOWN", "", lacks, set()
    seen = [moment for moment in _surely(came) if moment > at]
    if not seen:
        doubts = _unvouched(came, at, FOR_EVER)
        return ("UNKNOWN", "", doubts, set()) if doubts else (None, "never_came_after", set(), set())
    visit = min(seen)
    due = _visit_due(claim, rules)
    paper = {"paper_after_report"} if forms else set()
    if visit > due:
        doubts = _off(case, at, due) | _unvouched(came, at, due)
        return ("UNKNOWN", "", doubts, set()) if doubts else ("RISK", "lapsed_before_visit", set(), paper)
    # only a deal with this claim's channel says what became of the claim
    deal = case.deal if case.deal and case.deal.channel == claim.channel else None
    steps = [*_deal_steps(claim, deal, rules, visit, came), _followed(case, deal, rules, claim, visit)]
    for step in steps:
        if step[0] == "RISK":
            return step
    gaps = {gap for step in steps for gap in step[2]}
    return ("UNKNOWN", "", gaps, set()) if gaps else ("NORMAL", "protected", set(), set())


def _followed(case: Case, deal: Deal | None, rules: RuleSet, claim: Report, visit: int) -> Said:
    """Return whether somebody was in touch from the claim to the subscription, or to the visit."""
    here, at, measure = _here(case, rules), claim.at_ms, rules.protection
    came = [p for p in here if not p.typed]
    followed = _contact_until(claim, rules, _surely(came))
    subscribed = deal.subscribed_ms if deal else None
    contracted = deal.contracted_ms if deal else None
    if followed >= visit and (subscribed is None or followed >= subscribed):
        # somewhere before the contract they subscribed
        lost = subscribed is None and contracted is not None and followed < contracted
        return ("UNKNOWN", "", {("no_subscription_time", None)}, set()) if lost else (None, "", set(), set())
    assert at is not None and measure and measure.without_follow_up_days
    # a visit that nobody saw would have been contact, if it was after the last one and not too late
    last = followed - measure.without_follow_up_days * DAY
    doubts = _off(case, last, followed) | _unvouched(came, last, followed)
    paper = {"paper_after_report"} if any(p.typed and p.at_ms > at for p in here) else set()
    return ("UNKNOWN", "", doubts, set()) if doubts else ("RISK", "nobody_followed_up", set(), paper)


def _deal_steps(
    claim: Report, deal: Deal | None, rules: RuleSet, visit: int, came: list[Presence]
) -> Iterator[Said]:
    """Yield what the deal's own steps say of a claim that was in time for the visit."""
    measure = rules.protection
    if deal is None or measure is None:
        return
    subscribed, contracted = deal.subscribed_ms, deal.contracted_ms
    if subscribed is None:
        if contracted is not None and (
            measure.visit_to_subscription_days or measure.subscription_to_contract_days
        ):
            yield "UNKNOWN", "", {("no_subscription_time", None)}, set()
        return
    if subscribed > _subscription_due(claim, rules, visit):
        yield "RISK", "lapsed_before_subscription", set(), set()
    to_contract = measure.subscription_to_contract_days
    due = FOR_EVER if to_contract is None else _extended(claim, subscribed + to_contract * DAY)
    if contracted is not None and contracted > due:
        yield "RISK", "lapsed_before_contract", set(), set()
    if measure.visit_to_subscription_days is not None:
        # had they come earlier, the subscription would have been due earlier
        yield None, "", _unvouched(came, claim.at_ms or 0, visit), set()


def _perhaps_deleted(deal: Deal, rules: RuleSet) -> bool:
    """Whether a report that still protected the channel at the deal could have been deleted unseen."""
    if deal.claims_from_ms is None:
        return False
    made = [step for step in (deal.subscribed_ms, deal.contracted_ms) if step is not None]
    held = rules.protection
    days = (
        [held.report_to_visit_days, held.visit_to_subscription_days, held.subscription_to_contract_days]
        if held
        else []
    )
    return not made or deal.claims_from_ms > min(made) - DAY * sum(filter(None, days))


def _fabricated(  # noqa: PLR0911 — one for each thing to say
    case: Case, rules: RuleSet, deal: Deal, here: list[Presence]
) -> Said:
    came = [p for p in here if not p.typed]
    if case.owner_is_office:
        return "RISK", "owner_is_office", set(), set()
    theirs = [r for r in _surely_reported(case) if r.channel == deal.channel]
    gone: set[tuple[str, int | None]] = (
        {("reports_deleted", None)} if not theirs and _perhaps_deleted(deal, rules) else set()
    )
    if not came:
        return (
            "UNKNOWN",
            "",
            _nobody(case) | {("no_report_time", None) for r in theirs if r.at_ms is None} | gone,
            set(),
        )
    if gone:
        return "UNKNOWN", "", gone, set()
    if not theirs:
        return "RISK", "channel_never_reported", set(), set()
    times = [r.at_ms for r in theirs if r.at_ms is not None]
    if times and any(seen > min(times) for seen in _surely(came)):
        return "NORMAL", "came_after_a_report", set(), set()
    if len(times) < len(theirs):
        return "UNKNOWN", "", {("no_report_time", None)}, set()
    made = [step for step in (deal.subscribed_ms, deal.contracted_ms) if step is not None]
    doubts = _off(case, min(times), max(made) if made else FOR_EVER) | _unvouched(came, min(times), FOR_EVER)
    look = {"paper_after_report" for p in here if p.typed and p.at_ms > min(times)}
    return ("UNKNOWN", "", doubts, set()) if doubts else ("RISK", "only_came_before", set(), look)
