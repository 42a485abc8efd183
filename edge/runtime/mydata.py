"""Opens a visitor's own page anew for who lays down the card that was kept; keeps nothing of what it reads.

It is the code of the registration at which that card was kept, with that code's own view: a card gives no
more than was handed out then. A card that is unknown, expired, or kept under a consent that has ended, is
answered alike, and no sooner.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import date
from typing import Any, TypeVar

from edge.domain.facts import PersonId
from edge.domain.idcard import expired
from edge.ipc.kiosk import MyCodeOutcome
from edge.ipc.messages import CardRead
from edge.runtime.office import Office
from edge.runtime.owncard import OwnCard
from edge.runtime.strangers import Strangers
from edge.store.rows import LinkRow
from edge.wire import Purpose, Scope

ANSWER_S = 0.5
"""From the read to the answer, whatever it is: far longer than the store takes for any of them."""

Call = Callable[..., Coroutine[Any, Any, Any]]
T = TypeVar("T")


class MyData:
    """Later requests of visitors, without the code and without a number."""

    def __init__(self, office: Office, own: OwnCard, call: Call) -> None:
        self._office = office
        self._own = own
        self._call = call
        self._strangers = Strangers()

    @property
    def there(self) -> bool:
        """Whether this box can read a card."""
        return self._own.there

    async def ask(self, asker: PersonId) -> tuple[MyCodeOutcome, str | None]:
        """Have the card read under a lease of `asker`; return how it ended, and the link if it opens one."""
        return await self._laid(asker, self._find)

    async def since(self, asker: PersonId, person: PersonId) -> tuple[MyCodeOutcome, int | None]:
        """Have it read likewise; return since when `person` let this very card be kept, and how it ended."""
        return await self._laid(asker, lambda card: self._since(card, person))

    async def _laid(
        self, asker: PersonId, find: Callable[[CardRead], T | None]
    ) -> tuple[MyCodeOutcome, T | None]:
        """Whatever the card is, the answer comes no sooner and in the same words as for any other."""
        if not self._strangers.may_ask():
            await self._call(self._note, "card_asked_too_often")
            return "later", None
        card = await self._own.read(Purpose.RIGHTS, asker)
        if card == "unknown_card":
            return "nothing", None
        if not isinstance(card, CardRead):
            return card, None
        answers_at = time.monotonic() + ANSWER_S
        found: T | None = await self._call(find, card)
        await asyncio.sleep(answers_at - time.monotonic())
        if found is None:
            self._strangers.note()
            return "nothing", None
        return "found", found

    def _find(self, card: CardRead) -> str | None:
        link = next((row.link for row in self._standing(card)), None)
        self._note("code_by_card" if link else "card_opens_nothing", link)
        return link

    def _since(self, card: CardRead, person: PersonId) -> int | None:
        mine = [row for row in self._standing(card) if row.person == person]
        first = min(mine, key=lambda row: row.since_ms, default=None)
        self._note("buyer_by_card" if first else "card_opens_nothing", first.link if first else None)
        return first.since_ms if first else None

    def _standing(self, card: CardRead) -> list[LinkRow]:
        """Return the registrations at which a card was kept under a consent that stands, newest first."""
        office = self._office
        today = date.today().strftime("%Y%m%d")  # noqa: DTZ011 — validity ends on the site's own calendar day
        if expired(card.valid_until, today):
            return []
        permit = office.gate.permit_own_card(Purpose.RIGHTS)
        kept = office.store.links_by_card(permit, card.kind, card.number)
        return [row for row in kept if office.active(row.person, Scope.ID_CARD)]

    def _note(self, code: str, link: str | None = None) -> None:
        self._office.store.audit(code, link, self._office.clock.now_ms())
