"""Reads a card that its bearer lays down on their own request: for their data, or to sign in; keeps nothing.

The gate names what it may be read for. Whoever asked gets the card itself, in memory, for one comparison.
"""

import logging
from typing import Literal

from edge.config import Config
from edge.consent.gate import Gate
from edge.domain.errors import LinkDown, NotLeased
from edge.domain.facts import PersonId
from edge.ipc.messages import CardFailed, CardRead
from edge.runtime.leases import Leases
from edge.runtime.workers import Worker
from edge.wire import Purpose

log = logging.getLogger(__name__)

Unread = Literal["no_card", "not_lifted", "unknown_card", "failed", "busy"]
"""Why there is no card to compare."""
_UNREAD: dict[str, Unread] = {
    "no_card": "no_card",
    "not_lifted": "not_lifted",
    "unsupported_layout": "unknown_card",
}
"""By a failed read's code; any other is `failed`."""


class OwnCard:
    """One terminal of one box; visitors go first."""

    def __init__(self, config: Config, gate: Gate, leases: Leases, workers: dict[str, Worker]) -> None:
        self._terminal = config.desk.terminal
        self._gate = gate
        self._leases = leases
        self._workers = workers

    @property
    def there(self) -> bool:
        """Whether this box has a terminal."""
        return self._terminal is not None and "card" in self._workers

    async def read(self, purpose: Purpose, asker: PersonId) -> CardRead | Unread:
        """Grant one card lease to `asker`, a random id that is nobody's; Refused for other purposes.

        Who signs in gives way to a visitor who comes for the terminal meanwhile.
        """
        self._gate.permit_own_card(purpose)
        worker = self._workers.get("card")
        if self._terminal is None or worker is None:
            return "failed"
        gives_way = purpose is Purpose.STAFFING
        try:
            card = await self._leases.read_card(asker, self._terminal, worker, gives_way=gives_way)
        except TimeoutError:
            return "no_card"
        except NotLeased:
            return "busy"
        except LinkDown as error:
            log.warning("card unavailable cause=%s", error.cause)
            return "failed"
        return _UNREAD.get(card.code, "failed") if isinstance(card, CardFailed) else card
