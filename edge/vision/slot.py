"""A place for a few things between two threads; the newest win and putting never waits."""

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(Generic[T]):
    """Holds at most `places` values. `dropped` counts the oldest that had to go before anybody took them."""

    def __init__(self, places: int = 1) -> None:
        self._changed = threading.Condition()
        self._values: deque[T] = deque(maxlen=places)
        self._closed = False
        self.dropped = 0

    def put(self, value: T) -> None:
        """Add a value, in place of the oldest if all places are taken; after `close` it is forgotten."""
        with self._changed:
            if self._closed:
                return
            self.dropped += len(self._values) == self._values.maxlen
            self._values.append(value)
            self._changed.notify()

    def take(self, timeout: float) -> T | None:
        """Wait up to `timeout` seconds; return the oldest value, or None if none came or the slot closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._values or self._closed, max(0.0, timeout))
            return self._values.popleft() if self._values else None

    def close(self, keep: bool = False) -> None:
        """Wake whoever waits; nothing is held from now on, or (`keep`) what is there can still be taken."""
        with self._changed:
            self._closed = True
            if not keep:
                self._values.clear()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed
