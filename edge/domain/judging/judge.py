"""Brings the rules' outcomes together: any RISK from complete inputs, else any UNKNOWN, else NORMAL."""

from edge.domain.judging.case import Case
from edge.domain.judging.rules import RULES
from edge.domain.judging.ruleset import RuleSet
from edge.wire.finding import Finding, Outcome, Unknown, Verdict


def judge(case: Case, rules: RuleSet) -> Finding:
    """Return the finding; the same facts in any order, and the same rules, give the same finding."""
    by_rules = (o for rule in RULES if (o := rule(case, rules)) is not None)
    outcomes = _gone(case) or _crowded(case) or _incomplete(case) or _identified(case) or tuple(by_rules)
    outcomes = (*outcomes, *_moved(case))
    found = {one.verdict for one in outcomes}
    for verdict in _PRECEDENCE:
        if verdict in found:
            return Finding(verdict, outcomes)
    nothing = Outcome("judge", "UNKNOWN", "input_missing", unknown=(Unknown("nothing_to_judge", "nobody"),))
    return Finding("UNKNOWN", (*outcomes, nothing))


def nobodys(case: Case) -> bool:
    """Return whether no rule is asked: the book took it back, or whose claim it is isn't known."""
    return bool(_gone(case) or _incomplete(case) or _identified(case))


_PRECEDENCE: tuple[Verdict, ...] = ("RISK", "UNKNOWN", "NORMAL")


def _gone(case: Case) -> tuple[Outcome, ...]:
    """What its book took back claims nothing any more; what was found on it before stands."""
    if not case.taken_back:
        return ()
    missing = Unknown("taken_back", "nobody")
    return (Outcome("book", "UNKNOWN", "input_missing", unknown=(missing,)),)


def _crowded(case: Case) -> tuple[Outcome, ...]:
    """A number that is no customer's (an agent's own, one that was made up) says nothing of anybody."""
    if not case.crowded:
        return ()
    missing = Unknown("too_many_reports", "channel")
    return (Outcome("book", "UNKNOWN", "input_missing", unknown=(missing,)),)


def _incomplete(case: Case) -> tuple[Outcome, ...]:
    """Who was erased may have been who was reported, or who came: nothing is complete without them."""
    if case.deal is None or not case.deal.incomplete:
        return ()
    missing = Unknown("buyer_unknown", "nobody")
    return (Outcome("joint_purchase", "UNKNOWN", "input_missing", unknown=(missing,)),)


def _identified(case: Case) -> tuple[Outcome, ...]:
    """A masked number that may be several people's is nobody's claim yet: never RISK."""
    if case.report is None or case.report.masked in ("no", "completed"):
        return ()
    ambiguous = case.report.masked == "ambiguous"
    missing = Unknown("masked_ambiguous" if ambiguous else "masked_number", "customer")
    review = ("masked_ambiguous",) if ambiguous else ()
    return (Outcome("masked", "UNKNOWN", "input_missing", unknown=(missing,), review=review),)


def _moved(case: Case) -> tuple[Outcome, ...]:
    """The office has an interest in who was here before: what it joined or renumbered is looked at."""
    moved = (("merged", "records_merged", case.merged), ("renumbered", "number_corrected", case.renumbered))
    return tuple(Outcome(rule, None, code, review=(code,)) for rule, code, was in moved if was)
