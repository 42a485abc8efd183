"""After the project's keys were exchanged: gives each person held the token under the newest ones.

Runs in the store's thread, a few at a time, each in a transaction of its own: a crash loses nothing, and
the next start goes on. Whoever comes to the desk meanwhile goes first. It reads a number under `duty` and
never keeps it elsewhere.
"""

import logging

from edge.domain import facts
from edge.domain.facts import PersonId
from edge.ports import Permit
from edge.runtime.office import TOKEN_PURPOSE, Office
from edge.wire import Retokened, Scope, Token

log = logging.getLogger(__name__)

AT_ONCE = 20
_MOST_OF_ONE = 100
_CONTACTS = (Scope.REGISTRATION, Scope.RECORDING, Scope.CHANNEL_RISK)
"""Under which a number may be held."""


class Retokening:
    """One run over all tokens of older keys; `step` until it returns False."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._after = ""
        self._done = 0

    def step(self) -> bool:
        """Exchange the next few tokens; return whether there are more to try."""
        waiting = self._office.store.waiting_tokens(self._office.gate.permit_rights(), self._after, AT_ONCE)
        for person, old in waiting:
            self._done += _exchange(self._office, person, old)
            self._after = old
        if not waiting and self._after:
            left = self._office.store.count_waiting_tokens()
            log.info("tokens exchanged n=%d left=%d", self._done, left)
        return bool(waiting)


def exchange_tokens_of(office: Office, person: PersonId) -> None:
    """Exchange this person's tokens now: what is about to be sent of them names the new ones."""
    rights = office.gate.permit_rights(person)
    for _person, old in office.store.waiting_tokens(rights, "", _MOST_OF_ONE):
        _exchange(office, person, old)


def _exchange(office: Office, person: PersonId, old: Token) -> bool:
    """Leave a token whose number isn't held any more: nobody can make its successor."""
    permit, purpose = office.gate.permit_rights(person), old.partition(":")[0]
    number = _number_behind(office, permit, purpose, old)
    if number is None:
        return False
    new = office.tokens.token(purpose, number)
    records = (Retokened(old=old, new=new),)
    beside = office.beside(number) if purpose == TOKEN_PURPOSE[Scope.CHANNEL_RISK] else facts.NOTHING_BESIDE
    fact = facts.PersonRetokened(
        **office.stamp(), person=person, old=old, new=new, beside=beside, records=records
    )
    office.store.apply(office.gate.on_other_basis(fact))
    return True


def _number_behind(office: Office, permit: Permit, purpose: str, token: Token) -> str | None:
    """Return the number of which `token` is one, as far as this person's own contacts tell."""
    for scope in _CONTACTS:
        number = office.store.contact(permit, scope)
        if number is not None and token in office.tokens.tokens(purpose, number):
            return number
    return None
