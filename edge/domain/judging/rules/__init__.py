"""One rule in each file: `judge(case, rules)` returns its outcome, or None where the project has it off.

A new rule is a file here, a table in `ruleset.py`, its sentences, and cases that show its boundary. The order
of `RULES` is the order in which reasons are told.
"""

from collections.abc import Callable

from edge.domain.judging.case import Case
from edge.domain.judging.rules import (
    answer,
    fabricated_order,
    id_at_deal,
    intercept,
    known_customer,
    late_report,
    mode,
    protection,
    short_deal,
)
from edge.domain.judging.ruleset import RuleSet
from edge.wire.finding import Outcome

RULES: tuple[Callable[[Case, RuleSet], Outcome | None], ...] = (
    late_report.judge,
    intercept.judge,
    known_customer.judge,
    mode.judge,
    protection.judge,
    fabricated_order.judge,
    short_deal.judge,
    id_at_deal.judge,
    answer.judge,
)
