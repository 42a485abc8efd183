"""When an appointment can be for, and on which day it can be kept; pure, no clock."""

from datetime import tzinfo

from edge.domain.amending import day_began_ms
from edge.domain.retention import DAY_MS

AHEAD_MS = 90 * DAY_MS
"""Nobody at a desk agrees on a time further ahead: such a one is a wrong date."""


def appointing_fault(due_ms: int, now_ms: int) -> str | None:
    """Return why an appointment can't be for `due_ms`, as a code; None if it can."""
    if due_ms <= now_ms:
        return "is_past"
    return "too_far_ahead" if due_ms - now_ms > AHEAD_MS else None


def same_day(one_ms: int, other_ms: int, zone: tzinfo) -> bool:
    """Return whether both times are of one day in `zone`."""
    return day_began_ms(one_ms, zone) == day_began_ms(other_ms, zone)
