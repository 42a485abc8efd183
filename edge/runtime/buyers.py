"""A buyer's yes or no to `channel_risk` when they subscribe or sign (认购, 签约); in the store's thread.

A yes reaches the visits that are still lawfully held as far as somebody showed that the number is theirs: all
of them once a receptionist looked at their papers, those from its own registration on by a card that was
kept, and none of earlier for a number that was only typed (decision 0040). It never says what a number's
owner answered.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edge.consent.policy import Event, State
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.phone import normalise
from edge.ipc.kiosk import Reach
from edge.runtime.indexing import index
from edge.runtime.office import Office
from edge.runtime.reach import reach
from edge.runtime.retoken import exchange_tokens_of
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.wire import Purpose, Scope

VOUCHED_S = 600.0
"""For so long a receptionist's look at somebody's papers counts at the tablet beside them."""
_MOST = 32
_SCOPE = Scope.CHANNEL_RISK
_ALL = -1
"""As `covers_ms` compares: earlier than any visit."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who answered in this session. `reach`: what they showed in it, never what was agreed before."""

    person: PersonId
    number: str = field(repr=False)
    reach: Reach = "from_now"


class Buyers:
    """Buyers' answers at one box."""

    def __init__(
        self, office: Office, risk: Risk, rights: Rights, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`now`: the monotonic clock, in seconds."""
        self._office = office
        self._risk = risk
        self._rights = rights
        self._now = now
        self._vouched: dict[PersonId, float] = {}

    # -- at the desk -----------------------------------------------------------------------

    def vouch(self, visit: str) -> None:
        """Note, in memory and for ten minutes, that a receptionist saw that a visit's number is its
        visitor's.

        Raises InvalidInput for a visit that isn't there, Refused `no_number` for one without a number.
        """
        office, row = self._office, self._office.store.visit(visit)
        if row is None:
            raise InvalidInput("vouch for a visitor", "visit_is_over")
        if (
            office.store.contact(office.gate.permit(Purpose.RECEPTION, row.person), Scope.REGISTRATION)
            is None
        ):
            raise Refused("vouch for a visitor", "no_number", "they register with their number at the kiosk")
        now = self._now()
        self._vouched = {one: until for one, until in self._vouched.items() if until > now}
        while len(self._vouched) >= _MOST:
            del self._vouched[next(iter(self._vouched))]
        self._vouched[row.person] = now + VOUCHED_S

    def forget(self, person: PersonId) -> None:
        """Nobody vouches for this person any more: their number is another one now, or they are gone."""
        self._vouched.pop(person, None)

    # -- at the kiosk ----------------------------------------------------------------------

    def answer(self, notice_hash: str, phone: str, *, yes: bool) -> Buyer | None:
        """Keep a buyer's answer, and judge again; None where no registration stands under the number.

        Raises InvalidInput for no number, and `notice_changed` unless they saw the notice in force.
        """
        office, number = self._office, normalise(phone)
        if notice_hash != office.notice.hash:
            raise InvalidInput(
                "answer as a buyer", "notice_changed", "show the notice in force and ask again"
            )
        if _SCOPE not in {offer.scope for offer in office.notice.scopes}:
            raise InvalidInput("answer as a buyer", "scope_not_offered", "the notice doesn't name it")
        with office.store.transaction():
            person = office.find(office.gate.permit_lookup(Purpose.RECEPTION), "registration", number)
            if person is None or not office.active(person, Scope.REGISTRATION):
                return None
            exchange_tokens_of(office, person)
            for scope in office.store.outdated_of(person):
                self._rights.ask_again(person, scope)
            if not yes:
                self._rights.decline(person, _SCOPE)
                return Buyer(person, number)
            vouched = self._vouched.pop(person, 0.0) > self._now()  # for one yes
            since_ms = office.clock.now_ms()
            self._agree(person, number, None if vouched else reach(office, person, number, _SCOPE, since_ms))
            return Buyer(person, number, reach="all" if vouched else "from_now")

    def by_card(self, buyer: Buyer, since_ms: int) -> Buyer:
        """Let a yes reach from the registration of `since_ms` on, at which their own card was kept."""
        with self._office.store.transaction():
            if not self._office.active(buyer.person, _SCOPE):
                raise InvalidInput("answer as a buyer", "not_agreed")
            self._agree(buyer.person, buyer.number, since_ms)
        return replace(buyer, reach="some")

    def _agree(self, person: PersonId, number: str, covers_ms: int | None) -> None:
        """Keep the yes, unless one stands that reaches as far; one that reaches farther has its own proof."""
        office = self._office
        standing = office.store.consent(person, _SCOPE)
        if office.active(person, _SCOPE):
            if _far(standing.covers_ms) <= _far(covers_ms):
                return
            office.change(person, _SCOPE, Event.CHANGE, State.RECONSENT)
        who = office.tokens.token("registration", number)
        office.agree(person, _SCOPE, "tap", who, covers_ms=covers_ms)
        index(office, person, _SCOPE, number)
        self._risk.judge_person(number)


def _far(covers_ms: int | None) -> int:
    return _ALL if covers_ms is None else covers_ms
