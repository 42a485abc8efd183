"""Whether the site's impact assessment of face matching holds today, by the box's own clock and zone."""

from collections.abc import Callable
from datetime import date, datetime

from edge.config import Config
from edge.runtime.clock import Clock


def assessed(config: Config, clock: Clock) -> Callable[[], bool]:
    """Return the question that the gate asks before anything is done with a face (P36)."""
    term = config.face_assessment.term() if config.face_assessment is not None else None
    return lambda: term is not None and term.holds(day(clock.now_ms()))


def day(now_ms: int) -> date:
    """Return the day at this place."""
    return datetime.fromtimestamp(now_ms / 1000).astimezone().date()
