"""Enters a person's own yes under the number that is theirs; a receptionist types it, who agrees to nothing.

For a number that was typed wrongly and for a form on paper alike; store's thread. It re-enters nobody who
ended their registration or was erased, and doesn't say which of them it was (P29).
"""

from collections.abc import Callable, Iterable

from edge.consent.policy import State
from edge.domain.errors import Refused
from edge.domain.facts import PersonId
from edge.runtime.indexing import index
from edge.runtime.office import Office, Stamp, Told, new_id
from edge.runtime.reach import reach
from edge.runtime.retoken import exchange_tokens_of
from edge.runtime.rights import Rights
from edge.store.rows import GivenRow
from edge.wire import Purpose, Scope

Carries = Callable[[State, int, int], bool]
"""Where a scope stands, since when, and when the yes to it was given: whether that yes may count now."""


class Carrying:
    """One way in which a yes comes to a number's owner without their own hand."""

    def __init__(self, office: Office, rights: Rights, code: str, carries: Carries) -> None:
        """`code`: of the refusal, the same for everybody whom only their own act can enter."""
        self._office = office
        self._rights = rights
        self._code = code
        self._carries = carries

    def refusal(self) -> Refused:
        """Return what is said of whoever isn't entered."""
        return Refused("enter a number", self._code, "they register with it at the kiosk")

    def owner(self, number: str, given_ms: int) -> PersonId:
        """Return whose `number` (E.164) is, perhaps new; Refused if their own act alone can enter them."""
        office = self._office
        person = office.find(office.gate.permit_lookup(Purpose.RECEPTION), "registration", number)
        tokens = office.tokens.tokens("registration", number)
        if person is None:
            if office.store.suppressed(*tokens):
                raise self.refusal()
            return PersonId(new_id())
        if office.store.said_no_since(person, given_ms, *tokens):
            raise self.refusal()
        exchange_tokens_of(office, person)
        for scope in office.store.outdated_of(person):
            self._rights.ask_again(person, scope)
        if not office.active(person, Scope.REGISTRATION) and (
            office.store.known_minor(person) or not self._may(person, Scope.REGISTRATION, given_ms)
        ):
            raise self.refusal()
        return person

    def agree(self, person: PersonId, number: str, given: Iterable[GivenRow]) -> None:
        """Each yes at its own time, by its own act, under the notice that they were given.

        Where that notice's words on a scope are no longer in force, it is kept and asked again at once.
        """
        office, who = self._office, self._office.tokens.token("registration", number)
        for one in sorted(given, key=lambda one: one.scope is not Scope.REGISTRATION):
            if not self._may(person, one.scope, one.at_ms):
                continue
            told, when = (
                Told(one.notice_version, one.notice_hash),
                Stamp(at_ms=one.at_ms, quality=one.quality),
            )
            since_ms = one.at_ms if one.covers_ms is None else one.covers_ms
            covers = reach(office, person, number, one.scope, since_ms)
            office.agree(
                person, one.scope, one.act, who, told, when=when, entered_ms=one.entered_ms, covers_ms=covers
            )
            if office.active(person, one.scope):
                index(office, person, one.scope, number)
            else:
                self._rights.ask_again(person, one.scope)

    def _may(self, person: PersonId, scope: Scope, given_ms: int) -> bool:
        row = self._office.store.consent(person, scope)
        return self._carries(State(row.stands), row.at_ms, given_ms)
