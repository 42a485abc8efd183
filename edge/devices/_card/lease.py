"""The one lease that a card terminal serves at a time, and when it is over; reads nothing."""

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
    """Holds the lease that is served, and behind one that is over the next; a session empties it.

    Filled by the channel's thread. The core grants a lease as soon as it has ended the one before: a session
    that still waits for its device's answer then must not cost the next visitor theirs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: list[Lease] = []

    def put(self, message: CardLease | PhotoLease, photo_fd: int | None = None) -> bool:
        """Take a new lease, with its descriptor; return False if another one is still going on."""
        with self._lock:
            if len(self._leases) > 1 or any(not lease.over() for lease in self._leases):
                return False
            self._leases.append(Lease(message.lease, time.monotonic() + message.seconds, photo_fd))
            return True

    def cancel(self, lease: str) -> None:
        """End the lease of that id, if it is here."""
        with self._lock:
            for one in self._leases:
                if one.id == lease:
                    one.cancelled.set()

    def current(self) -> Lease | None:
        """Return the lease that waits or is being served."""
        with self._lock:
            return self._leases[0] if self._leases else None

    def take(self) -> Lease | None:
        """Take out the lease that was served, or waited longest, and return it."""
        with self._lock:
            return self._leases.pop(0) if self._leases else None
