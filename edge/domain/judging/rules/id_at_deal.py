"""No ID at the deal: nobody's identity was ever verified by a card, so a person should look."""

from edge.domain.judging.case import Case
from edge.domain.judging.ruleset import RuleSet
from edge.wire.finding import Outcome

RULE = "id_at_deal"


def judge(case: Case, rules: RuleSet) -> Outcome | None:
    """Review if no card of any buyer of the deal was read; it gives no verdict."""
    if rules.id_at_deal is None or case.deal is None:
        return None
    buyers = {"customer", *case.deal.buyers}
    cards = [p.at_ms for p in case.presences if p.kind == "id_card" and p.buyer in buyers and not p.typed]
    if cards and not case.withdrawn:
        return Outcome(RULE, None, "identity_verified", {"card": min(cards)})
    return Outcome(RULE, None, "no_id_at_deal", review=("no_id_at_deal",))
