"""How often somebody may try who is known here by nothing: by a number or a card; keeps neither.

Who types numbers or lays down cards to learn who was here learns nothing after the first few.
"""

import time
from collections import deque
from collections.abc import Callable

MOST = 5
WITHIN_S = 600.0
"""So many tries that meet nobody in so many seconds: then none is looked at for a while."""


class Strangers:
    """The last few tries that met nobody; numbers and cards are counted by one of these each."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._tries: deque[float] = deque(maxlen=MOST)

    def may_ask(self) -> bool:
        """Return whether the next may be looked at now."""
        return len(self._tries) < MOST or self._now() - self._tries[0] > WITHIN_S

    def note(self) -> None:
        """Take note of one that met nobody."""
        self._tries.append(self._now())
