"""Until when a site's impact assessment (影响评估) of face matching holds; no clock, no I/O.

PIPL articles 55 and 56: before biometric data is processed its effects are assessed, and again when
something changes; the report is kept. Without one that holds, no face is matched (P36).
"""

from dataclasses import dataclass
from datetime import date

WARN_DAYS = 30
"""How long before the end `status` asks for a new one."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """One approved assessment: of when it is, and the last day on which it holds."""

    made: date
    valid_until: date

    def holds(self, today: date) -> bool:
        """Return whether faces may be matched today; a clock that stands before it was made says no."""
        return self.made <= today <= self.valid_until

    def days_left(self, today: date) -> int:
        """Return for how many days after today it still holds; negative: since when it doesn't."""
        return (self.valid_until - today).days
