"""Head counts that can't single anyone out: fewer than five wait for the next interval; no I/O."""

from dataclasses import dataclass

from edge.wire import FootfallCounted

SMALLEST_GROUP = 5
"""domain.md, Consent: rolled up with the next interval until they reach 5."""


@dataclass(slots=True)
class Rollup:
    """The running sum of one entrance camera."""

    camera: str
    _from_ms: int | None = None
    _count: int = 0

    def add(self, from_ms: int, to_ms: int, count: int) -> FootfallCounted | None:
        """Add an interval; return the record once the sum since the last one reaches five."""
        if count and self._from_ms is None:
            self._from_ms = from_ms
        self._count += count
        if self._count < SMALLEST_GROUP or self._from_ms is None:
            return None
        record = FootfallCounted(camera=self.camera, from_ms=self._from_ms, to_ms=to_ms, count=self._count)
        self._from_ms, self._count = None, 0
        return record
