"""Reads a card that its bearer lays down on their own request: for their data, or to sign in; keeps nothing.

The gate names what it may be read for. Whoever asked gets the card itself, in memory, for one comparison.
"""

from edge.config import Config
from edge.consent.gate import Gate
from edge.domain.facts import PersonId
from edge.ipc.messages import CardRead
from edge.runtime.leases import Leases
from edge.runtime.terminal import Terminal, Unread
from edge.runtime.workers import Worker
from edge.wire import Purpose


class OwnCard:
    """One terminal of one box; visitors go first."""

    def __init__(self, config: Config, gate: Gate, leases: Leases, workers: dict[str, Worker]) -> None:
        self._terminal = Terminal(config, leases, workers)
        self._gate = gate

    @property
    def there(self) -> bool:
        """Whether this box has a terminal."""
        return self._terminal.there

    async def read(self, purpose: Purpose, asker: PersonId) -> CardRead | Unread:
        """Grant one card lease to `asker`, a random id that is nobody's; Refused for other purposes.

        Who signs in gives way to a visitor who comes for the terminal meanwhile.
        """
        self._gate.permit_own_card(purpose)
        return await self._terminal.read(asker, gives_way=purpose is Purpose.STAFFING)
