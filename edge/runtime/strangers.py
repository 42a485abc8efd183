"""How often a number may be tried that nobody registered with; keeps no number.

Who types numbers to learn who was here learns nothing after the first few.
"""

import time
from collections import deque
from collections.abc import Callable

MOST = 5
WITHIN_S = 600.0


class Strangers:
    """The last few tries that met nobody."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._tries: deque[float] = deque(maxlen=MOST)

    def may_ask(self) -> bool:
        """Return whether a number may be looked up now."""
        return len(self._tries) < MOST or self._now() - self._tries[0] > WITHIN_S

    def note(self) -> None:
        """Take note of a number that met nobody."""
        self._tries.append(self._now())
