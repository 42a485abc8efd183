"""May faces be matched? Not after a week without headquarters: a withdrawal may wait there."""

from edge.consent.policy import FACE_SUSPENDED_AFTER_MS
from edge.ipc.operator import StateLine
from edge.runtime.checks import Facts

_DAY_MS = 24 * 3600 * 1000


def check(facts: Facts) -> StateLine:
    """Return whether matching is suspended, or when it would be."""
    if facts.offline_ms > FACE_SUSPENDED_AFTER_MS:
        what = f"no word from headquarters for {facts.offline_ms // _DAY_MS} days"
        hint = "bring the link up; visitors are served by number meanwhile"
        return StateLine(name="matching", state="suspended", what=what, hint=hint)
    left = (FACE_SUSPENDED_AFTER_MS - facts.offline_ms) // _DAY_MS
    return StateLine(
        name="matching", state="ok", what=f"faces may be matched for {left} days without headquarters"
    )
