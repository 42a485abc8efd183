"""Decides when a connected camera has stopped showing anything new; pure, never looks at a clock."""

from edge.domain.errors import Frozen

REPEATS = 2
"""Equal pictures in a row before their age counts: one alone may just be the newest."""


class FreezeWatch:
    """Told of pictures with the monotonic time in seconds; raises Frozen when `limit_s` pass without news.

    A frozen sensor behind a healthy encoder delivers pictures that are equal to the last bit; real
    scenes have sensor noise and never are.
    """

    def __init__(self, limit_s: float, now: float) -> None:
        self._limit_s = limit_s
        self._seen = now
        self._changed = now
        self._last: int | None = None
        self._repeats = 0

    def picture(self, fingerprint: int, now: float) -> None:
        """Take note of a decoded picture."""
        self._seen = now
        if fingerprint == self._last:
            self._repeats += 1
            return
        self._last, self._changed, self._repeats = fingerprint, now, 0

    def skipped(self, now: float) -> None:
        """Take note of a healthy packet that is not decoded, because nobody asked for its picture."""
        self._seen = now

    def check(self, now: float) -> None:
        """Raise Frozen if nothing new came for longer than the limit."""
        if now - self._seen > self._limit_s:
            raise Frozen("watch the camera", "no_frames", "the connection stands, but no picture comes")
        if self._repeats >= REPEATS and now - self._changed > self._limit_s:
            raise Frozen("watch the camera", "same_picture", "restart the camera if it stays like this")
