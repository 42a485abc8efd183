"""Two records of one person become one, because they say that both numbers are theirs; in the store's thread.

The record of the number that they had before is kept, with its proofs; what the other holds comes along, and
the number that they have now takes the other's place. A no under either number is a no: nobody's typing turns
one into a yes, and who ended their registration or was erased isn't entered again (P29).
"""

from dataclasses import replace

from edge.consent.policy import Event, State, carries_over
from edge.domain import facts
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.phone import normalise
from edge.runtime.office import Office, Stamp, Told
from edge.runtime.records import next_record
from edge.runtime.retoken import exchange_tokens_of
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.store.rows import GivenRow
from edge.wire import Merged, Purpose, Scope, TimeQuality, Token

_EVER = 1 << 62
_NO = frozenset({State.DECLINED, State.WITHDRAWN})
_OVER = frozenset({State.ACTIVE, State.WITHDRAWN})
"""What a no makes, or leaves, a withdrawal."""


class Merging:
    """Merges records of one box."""

    def __init__(self, office: Office, risk: Risk, rights: Rights) -> None:
        self._office = office
        self._risk = risk
        self._rights = rights

    def merge(self, was: PersonId, before: str) -> tuple[PersonId, str]:
        """Make `was` and whoever registered with the number `before` one, within a transaction.

        Returns whose record it is now, and the erasure of what is left of `was`, for `Amends.conclude`.
        Raises InvalidInput for no number or the same one; Refused `no_number` for a visitor without one,
        `other_card` if two different cards were kept, `nothing_to_merge` if no registration stands under
        `before` (or ended, or was erased: the desk isn't told which).
        """
        office, other = self._office, normalise(before)
        number = office.store.contact(office.gate.permit(Purpose.RECEPTION, was), Scope.REGISTRATION)
        if number is None:
            raise Refused("merge records", "no_number", "they register with their number at the kiosk")
        person = self._owner(other)
        if other == number or person == was:
            raise InvalidInput("merge records", "same_number")
        self._same_card(was, person)
        exchange_tokens_of(office, was)
        for scope in office.store.outdated_of(was):
            if self._stands(person, scope) is not State.ACTIVE:
                self._rights.ask_again(was, scope)  # once `was` is gone, nobody tells headquarters
        self._settle(was, person, office.tokens.token("registration", number))
        self._join(was, person, number)
        self._order_visits(was, person)
        erasure = office.store.begin_forgetting(office.gate.permit_rights(was))
        self._risk.judge_person(number)
        return person, erasure

    def _owner(self, number: str) -> PersonId:
        office = self._office
        person = office.find(office.gate.permit_lookup(Purpose.RECEPTION), "registration", number)
        if person is None:
            raise _nothing()
        exchange_tokens_of(office, person)
        for scope in office.store.outdated_of(person):
            self._rights.ask_again(person, scope)
        standing = self._stands(person, Scope.REGISTRATION)
        if standing is not State.ACTIVE and not carries_over(standing):
            raise _nothing()
        return person

    def _stands(self, person: PersonId, scope: Scope) -> State:
        return State(self._office.store.consent(person, scope).stands)

    def _same_card(self, was: PersonId, person: PersonId) -> None:
        """Two cards are two people, whatever the desk was told; neither is named."""
        store, rights = self._office.store, self._office.gate.permit_rights
        one, other = store.card(rights(was)), store.card(rights(person))
        if one is not None and other is not None and (one.kind, one.number) != (other.kind, other.number):
            raise Refused("merge records", "other_card", "the cards that were kept are two people's")

    # -- consents --------------------------------------------------------------------------

    def _settle(self, was: PersonId, person: PersonId, who: Token) -> None:
        """Put each scope of `person` where the stricter of both words is; the registration first."""
        rights = self._office.gate.permit_rights(was)
        given = {one.scope: one for one in self._office.store.given_between(rights, 0, _EVER)}
        for scope in sorted(Scope, key=lambda s: s is not Scope.REGISTRATION):
            mine, theirs = self._stands(was, scope), self._stands(person, scope)
            if mine in _NO:
                self._refuse(was, person, scope, who)
            elif mine is State.ACTIVE and theirs in _NO:
                self._rights.end_scope(was, scope, "visitor")
            elif mine is State.ACTIVE and carries_over(theirs) and self._may_stand(scope):
                self._agree_again(person, scope, given[scope], who)
        self._keep_forms_out(was, person, given[Scope.REGISTRATION], who)

    def _refuse(self, was: PersonId, person: PersonId, scope: Scope, who: Token) -> None:
        """Their no, of its own time (P50); no report enters who ended `channel_risk`, as before (P29)."""
        store, said = self._office.store, self._office.store.consent(was, scope)
        ended = store.ended_yes(self._office.gate.permit_rights(was), scope)
        if scope is Scope.CHANNEL_RISK and ended and self._stands(person, scope) not in _OVER:
            self._agree_again(person, scope, ended, who)
            self._rights.end_scope(person, scope, "visitor")
            if said.state == State.WITHDRAWN:
                return
        self._rights.decline(person, scope, Stamp(at_ms=said.at_ms, quality=TimeQuality.UNKNOWN))

    def _keep_forms_out(self, was: PersonId, person: PersonId, one: GivenRow, who: Token) -> None:
        """Who ended their registration and came back is entered by no form on paper of before (P29)."""
        if self._office.store.said_no_since(was, 0):
            self._office.change(person, Scope.REGISTRATION, Event.EXPIRE, State.EXPIRED)
            self._agree_again(person, Scope.REGISTRATION, one, who)

    def _may_stand(self, scope: Scope) -> bool:
        return scope is not Scope.FACE_MATCH or self._office.gate.faces_assessed

    def _agree_again(self, person: PersonId, scope: Scope, one: GivenRow, who: Token) -> None:
        """Their own yes, at their own time, to the words that they were shown."""
        told, when = Told(one.notice_version, one.notice_hash), Stamp(at_ms=one.at_ms, quality=one.quality)
        self._office.agree(
            person, scope, one.act, who, told, when=when, entered_ms=one.entered_ms, covers_ms=one.covers_ms
        )

    # -- rows ------------------------------------------------------------------------------

    def _join(self, was: PersonId, person: PersonId, number: str) -> None:
        office = self._office
        standing = office.store.standing_tokens(office.gate.permit_rights(person))
        exchanged = tuple((old, office.tokens.token(old.partition(":")[0], number)) for old in standing)
        fact = facts.PersonsMerged(
            **office.stamp(),
            person=person,
            was=was,
            exchanged=exchanged,
            beside=office.beside(number),
            records=tuple(Merged(old=old, new=new) for old, new in exchanged),
        )
        contact = facts.ContactKept(**office.stamp(), person=person, scope=Scope.REGISTRATION, phone=number)
        office.store.apply(office.gate.clear(person, fact), office.gate.clear(person, contact))

    def _order_visits(self, was: PersonId, person: PersonId) -> None:
        """Give the visits of both to `person`; whoever had been here before that visit came again."""
        office, rights = self._office, self._office.gate.permit_rights
        visits = [*office.store.visits(rights(was)), *office.store.visits(rights(person))]
        for place, row in enumerate(sorted(visits, key=lambda v: (v.arrived_ms, v.visit))):
            if row.person == person and row.returning == (place > 0):
                continue
            record = next_record(office, replace(row, person=person, returning=place > 0))
            fact = facts.VisitMoved(
                **office.stamp(),
                visit=row.visit,
                person=person,
                was=row.person,
                returning=place > 0,
                since_ms=0,
                until_ms=0,
                records=(record,) if record else (),
            )
            office.store.apply(office.gate.clear(person, fact))


def _nothing() -> Refused:
    return Refused("merge records", "nothing_to_merge", "no registration stands under that number")
