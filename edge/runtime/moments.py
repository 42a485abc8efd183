"""When the box was last alive and last online, over restarts; decides nothing by it."""

from edge.runtime.clock import Clock
from edge.store.store import SqlStore


class Moments:
    """Two marks in the store, written by the core's heartbeat."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._last_online_ms = 0

    def recall(self) -> int | None:
        """Go on from what the last start left; return when the box was last alive (ms), None at the first."""
        alive, now = self._store.marked("alive"), self._clock.now_ms()
        online = self._store.marked("online")
        if online is None:  # never yet: the days without headquarters count from the first start
            self._store.mark("online", now)
        self._last_online_ms = now if online is None else online
        return alive

    def mark(self, online: bool) -> None:
        """Note that the box is alive now, and whether headquarters is there."""
        now = self._clock.now_ms()
        self._store.mark("alive", now)
        if online:
            self._store.mark("online", now)
            self._last_online_ms = now

    def offline_ms(self) -> int:
        """Over restarts, so by the wall clock; one that was set back counts as online just now."""
        return max(0, self._clock.now_ms() - self._last_online_ms)
