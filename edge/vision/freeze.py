"""Decides when a connected camera has stopped showing anything new; pure, never looks at a clock."""

from collections import deque

from edge.domain.errors import Frozen

REPEATS = 2
"""Repeated pictures in a row before their age counts: one alone may just be the newest."""
MEMORY_S = 2.5
"""A picture repeats if it equals one of the last seconds: long enough for an encoder's whole cycle."""
MEMORY_LENGTH = 128


class FreezeWatch:
    """Told of pictures with the monotonic time in seconds; raises Frozen when `limit_s` pass without news.

    A frozen sensor behind a healthy encoder delivers pictures that are equal to the last bit, or a
    short cycle of such; a real scene has sensor noise and never repeats.
    """

    def __init__(self, limit_s: float, now: float) -> None:
        self._limit_s = limit_s
        self._seen = now
        self._changed = now
        self._repeats = 0
        self._memory: deque[tuple[int, float]] = deque(maxlen=MEMORY_LENGTH)

    def picture(self, fingerprint: int, now: float) -> None:
        """Take note of a decoded picture."""
        self._seen = now
        while len(self._memory) > 1 and now - self._memory[0][1] > MEMORY_S:
            self._memory.popleft()
        if any(fingerprint == known for known, _ in self._memory):
            self._repeats += 1
        else:
            self._changed, self._repeats = now, 0
        self._memory.append((fingerprint, now))

    def skipped(self, now: float) -> None:
        """Take note of a healthy packet that is not decoded, because nobody asked for its picture."""
        self._seen = now

    def check(self, now: float) -> None:
        """Raise Frozen if nothing new came for longer than the limit."""
        seen_s, changed_s = now - self._seen, now - self._changed
        if seen_s > self._limit_s:
            hint = "the connection stands, but no picture comes"
            raise Frozen("watch the camera", "no_frames", hint, since_s=seen_s)
        if self._repeats >= REPEATS and changed_s > self._limit_s:
            hint = "restart the camera if it stays like this"
            raise Frozen("watch the camera", "same_picture", hint, since_s=changed_s)
