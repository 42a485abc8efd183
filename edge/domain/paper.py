"""What a form on paper can say and until when it may be typed in; pure, reads no clock and no form."""

from dataclasses import dataclass
from datetime import tzinfo

from edge.domain.amending import day_began_ms
from edge.wire import Scope

SCOPES = (Scope.REGISTRATION, Scope.CHANNEL_RISK, Scope.FOLLOW_UP)
"""What can be agreed to on paper. For a face, a card and a recording somebody stands there in person."""
OLDEST_DAYS = 7
"""Before today. A box that is broken for longer is replaced; and what isn't typed in lies on a desk, where no
withdrawal and no erasure reaches it."""
_DAY_MS = 24 * 3600 * 1000
_CODE_LENGTH = 8


def earliest_ms(now_ms: int, zone: tzinfo) -> int:
    """Return from when on an arrival may be typed in at `now_ms`: seven whole days and today."""
    return day_began_ms(now_ms - OLDEST_DAYS * _DAY_MS, zone)


def code_of(notice_hash: str) -> str:
    """Return what a form carries of its notice's hash: short enough to be typed, one in four billion."""
    return notice_hash[:_CODE_LENGTH]


@dataclass(frozen=True, slots=True)
class Span:
    """A notice and the time in which it was in force, up to before `until_ms` (None: it still is)."""

    hash: str
    version: str
    since_ms: int
    until_ms: int | None
    scopes: frozenset[Scope]

    def in_force_at(self, at_ms: int) -> bool:
        """Return whether a visitor could have been given it then."""
        return self.since_ms <= at_ms and (self.until_ms is None or at_ms < self.until_ms)


@dataclass(frozen=True, slots=True)
class Stay:
    """When somebody was here, as far as anybody knows: an end that nobody saw is no time they stayed for."""

    arrived_ms: int
    until_ms: float


def overlap(one: Stay, other: Stay) -> bool:
    """Return whether nobody can have had both stays: at once, or begun in the same minute."""
    if one.arrived_ms // 60_000 == other.arrived_ms // 60_000:
        return True
    return one.arrived_ms < other.until_ms and other.arrived_ms < one.until_ms
