"""Reads one card in a lease of somebody's, and says why if there is none; judges nothing, keeps nothing.

Whoever asks has been let through by the gate before, and decides what becomes of the card.
"""

import logging
from typing import Literal

from edge.config import Config
from edge.domain.errors import LinkDown, NotLeased
from edge.domain.facts import PersonId
from edge.ipc.messages import CardFailed, CardRead
from edge.runtime.leases import Leases
from edge.runtime.workers import Worker

log = logging.getLogger(__name__)

Why = Literal["no_card", "not_lifted", "unknown_card", "failed"]
Unread = Literal["busy"] | Why
"""Why there is no card. `busy`: the terminal is another's just now."""
_WHY: dict[str, Why] = {
    "no_card": "no_card",
    "not_lifted": "not_lifted",
    "unsupported_layout": "unknown_card",
}


class Terminal:
    """The terminal of one desk, if it has one."""

    def __init__(self, config: Config, leases: Leases, workers: dict[str, Worker]) -> None:
        self._name = config.desk.terminal
        self._leases = leases
        self._workers = workers

    @property
    def there(self) -> bool:
        """Whether this box has a terminal."""
        return self._name is not None and "card" in self._workers

    async def read(self, holder: PersonId, *, gives_way: bool = False) -> CardRead | Unread:
        """Grant one card lease to `holder`; with `gives_way` it ends when a visitor comes for it."""
        worker = self._workers.get("card")
        if self._name is None or worker is None:
            return "failed"
        try:
            card = await self._leases.read_card(holder, self._name, worker, gives_way=gives_way)
        except TimeoutError:
            return "no_card"
        except NotLeased as error:
            log.info("no card lease cause=%s", error.cause)
            return "busy"
        except LinkDown as error:
            log.warning("card unavailable cause=%s", error.cause)
            return "failed"
        return why(card) if isinstance(card, CardFailed) else card


def why(failed: CardFailed) -> Why:
    """Return what a failed reading is told as; a code that nobody at the desk can act on is `failed`."""
    return _WHY.get(failed.code, "failed")
