"""Which notice is in force here?"""

from edge.ipc.operator import StateLine
from edge.runtime.checks import Facts


def check(facts: Facts) -> StateLine:
    """Return its version and the beginning of its hash, to compare with headquarters'."""
    return StateLine(
        name="notice", state="ok", what=f"{facts.notice_version}, sha256 {facts.notice_hash[:16]}…"
    )
