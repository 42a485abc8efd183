"""Is the wall clock good enough to be evidence?"""

from edge.ipc.operator import StateLine
from edge.runtime.checks import Facts
from edge.wire import TimeQuality


def check(facts: Facts) -> StateLine:
    """Return a warning unless the clock is synchronised."""
    if facts.clock_quality is TimeQuality.SYNCHRONISED:
        return StateLine(name="clock", state="ok", what="synchronised")
    hint = "set up chrony or systemd-timesyncd; until then verdicts are UNKNOWN"
    return StateLine(name="clock", state="warn", what=str(facts.clock_quality), hint=hint)
