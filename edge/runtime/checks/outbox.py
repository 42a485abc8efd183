"""Do records leave?"""

from edge.ipc.operator import StateLine
from edge.runtime.checks import Facts

OLD_MS = 15 * 60 * 1000


def check(facts: Facts) -> StateLine:
    """Return a warning when the oldest record waits for more than 15 minutes."""
    what = f"{facts.outbox_depth} waiting"
    if (facts.outbox_oldest_ms or 0) <= OLD_MS:
        return StateLine(name="outbox", state="ok", what=what)
    return StateLine(
        name="outbox", state="warn", what=what, hint="see `headquarters` above and `gatehouse outbox`"
    )
