"""The customer's own answer to "who brought you?": better evidence of the source than any face."""

from edge.domain.judging.case import Case
from edge.domain.judging.ruleset import RuleSet
from edge.wire.finding import Outcome

RULE = "answer"


def judge(case: Case, rules: RuleSet) -> Outcome | None:
    """Review if any answer names another source, or another channel, than the claim; it gives no verdict."""
    if rules.answer is None or case.report is None or case.withdrawn or not case.answers:
        return None
    channel = case.report.channel
    against = [a.at_ms for a in case.answers if a.source != "agent" or a.channel not in (None, channel)]
    if not against:
        return Outcome(RULE, None, "answer_agrees", {"answer": min(a.at_ms for a in case.answers)})
    return Outcome(
        RULE, None, "answer_contradicts", {"answer": min(against)}, review=("answer_contradicts_report",)
    )
