"""Is there room on the disk of the store?"""

import shutil

from edge.ipc.operator import StateLine
from edge.runtime.checks import Facts

LEAST_FREE = 2 << 30
"""Bytes: about 18 hours of recorded calls (32 kB a second), or years of records."""


def check(facts: Facts) -> StateLine:
    """Return a fault when less than LEAST_FREE is left."""
    free = shutil.disk_usage(facts.state_directory).free
    what = f"{free / (1 << 30):.1f} GiB free"
    if free >= LEAST_FREE:
        return StateLine(name="disk", state="ok", what=what)
    hint = f"free some space under {facts.state_directory}"
    return StateLine(name="disk", state="full", what=what, hint=hint)
