"""Are visitors answered in time? 15 working days are the law's; the alarm comes at day 10."""

from edge.domain.workdays import ANSWER_WITHIN, due_ms
from edge.ipc.operator import StateLine
from edge.runtime.checks import Facts

ALARM_AT = 10
_HINT = "the privacy officer decides: `gatehouse requests list`"


def check(facts: Facts) -> StateLine:
    """Return a warning once a request waits since ten working days, and an error when one is overdue."""
    waiting = facts.requests_asked_ms
    what = f"{len(waiting)} waiting for a person"
    if any(due_ms(asked, ANSWER_WITHIN) < facts.now_ms for asked in waiting):
        return StateLine(name="requests", state="overdue", what=what, hint=_HINT)
    if any(due_ms(asked, ALARM_AT - 1) < facts.now_ms for asked in waiting):
        return StateLine(
            name="requests", state="warn", what=f"{what}, one since {ALARM_AT} working days", hint=_HINT
        )
    return StateLine(name="requests", state="ok", what=what)
