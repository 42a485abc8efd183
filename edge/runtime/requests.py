"""What visitors ask on their own pages, carried out as at the kiosk; in the store's thread.

Only the code can have sealed a request, and each counts once. A request that a person has to decide on waits
with its clock. Headquarters learns that one was answered, and that it was a complaint: never what it said.
"""

import logging
from typing import Literal

from edge.domain import facts, rightslink
from edge.domain.errors import InvalidInput
from edge.domain.facts import PersonId
from edge.domain.rightspage import MOST_REQUESTS, Request, parse_request, too_many
from edge.domain.workdays import due_ms
from edge.runtime.links import Links
from edge.runtime.office import Office
from edge.runtime.rights import Rights
from edge.store.rows import LinkRow
from edge.wire import CommandAnswered, RightsRequest, Scope

log = logging.getLogger(__name__)

Outcome = Literal["done", "waits", "refused"]
_WAITS = {"correct": "a_person_decides", "copy": "a_person_decides", "complain": "complaint_noted"}


class Requests:
    """Opens, checks and carries out sealed requests."""

    def __init__(self, office: Office, rights: Rights, links: Links) -> None:
        self._office = office
        self._rights = rights
        self._links = links

    def take(self, command: RightsRequest) -> tuple[PersonId, ...]:
        """Carry a request out and answer it; return whose leases are over by it."""
        row = self._office.store.link(self._office.gate.permit_rights(), command.link_id)
        if row is None:
            self._answer(command, "nothing_held", "unknown_link")
            return ()
        try:
            request = parse_request(rightslink.open_request(row.secret, row.link, command.sealed))
            self._new(row, request)
        except InvalidInput as refused:
            log.warning("request refused command=%s code=%s", command.command_id, refused.code)
            self._answer(command, "refused", refused.code)
            return ()
        return self._carry_out(command, row, request)

    def _new(self, row: LinkRow, request: Request) -> None:
        asked = self._links.asked(row.link)
        if any(one.id == request.id for one in asked):
            raise InvalidInput("take a request", "replayed")
        if len(asked) >= MOST_REQUESTS:
            raise InvalidInput("take a request", "too_many")

    def _carry_out(self, command: RightsRequest, row: LinkRow, request: Request) -> tuple[PersonId, ...]:
        store, now = self._office.store, self._office.clock.now_ms()
        if too_many(self._links.asked(row.link), request.act, now):
            self._conclude(command, row, request, "refused", "too_many")
            return ()
        if request.act == "erase":
            return self._erase(command, row, request)
        if request.act == "withdraw":
            with store.transaction():
                ended, code = self._withdraw(row, request)
                self._conclude(command, row, request, "done" if ended else "refused", code)
            return (row.person,) if ended else ()
        self._conclude(command, row, request, "waits", _WAITS[request.act])
        return ()

    def _withdraw(self, row: LinkRow, request: Request) -> tuple[tuple[Scope, ...], str]:
        """End the scopes that weren't agreed to anew since the visitor saw them: a later act counts."""
        standing = self._office.store.consents(row.person)
        wanted = {s for s in request.scopes if self._office.active(row.person, s)}
        overtaken = {s for s in wanted if standing[s].at_ms > request.revision}
        ended = self._rights.withdraw_person(row.person, frozenset(wanted - overtaken), "visitor")
        if ended:
            return ended, "withdrawn"
        return (), "overtaken" if overtaken else "not_active"

    def _erase(self, command: RightsRequest, row: LinkRow, request: Request) -> tuple[PersonId, ...]:
        agreed = [c.at_ms for c in self._office.store.consents(row.person).values() if c.state == "ACTIVE"]
        if max(agreed, default=0) > request.revision:
            self._conclude(command, row, request, "refused", "overtaken")
            return ()
        if not self._links.whole(row):
            # There is more under this number than this code shows: its owner has to be known first.
            self._conclude(command, row, request, "waits", "identity_needed")
            return ()
        persons = self._rights.erase_person(row.person)
        self._answer(command, "done", "carried_out")
        return persons

    def _conclude(
        self, command: RightsRequest, row: LinkRow, request: Request, state: Outcome, code: str
    ) -> None:
        """Keep the request with its clock, answer headquarters, and renew the page: all or nothing."""
        stamp = self._office.stamp()
        fact = facts.RequestTaken(
            **stamp,
            person=row.person,
            link=row.link,
            request=request.id,
            act=request.act,
            due_ms=due_ms(stamp["at_ms"]),
            state=state,
            code=code,
            body=request.text or "" if state == "waits" else "",
        )
        with self._office.store.transaction():
            self._office.store.apply(self._office.gate.on_other_basis(fact))
            self._links.send(row, urgent=True)
            known = "complaint_noted" if request.act == "complain" and state == "waits" else "carried_out"
            if state == "refused":
                self._answer(command, "refused", code)
            else:
                self._answer(command, "done", known)
            self._office.store.audit(f"request_{request.act}_{state}", request.id, stamp["at_ms"])

    def _answer(
        self, command: RightsRequest, outcome: Literal["done", "nothing_held", "refused"], code: str
    ) -> None:
        answer = CommandAnswered(
            command_id=command.command_id, outcome=outcome, code=code, at_ms=self._office.clock.now_ms()
        )
        self._office.store.apply(self._office.done(command, outcome, answer))
