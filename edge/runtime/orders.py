"""Headquarters' orders, carried out once each and answered; runs in the store's thread.

A repeated order is answered from the inbox and changes nothing.
"""

import logging

from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.runtime.books import Books
from edge.runtime.notices import Notices
from edge.runtime.office import Office
from edge.runtime.requests import Requests
from edge.runtime.rights import Rights
from edge.wire import (
    Command,
    CommandAnswered,
    EraseCommand,
    FactsCommand,
    NoticeCommand,
    RightsRequest,
    WithdrawCommand,
)

log = logging.getLogger(__name__)


class Orders:
    """Erasure, withdrawal, a new notice, and rows of books."""

    def __init__(self, office: Office, rights: Rights, requests: Requests, books: Books) -> None:
        self._office = office
        self._rights = rights
        self._requests = requests
        self._notices = Notices(office, rights)
        self._books = books

    def carry_out(self, command: Command) -> tuple[PersonId, ...]:
        """Carry `command` out unless it was before; return whose leases are over by it."""
        if self._office.store.command_seen(command.command_id):
            log.info("order repeated kind=%s command=%s", command.kind, command.command_id)
            return ()
        match command:
            case EraseCommand():
                persons = self._rights.erase(command)
            case WithdrawCommand():
                persons = self._withdraw(command)
            case RightsRequest():
                persons = self._requests.take(command)
            case NoticeCommand():
                self._notices.publish(command)
                persons = ()
            case FactsCommand():
                self._books.take(command)
                persons = ()
        log.info("order carried out kind=%s command=%s", command.kind, command.command_id)
        return persons

    def _withdraw(self, command: WithdrawCommand) -> tuple[PersonId, ...]:
        person = self._office.store.person_by_token(self._office.gate.permit_rights(), command.who)
        scopes = frozenset({command.scope})
        with self._office.store.transaction():
            try:
                ended = self._rights.withdraw_person(person, scopes, "headquarters") if person else ()
            except (Refused, InvalidInput) as error:
                # An order that raised would come again for ever, and hold up all that comes after it.
                log.error("order not carried out command=%s code=%s", command.command_id, error.code)
                self._answer(command, "refused", error.code)
                return ()
            outcome = "done" if ended else "nothing_held"
            self._answer(command, outcome, "withdrawn" if ended else "not_active")
        return (person,) if person is not None else ()

    def _answer(self, command: WithdrawCommand, outcome: str, code: str) -> None:
        answer = CommandAnswered.model_validate(
            {
                "command_id": command.command_id,
                "outcome": outcome,
                "code": code,
                "at_ms": self._office.clock.now_ms(),
            }
        )
        self._office.store.apply(self._office.done(command, outcome, answer))
