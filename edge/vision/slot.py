"""A place for one thing between two threads; the newest wins and putting never waits."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(Generic[T]):
    """Holds at most one value. `dropped` counts those that were replaced before anybody took them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._value: T | None = None
        self._closed = False
        self.dropped = 0

    def put(self, value: T) -> None:
        """Replace what is there; after `close` the value is forgotten."""
        with self._changed:
            if self._closed:
                return
            self.dropped += self._value is not None
            self._value = value
            self._changed.notify()

    def take(self, timeout: float) -> T | None:
        """Wait up to `timeout` seconds; return the value, or None if none came or the slot closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._value is not None or self._closed, max(0.0, timeout))
            value, self._value = self._value, None
            return value

    def close(self) -> None:
        """Wake whoever waits; nothing is held from now on."""
        with self._changed:
            self._closed, self._value = True, None
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed
