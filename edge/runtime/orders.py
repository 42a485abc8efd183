"""Headquarters' orders, carried out once each and answered; runs in the store's thread.

A repeated order is answered from the inbox and changes nothing.
"""

import logging

from edge.domain import facts
from edge.domain.facts import PersonId
from edge.ports import Cleared
from edge.runtime.desk import Desk
from edge.runtime.office import TOKEN_PURPOSE, Office
from edge.store.rows import Erased
from edge.wire import (
    Command,
    CommandAnswered,
    EraseCommand,
    ErasureReceipt,
    Record,
    Scope,
    Token,
    WithdrawCommand,
)

log = logging.getLogger(__name__)


class Orders:
    """Erasure and withdrawal, the thin version."""

    def __init__(self, office: Office, desk: Desk) -> None:
        self._office = office
        self._desk = desk

    def carry_out(self, command: Command) -> bool:
        """Carry `command` out; return False if it was done before."""
        if self._office.store.command_seen(command.command_id):
            log.info("order repeated kind=%s command=%s", command.kind, command.command_id)
            return False
        if isinstance(command, EraseCommand):
            self._erase(command)
        else:
            self._withdraw(command)
        log.info("order carried out kind=%s command=%s", command.kind, command.command_id)
        return True

    def _erase(self, command: EraseCommand) -> None:
        persons, tokens = self._everyone_behind(command.who)
        rights = self._office.gate.permit_rights()
        named = tokens or (command.who,)
        self._office.store.erase(rights, persons, lambda erased: self._erased(command, tokens, erased), named)

    def _erased(
        self, command: EraseCommand, tokens: tuple[Token, ...], erased: Erased
    ) -> Cleared[facts.CommandDone]:
        held = erased.keys_destroyed > 0 or any(erased.rows.values())
        receipt = ErasureReceipt(
            command_id=command.command_id,
            who=command.who,
            also=tuple(t for t in tokens if t != command.who),
            outcome="erased" if held else "nothing_held",
            keys_destroyed=erased.keys_destroyed,
            rows=dict(erased.rows),
            at_ms=self._office.clock.now_ms(),
        )
        return self._done(command, receipt.outcome, receipt)

    def _everyone_behind(self, who: Token) -> tuple[tuple[PersonId, ...], tuple[Token, ...]]:
        """Return every person record of the human behind `who`, and all their tokens.

        One human may be two records that nothing joined (a visitor, a caller): an erasure finds
        both by the number, which it may read under `duty`.
        """
        store, rights = self._office.store, self._office.gate.permit_rights()
        first = store.person_by_token(rights, who)
        if first is None:
            return (), ()
        tokens = self._tokens_of(first) or (who,)
        found = [store.person_by_token(rights, token) for token in tokens]
        return tuple(dict.fromkeys([first, *(p for p in found if p is not None)])), tokens

    def _tokens_of(self, person: PersonId) -> tuple[Token, ...]:
        rights = self._office.gate.permit_rights(person)
        for scope in (Scope.REGISTRATION, Scope.RECORDING):
            number = self._office.store.contact(rights, scope)
            if number is not None:
                return tuple(self._office.tokens.token(p, number) for p in TOKEN_PURPOSE.values())
        return ()

    def _withdraw(self, command: WithdrawCommand) -> None:
        person = self._office.store.person_by_token(self._office.gate.permit_rights(), command.who)
        scopes = frozenset({command.scope})
        with self._office.store.transaction():
            ended = self._desk.withdraw_person(person, scopes, "headquarters") if person else ()
            outcome = "done" if ended else "nothing_held"
            answer = CommandAnswered.model_validate(
                {
                    "command_id": command.command_id,
                    "outcome": outcome,
                    "code": "withdrawn" if ended else "not_active",
                    "at_ms": self._office.clock.now_ms(),
                }
            )
            self._office.store.apply(self._done(command, outcome, answer))

    def _done(self, command: Command, outcome: str, record: Record) -> Cleared[facts.CommandDone]:
        fact = facts.CommandDone(
            **self._office.stamp(), command=command, outcome=outcome, records=(record,), urgent=True
        )
        return self._office.gate.on_other_basis(fact)
