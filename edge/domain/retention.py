"""How long each class of data is kept, and which period counts where two meet; no clock, no I/O.

Joined data inherits the stricter class (P10): of several periods the shortest counts.
"""

from dataclasses import dataclass

from edge.wire import Scope

DAY_MS = 24 * 3600 * 1000
CALL_NUMBER_MS = 72 * 3600 * 1000
"""How long the number of a caller who agreed to nothing is kept, to call back; no site can change it."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Milliseconds by class. `scopes`: from the last act under a scope until its consent expires."""

    scopes: dict[Scope, int]
    visits: int
    """From the end of a visit; evidence and answers of a visit go with it at the latest."""
    appointments: int
    """From the time that an appointment is for, kept or not; that they came stands in the visit."""
    calls: int
    verdicts: int
    """From a finding's date until nothing of it is left; its content goes with the report."""
    proofs: int
    """From the end of a consent until its proof goes, and of an order carried out."""
    audit: int
    """From an entry until what it says is emptied; its hash stays."""
    tombstones: int
    """From an erasure until nobody could bring the person back: a backup older than that isn't restored."""

    def under(self, scope: Scope) -> int:
        """Return how long something is kept that belongs to a visit and to a scope."""
        return min(self.visits, self.scopes[scope])

    @property
    def recorded_call(self) -> int:
        """How long a call is kept that a recording belongs to."""
        return min(self.calls, self.scopes[Scope.RECORDING])

    def until(self, scope: Scope, last_ms: int, registered_until_ms: int | None) -> int:
        """Return when a consent expires.

        Without the registration nobody could find or withdraw the other scopes of the kiosk again, so
        none outlives it; a caller's `recording` is found by a token of its own.
        """
        own = last_ms + self.scopes[scope]
        if scope is Scope.RECORDING or registered_until_ms is None:
            return own
        return min(own, registered_until_ms)
