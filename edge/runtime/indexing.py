"""How a registered person is found and called: token, number, name; each passes the gate under its scope."""

from edge.domain import facts
from edge.domain.facts import PersonId
from edge.runtime.office import TOKEN_PURPOSE, Office
from edge.wire import Scope


def index(office: Office, person: PersonId, scope: Scope, number: str) -> None:
    """Make `person` known by `number` (E.164) for the purpose of `scope`, which has to be ACTIVE."""
    gate, stamp = office.gate, office.stamp()
    if scope in TOKEN_PURPOSE:
        tokens = (office.tokens.token(TOKEN_PURPOSE[scope], number),)
        beside = office.beside(number) if scope is Scope.CHANNEL_RISK else facts.NOTHING_BESIDE
        fact = facts.PersonIndexed(**stamp, person=person, scope=scope, tokens=tokens, beside=beside)
        office.store.apply(gate.clear(person, fact))
    if scope is Scope.REGISTRATION:
        contact = facts.ContactKept(**stamp, person=person, scope=scope, phone=number)
        office.store.apply(gate.clear(person, contact))


def keep_name(office: Office, person: PersonId, name: str) -> None:
    """Keep what a registered person wants to be called, in place of what they said before."""
    fact = facts.NameKept(**office.stamp(), person=person, name=name)
    office.store.apply(office.gate.clear(person, fact))
