"""Slows down whoever asks too often, in this process's memory; keeps no address beyond the window.

With several web processes each has its own count: the limit then is as many times higher.
"""

import threading
import time
from collections import OrderedDict, deque

_MOST_SUBJECTS = 20_000
"""The oldest gives way: an attacker with many addresses gets no more memory, only less patience spared."""


class Patience:
    """At most `most` acts in `seconds`, for each subject by itself."""

    def __init__(self, most: int, seconds: int) -> None:
        self.most, self.seconds = most, seconds
        self._acts: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, *subjects: str) -> bool:
        """Count an act for each subject; return whether none of them had too many."""
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            counted = [self._count(subject, now) for subject in subjects]
        return all(counted)

    def clear(self) -> None:
        """Forget everybody."""
        with self._lock:
            self._acts.clear()

    def _count(self, subject: str, now: float) -> bool:
        acts = self._acts.setdefault(subject, deque(maxlen=self.most))
        self._acts.move_to_end(subject)
        while acts and acts[0] <= now - self.seconds:
            acts.popleft()
        if len(acts) >= self.most:
            return False
        acts.append(now)
        return True

    def _forget(self, now: float) -> None:
        """Drop subjects whose last act is out of the window, the longest unseen first."""
        while self._acts:
            subject, acts = next(iter(self._acts.items()))
            if len(self._acts) <= _MOST_SUBJECTS and acts and acts[-1] > now - self.seconds:
                return
            del self._acts[subject]
