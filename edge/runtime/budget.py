"""How many records a worker's messages may queue in a minute; never looks into a message.

The outbox drops nothing, so whoever could fill it without end could fill the disk. A worker that says
more than any device does is cut off, like one that speaks for another's device; what it had begun (a
call, a lease) ends as when a worker is lost, and what was kept stays kept.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

MINUTE_S = 60.0
STATES = 120
"""Changes of state of one device. A line that fails has two with each try, and tries wait up to 60 s."""
CALLS = 60
"""Calls that begin on one line, and keys pressed in each of them on average: `KEYS` in all."""
KEYS = 600
CARDS = 60
"""Cards read, or not, at one terminal, beyond what leases asked for; outside a lease each is audited."""
TEMPLATES = 60
"""From a worker that may send none: each is refused and audited."""
LEAST_HEADCOUNTS = 10


def per_minute(headcount_s: int) -> dict[str, int]:
    """Return how many messages of each type one device may send in a minute; others queue no record."""
    return {
        "device_state": STATES,
        "headcount": max(LEAST_HEADCOUNTS, int(3 * MINUTE_S / max(1, headcount_s))),
        "call_started": CALLS,
        "call_key": KEYS,
        "call_ended": CALLS,
        "card_read": CARDS,
        "card_failed": CARDS,
        "embedding": TEMPLATES,
        "recogniser_done": TEMPLATES,
    }


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Budget:
    """Tokens by device and type of message: a minute's worth at once, then evenly."""

    def __init__(self, limits: dict[str, int], now: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._now = now
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def spend(self, device: str, kind: str) -> bool:
        """Return whether one more message of this type is within the limit, and count it.

        `device` is one of the worker's own, or empty; so there are never more buckets than those.
        """
        limit = self._limits.get(kind)
        if limit is None:
            return True
        bucket = self._bucket(device, kind, limit)
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True

    def earn(self, device: str, kind: str) -> None:
        """Allow one message more: it was asked for. However fast visitors ask, they cut no worker off."""
        limit = self._limits.get(kind)
        if limit is not None:
            bucket = self._bucket(device, kind, limit)
            bucket.left = min(limit, bucket.left + 1)

    def _bucket(self, device: str, kind: str, limit: int) -> _Bucket:
        now = self._now()
        bucket = self._buckets.setdefault((device, kind), _Bucket(limit, now))
        bucket.left = min(limit, bucket.left + (now - bucket.at) * limit / MINUTE_S)
        bucket.at = now
        return bucket
