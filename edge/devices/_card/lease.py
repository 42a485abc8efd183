"""The one lease that a card terminal may have at a time, and when it is over; reads nothing."""

import os
import threading
import time
from dataclasses import dataclass, field

from edge.ipc.messages import CardLease, PhotoLease


@dataclass(frozen=True, slots=True)
class Lease:
    """Leave to read one card, until a monotonic time or until it is cancelled."""

    id: str
    until: float
    photo_fd: int | None = None
    """Where the card's photo goes to; the lease owns it."""
    cancelled: threading.Event = field(default_factory=threading.Event)

    def over(self) -> bool:
        """Whether nothing may be read any more."""
        return self.cancelled.is_set() or time.monotonic() >= self.until

    def close(self) -> None:
        """Close what came with it."""
        if self.photo_fd is not None:
            os.close(self.photo_fd)


class Slot:
    """Holds at most one lease; filled by the channel's thread, emptied by the session's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lease: Lease | None = None

    def put(self, message: CardLease | PhotoLease, photo_fd: int | None = None) -> bool:
        """Take a new lease, with its descriptor; return False if another one is still going on."""
        with self._lock:
            if self._lease is not None:
                return False
            self._lease = Lease(message.lease, time.monotonic() + message.seconds, photo_fd)
            return True

    def cancel(self, lease: str) -> None:
        """End the lease of that id, if it is the one."""
        with self._lock:
            if self._lease is not None and self._lease.id == lease:
                self._lease.cancelled.set()

    def current(self) -> Lease | None:
        """Return the lease that waits or is being served."""
        with self._lock:
            return self._lease

    def take(self) -> Lease | None:
        """Empty the slot and return what was in it."""
        with self._lock:
            lease, self._lease = self._lease, None
            return lease
