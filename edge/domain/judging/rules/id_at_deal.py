"""No ID at the deal: nobody's identity was ever verified by a card, so a person should look."""

from edge.domain.judging import moments
from edge.domain.judging.case import Case
from edge.domain.judging.ruleset import RuleSet
from edge.wire.finding import Outcome

RULE = "id_at_deal"


def judge(case: Case, rules: RuleSet) -> Outcome | None:
    """Review if no card of any buyer of the deal was read; it gives no verdict."""
    if rules.id_at_deal is None or case.deal is None:
        return None
    cards = moments.cards(case)
    if cards:
        return Outcome(RULE, None, "identity_verified", {"card": cards[0].at_ms})
    return Outcome(RULE, None, "no_id_at_deal", review=("no_id_at_deal",))
