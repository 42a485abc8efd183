"""Does the box reach headquarters, and does its signed receipt come back?"""

from edge.ipc.operator import StateLine
from edge.runtime.checks import Facts


def check(facts: Facts) -> StateLine:
    """Return how the link stands; being offline is a warning, being refused a fault."""
    what = f"{facts.link} ({facts.link_code}), last heard {facts.offline_ms // 1000} s ago"
    if facts.link == "up":
        return StateLine(name="headquarters", state="ok", what=what)
    if facts.link == "refused":
        hint = "the broker refuses this box: check certificate, ACL and enrolment"
        return StateLine(name="headquarters", state="refused", what=what, hint=hint)
    return StateLine(name="headquarters", state="warn", what=what, hint="check the network; nothing is lost")
