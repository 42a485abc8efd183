"""What a person may ask of their data: access, withdrawal, erasure; in the store's thread.

Withdrawal ends use and leaves what was lawful; erasure destroys keys and rows. Neither is ever refused
for lack of a consent: both rest on `duty`.
"""

from typing import Literal

from edge.consent.policy import Event, State
from edge.domain import facts
from edge.domain.errors import InvalidInput
from edge.domain.facts import PersonId
from edge.domain.held import Held
from edge.domain.phone import normalise
from edge.ports import Cleared
from edge.runtime.access import Access
from edge.runtime.links import Links
from edge.runtime.office import Office, Stamp, new_id
from edge.runtime.risk import Risk
from edge.store.rows import Erased
from edge.wire import ConsentWithdrawn, EraseCommand, ErasureReceipt, Scope, Token

By = Literal["visitor", "headquarters", "notice", "period"]


class Rights:
    """Access, withdrawal and erasure of one box."""

    def __init__(self, office: Office, risk: Risk, box: str, links: Links) -> None:
        self._office = office
        self._risk = risk
        self._box = box
        self._links = links
        self._access = Access(office)

    # -- access ----------------------------------------------------------------------------

    def find(self, number: str) -> tuple[PersonId, ...]:
        """Return the records of the human with this number (E.164): a visitor's, a caller's, or none."""
        store, rights = self._office.store, self._office.gate.permit_rights()
        found = (store.person_by_token(rights, token) for token in self._tokens(number))
        return tuple(dict.fromkeys(person for person in found if person is not None))

    def held(self, person: PersonId) -> Held:
        """Return all that is held of the human who is `person` here (P40)."""
        number = self._number_of(person)
        persons = self.find(number) if number is not None else ()
        return self._access.describe(tuple(dict.fromkeys((person, *persons))), number)

    def held_by(self, number: str) -> Held:
        """Return all that is held of the human with this number (E.164), who may be unknown here."""
        return self._access.describe(self.find(number), number)

    # -- withdrawal ------------------------------------------------------------------------

    def withdraw(
        self, phone: str, scopes: frozenset[Scope]
    ) -> tuple[tuple[Scope, ...], tuple[PersonId, ...]]:
        """End the active ones of `scopes` for this number; return which they were, and whose.

        A visitor and a caller with one number may be two persons that nothing joined: a caller's
        `recording` is found by the token of that purpose.
        """
        number, lookup = normalise(phone), self._office.gate.permit_rights()
        ended: list[Scope] = []
        persons: list[PersonId] = []
        for purpose, its in (("registration", scopes), ("recording", scopes & {Scope.RECORDING})):
            person = self._office.find(lookup, purpose, number)
            if person is not None and (done := self.withdraw_person(person, its, "visitor")):
                ended.extend(done)
                persons.append(person)
        return tuple(ended), tuple(persons)

    def withdraw_person(self, person: PersonId, scopes: frozenset[Scope], by: By) -> tuple[Scope, ...]:
        """End those of `scopes` that a known person agreed to, all or none; also those to be asked again."""
        ended = tuple(s for s in sorted(scopes) if self._agreed(person, s))
        with self._office.store.transaction():
            for scope in ended:
                self.end_scope(person, scope, by)
        return ended

    def _agreed(self, person: PersonId, scope: Scope) -> bool:
        return State(self._office.store.consent(person, scope).state) in {State.ACTIVE, State.RECONSENT}

    def end_scope(self, person: PersonId, scope: Scope, by: By) -> None:
        """End one scope by the person's word; its record leaves before all others."""
        self._end(person, scope, Event.WITHDRAW, State.WITHDRAWN, by)

    def decline(self, person: PersonId, scope: Scope, when: Stamp | None = None) -> None:
        """A no to one scope: it ends what stood; of what never stood it is remembered, since `when`.

        One that is said again counts from then on (P50).
        """
        row, said = self._office.store.consent(person, scope), when or self._office.stamp()
        if self._office.active(person, scope):
            self.end_scope(person, scope, "visitor")
        elif State(row.state) is not State.DECLINED or row.at_ms < said["at_ms"]:
            self._office.change(person, scope, Event.DECLINE, State.DECLINED, when=said)

    def ask_again(self, person: PersonId, scope: Scope) -> None:
        """The notice's words on this scope changed: use stops until the person agrees anew (P23)."""
        self._end(person, scope, Event.CHANGE, State.RECONSENT, "notice")

    def expire(self, person: PersonId, scope: Scope) -> None:
        """The consent's period is over: headquarters is told, since it may rely on it no more either.

        A finding that rested on it isn't judged anew: it was lawful in its time, and has a period itself.
        """
        self._change(person, scope, Event.EXPIRE, State.EXPIRED, "period")

    def _end(self, person: PersonId, scope: Scope, event: Event, state: State, by: By) -> None:
        number = self._number_of(person)
        self._change(person, scope, event, state, by)
        # What was given under the ended scope is no evidence any more.
        if number is None:
            return
        used = scope in (Scope.CHANNEL_RISK, Scope.RECORDING)  # a caller is another person than the visitor
        if used or self._office.active(person, Scope.CHANNEL_RISK):
            self._risk.judge_person(number)

    def _change(self, person: PersonId, scope: Scope, event: Event, state: State, by: By) -> None:
        who = self._token_of(person, scope)
        if who is None and event is Event.WITHDRAW:
            raise InvalidInput("end a scope", "nothing_held")
        # A clock that was set back since must not make the consent look like the later word.
        at_ms = max(self._office.clock.now_ms(), self._office.store.consent(person, scope).at_ms)
        record = ConsentWithdrawn(who=who, scope=scope, at_ms=at_ms, by=by) if who is not None else None
        self._office.change(person, scope, event, state, record)
        if scope is Scope.RECORDING and (number := self._number_of(person)) is not None:
            self._office.told_of(number)

    def _token_of(self, person: PersonId, scope: Scope) -> Token | None:
        """Return under which token headquarters knows this consent; it is held apart from the number.

        The number's key may be lost (an older key file was restored), and a withdrawal counts all the same.
        """
        wanted = Scope.RECORDING if scope is Scope.RECORDING else Scope.REGISTRATION
        for held, token in self._office.store.tokens_of(self._office.gate.permit_rights(person)):
            if held is wanted:
                return token
        return None

    def _number_of(self, person: PersonId) -> str | None:
        """The contact is read under `duty`: a person's word has to reach headquarters whatever ended."""
        rights = self._office.gate.permit_rights(person)
        for scope in (Scope.REGISTRATION, Scope.RECORDING):
            number = self._office.store.contact(rights, scope)
            if number is not None:
                return number
        return None

    # -- erasure ---------------------------------------------------------------------------

    def erase(self, order: EraseCommand) -> tuple[PersonId, ...]:
        """Destroy all that is held of the human behind `order.who`; return the persons that they were."""
        first = self._office.store.person_by_token(self._office.gate.permit_rights(), order.who)
        number = self._number_of(first) if first is not None else None
        _receipt, persons = self._destroy(order, (first,) if first is not None else (), number)
        return persons

    def erase_number(self, number: str) -> tuple[ErasureReceipt, tuple[PersonId, ...]]:
        """Destroy all that is held of whoever has this number (E.164), here and, by receipt, at headquarters.

        Returns the receipt as headquarters gets it, and the persons that they were.
        """
        who, now = self._office.tokens.token("registration", number), self._office.clock.now_ms()
        order = EraseCommand(command_id=new_id(), box=self._box, issued_ms=now, who=who)
        return self._destroy(order, (), number)

    def _destroy(
        self, order: EraseCommand, known: tuple[PersonId, ...], number: str | None
    ) -> tuple[ErasureReceipt, tuple[PersonId, ...]]:
        """One human may be several records that nothing joined (visitor, caller): the number finds all."""
        store, rights = self._office.store, self._office.gate.permit_rights()
        persons = tuple(dict.fromkeys((*known, *(self.find(number) if number is not None else ()))))
        held = (token for p in persons for _, token in store.tokens_of(self._office.gate.permit_rights(p)))
        tokens = self._tokens(number) if number is not None else (order.who,)
        tokens = tuple(dict.fromkeys((*tokens, *held)))  # whose two records became one has another number's
        # Headquarters deletes what was made up to the receipt's time: a clock set back must not save it.
        at_ms = max(self._office.clock.now_ms(), store.newest_ms(rights, persons, tokens))
        partings, bought = self._links.part(persons), store.deals_by_token(rights, *tokens)
        callers = store.forget_caller(rights, number) if number is not None else 0
        receipts: list[ErasureReceipt] = []

        def conclude(erased: Erased) -> Cleared[facts.CommandDone]:
            rows = dict(erased.rows) | ({"call_numbers": callers} if callers else {})
            whole = Erased(erased.keys_destroyed + callers, rows)
            receipts.append(_receipt(order, tokens, whole, at_ms))
            pages = self._links.receipts(partings, whole, at_ms)
            return self._office.done(order, receipts[-1].outcome, receipts[-1], *pages)

        store.erase(rights, persons, conclude, tokens)
        # Who bought with them has a finding without them; a claim by a masked number that fitted them too may
        # be one other customer's now.
        others = {token for deal in bought for _, token in deal.buyers} - set(tokens)
        with store.transaction():
            self._risk.judge_tokens(others.union(self._office.mask(number) if number is not None else ()))
        return receipts[-1], persons

    def erase_person(self, person: PersonId) -> tuple[PersonId, ...]:
        """Destroy all that is held of the human who is `person` here, on their own word."""
        who, now = self._token_of(person, Scope.REGISTRATION), self._office.clock.now_ms()
        return self.erase(EraseCommand(command_id=new_id(), box=self._box, issued_ms=now, who=who))

    def _tokens(self, number: str) -> tuple[Token, ...]:
        return self._office.every_token(number)

    def erase_minor(self, number: str) -> None:
        """A card says under 14 (P38): without a guardian nothing is kept, here or at headquarters."""
        self.erase_number(number)


def _receipt(order: EraseCommand, tokens: tuple[Token, ...], erased: Erased, at_ms: int) -> ErasureReceipt:
    held = erased.keys_destroyed > 0 or any(erased.rows.values())
    return ErasureReceipt(
        command_id=order.command_id,
        who=order.who,
        also=tuple(t for t in tokens if t != order.who),
        outcome="erased" if held else "nothing_held",
        keys_destroyed=erased.keys_destroyed,
        rows=dict(erased.rows),
        at_ms=at_ms,
    )
