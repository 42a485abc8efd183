"""Opens a visitor's own page anew for who lays down the card that was kept; keeps nothing of what it reads.

It is the code of the registration at which that card was kept, with that code's own view: a card gives no
more than was handed out then. A card that is unknown, expired, or kept under a consent that has ended, is
answered alike, and no sooner.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import date
from typing import Any

from edge.domain.facts import PersonId
from edge.domain.idcard import expired
from edge.ipc.kiosk import MyCodeOutcome
from edge.ipc.messages import CardRead
from edge.runtime.office import Office
from edge.runtime.owncard import OwnCard
from edge.runtime.strangers import Strangers
from edge.wire import Purpose, Scope

ANSWER_S = 0.5
"""From the read to the answer, whatever it is: far longer than the store takes for any of them."""

Call = Callable[..., Coroutine[Any, Any, Any]]


class MyData:
    """Later requests of visitors, without the code and without a number."""

    def __init__(self, office: Office, own: OwnCard, call: Call) -> None:
        self._office = office
        self._own = own
        self._call = call
        self._strangers = Strangers()

    async def ask(self, asker: PersonId) -> tuple[MyCodeOutcome, str | None]:
        """Have the card read under a lease of `asker`; return how it ended, and the link if it opens one."""
        if not self._strangers.may_ask():
            await self._call(self._note, "card_asked_too_often")
            return "later", None
        card = await self._own.read(Purpose.RIGHTS, asker)
        if card == "unknown_card":
            return "nothing", None
        if not isinstance(card, CardRead):
            return card, None
        answers_at = time.monotonic() + ANSWER_S
        link = await self._call(self._find, card)
        await asyncio.sleep(answers_at - time.monotonic())
        if link is None:
            self._strangers.note()
            return "nothing", None
        return "found", link

    def _find(self, card: CardRead) -> str | None:
        office = self._office
        today = date.today().strftime("%Y%m%d")  # noqa: DTZ011 — validity ends on the site's own calendar day
        permit = office.gate.permit_own_card(Purpose.RIGHTS)
        kept = office.store.links_by_card(permit, card.kind, card.number)
        standing = (row.link for row in kept if office.active(row.person, Scope.ID_CARD))
        link = None if expired(card.valid_until, today) else next(standing, None)
        self._note("code_by_card" if link else "card_opens_nothing", link)
        return link

    def _note(self, code: str, link: str | None = None) -> None:
        self._office.store.audit(code, link, self._office.clock.now_ms())
