"""What a card that was read comes to: a child's erases, an expired one isn't kept, an unsure one waits.

Runs on the core's loop; what is kept goes through the desk and its gate. It never keeps or shows a photo,
a whole number, or a whole address.
"""

import logging
import re
from collections.abc import Callable, Coroutine
from datetime import date
from typing import Any

from edge.config import Config
from edge.domain.errors import LinkDown, NotLeased
from edge.domain.idcard import LONG_TERM
from edge.domain.idnumber import NATIONS
from edge.ipc.control import CardOutcome, CardSeen
from edge.ipc.messages import CardFailed, CardRead
from edge.runtime.desk import Desk, Visitor
from edge.runtime.leases import Leases
from edge.runtime.rights import Rights
from edge.runtime.workers import Worker
from edge.wire import Purpose

log = logging.getLogger(__name__)

_OUTCOMES: dict[str, CardOutcome] = {
    "no_card": "no_card",
    "not_lifted": "not_lifted",
    "unsupported_layout": "unknown_card",
}
"""By a failed read's code; any other is `failed`."""
_ADDRESS_SHOWN = 6
"""Characters: province and city, by which a visitor knows their own card."""

Call = Callable[..., Coroutine[Any, Any, Any]]


class Cards:
    """Reads cards under leases, and keeps what is sure."""

    def __init__(
        self,
        config: Config,
        desk: Desk,
        rights: Rights,
        leases: Leases,
        workers: dict[str, Worker],
        call: Call,
    ) -> None:
        self._terminal = config.desk.terminal
        self._desk = desk
        self._rights = rights
        self._leases = leases
        self._workers = workers
        self._call = call

    async def read(self, visitor: Visitor) -> CardSeen:
        """Grant one card lease; Refused without `id_card`."""
        await self._call(self._desk.may_lease, visitor, Purpose.IDENTITY_CHECK)
        self._leases.held.drop(visitor.person)
        worker = self._workers.get("card")
        if self._terminal is None or worker is None:
            return CardSeen(outcome="failed")
        try:
            card = await self._leases.read_card(visitor.person, self._terminal, worker)
        except TimeoutError:
            return CardSeen(outcome="no_card")
        except (LinkDown, NotLeased) as error:
            log.warning("card unavailable cause=%s", error.cause)
            return CardSeen(outcome="failed")
        if isinstance(card, CardFailed):
            return CardSeen(outcome=_OUTCOMES.get(card.code, "failed"))
        return await self._judge(visitor, card)

    async def confirm(self, visitor: Visitor, yes: bool) -> CardSeen:
        """Keep the card that waits for this visitor, or forget it; Refused if `id_card` has ended since."""
        card = self._leases.held.take(visitor.person)
        if card is None:
            return CardSeen(outcome="too_late")
        if not yes:
            return CardSeen(outcome="not_confirmed")
        if (problem := await self._problem(visitor, card)) is not None:
            return problem  # the day has turned since it was read
        await self._call(self._desk.card_read, visitor, card)
        return masked(card, "read")

    async def _judge(self, visitor: Visitor, card: CardRead) -> CardSeen:
        if (problem := await self._problem(visitor, card)) is not None:
            return problem
        if not card.confirmed_twice:
            await self._call(self._desk.may_lease, visitor, Purpose.IDENTITY_CHECK)
            self._leases.held.put(visitor.person, card)
            return masked(card, "confirm_fields")
        await self._call(self._desk.card_read, visitor, card)
        return masked(card, "read")

    async def _problem(self, visitor: Visitor, card: CardRead) -> CardSeen | None:
        """Return why a card must not be kept; a child's has everything of this number erased (P38)."""
        today = date.today().strftime("%Y%m%d")  # noqa: DTZ011 — validity ends on the site's own calendar day
        if _under_14(card.birth, today):
            await self._call(self._rights.erase_minor, visitor.number())
            return CardSeen(outcome="minor")
        if card.valid_until not in ("", LONG_TERM) and card.valid_until < today:
            return CardSeen(outcome="expired")
        return None


def masked(card: CardRead, outcome: CardOutcome) -> CardSeen:
    """Return what the screen may show of a card: enough for its owner, too little for the next in line."""
    doubtful = outcome == "confirm_fields"
    return CardSeen(
        outcome=outcome,
        kind=card.kind,
        masked_name=" ".join(filter(None, (_masked_english(card.english_name), _masked_chinese(card.name)))),
        masked_number=card.number[:3] + "*" * (len(card.number) - 7) + card.number[-4:],
        valid_until=card.valid_until if doubtful else "",
        nation=NATIONS.get(card.nation, "") if doubtful else "",
        masked_address=_masked_address(card.address) if doubtful else "",
    )


def _masked_chinese(name: str) -> str:
    return name[:1] + "*" * (len(name) - 1)


def _masked_english(name: str) -> str:
    return re.sub(r"(?<=[A-Za-z])[A-Za-z]", "*", name)


def _masked_address(address: str) -> str:
    return address[:_ADDRESS_SHOWN] + "*" * min(6, max(0, len(address) - _ADDRESS_SHOWN))


def _under_14(birth: str, today: str) -> bool:
    return int(today) - int(birth) < 14_0000
