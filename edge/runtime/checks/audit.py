"""Is the audit still what headquarters has seen of it?"""

from edge.ipc.operator import StateLine
from edge.runtime.checks import Facts


def check(facts: Facts) -> StateLine:
    """Return a fault when entries that headquarters has seen were cut or rewritten."""
    known = facts.audit_anchor
    if known is None:
        return StateLine(name="audit", state="ok", what="not anchored at headquarters yet")
    what = f"{known.head.size} entries anchored at headquarters"
    if known.holds:
        return StateLine(name="audit", state="ok", what=what)
    hint = "entries were cut or rewritten: keep the disk as it is, see docs/threats.md"
    return StateLine(name="audit", state="rewritten", what=what, hint=hint)
