"""Health checks, one per file, found by file name; each says what is wrong and what to do.

A check is a module with `check(facts: Facts) -> StateLine`; it never changes anything.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from edge.domain.assessment import Assessment
from edge.ipc.operator import StateLine
from edge.store.rows import Anchored
from edge.wire import TimeQuality


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks look at; nothing of it is about a person."""

    state_directory: Path
    clock_quality: TimeQuality
    outbox_depth: int
    outbox_oldest_ms: int | None
    """Age of the oldest row without a receipt."""
    link: str
    link_code: str
    offline_ms: int
    faces: int = 0
    """People with a stored template."""
    faces_filing_ms: int | None = None
    """Time since there were first so many of them that a filing is due."""
    now_ms: int = 0
    requests_asked_ms: tuple[int, ...] = ()
    """When each of visitors' requests that waits for a person was made."""
    audit_anchor: Anchored | None = None
    faces_used: bool = False
    """There is a desk camera."""
    assessment: Assessment | None = None
    """The site's impact assessment of face matching."""
    notice_version: str = ""
    notice_hash: str = ""
    key_generation: int = 0
    """Of the project's keys; 0 are the box's own."""
    tokens_waiting: int = 0
    """Tokens of older keys that nothing took the place of."""

    @property
    def today(self) -> date:
        """The day at this place."""
        return datetime.fromtimestamp(self.now_ms / 1000).astimezone().date()


def run_all(facts: Facts) -> tuple[StateLine, ...]:
    """Run every check of this package."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}").check(facts) for name in names)
