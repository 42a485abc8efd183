"""Cuts counting into intervals aligned to the wall clock; pure, never looks at a clock itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A finished interval in wall milliseconds, and what was counted in it."""

    from_ms: int
    to_ms: int
    count: int


class Intervals:
    """Adds up counts until the wall clock crosses a multiple of `seconds`; the first interval is shorter.

    A clock that is set back or forward ends the interval; nothing that was counted is lost or moved.
    """

    def __init__(self, seconds: int, now_ms: int) -> None:
        self._period_ms = seconds * 1000
        self._from_ms = now_ms
        self._count = 0

    @property
    def ends_ms(self) -> int:
        """Wall time at which the current interval is over."""
        return (self._from_ms // self._period_ms + 1) * self._period_ms

    def add(self, count: int) -> None:
        """Count more people."""
        self._count += count

    def turn(self, now_ms: int) -> Interval | None:
        """Return the current interval if `now_ms` is outside it, and start the one that holds `now_ms`."""
        if self._from_ms <= now_ms < self.ends_ms:
            return None
        done = Interval(self._from_ms, self.ends_ms, self._count)
        start = now_ms // self._period_ms * self._period_ms
        self._from_ms, self._count = max(start, done.to_ms) if now_ms >= done.to_ms else now_ms, 0
        return done

    def finish(self, now_ms: int) -> Interval:
        """Return what there is of the current interval, at the end of counting."""
        return Interval(self._from_ms, max(self._from_ms, min(now_ms, self.ends_ms)), self._count)
