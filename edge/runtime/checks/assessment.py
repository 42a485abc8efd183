"""Does the impact assessment of face matching hold? Without it no face is matched (P36)."""

from edge.domain.assessment import WARN_DAYS
from edge.ipc.operator import StateLine
from edge.runtime.checks import Facts

_HINT = "assess anew, have it approved, and write it into [face_assessment]"
_OFF = f"{_HINT}; visitors are served by number meanwhile"


def check(facts: Facts) -> StateLine:
    """Return until when it holds; a warning 30 days before, a fault after and where there is none."""
    if not facts.faces_used:
        return StateLine(name="assessment", state="ok", what="no desk camera: no face is matched here")
    if facts.assessment is None:
        return StateLine(name="assessment", state="missing", what="faces are off", hint=_OFF)
    term, left = facts.assessment, facts.assessment.days_left(facts.today)
    if not term.holds(facts.today):
        since = f"faces are off: it held from {term.made} to {term.valid_until}"
        return StateLine(name="assessment", state="expired", what=since, hint=_OFF)
    what = f"faces may be matched until {term.valid_until}"
    if left <= WARN_DAYS:
        return StateLine(name="assessment", state="warn", what=f"{what}: {left} days", hint=_HINT)
    return StateLine(name="assessment", state="ok", what=what)
