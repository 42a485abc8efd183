"""What the privacy officer on site does for a person, each act with its reason in the audit; store's thread.

The person was checked to be who they say by the officer; the box adds no second way around the gate.
"""

from collections.abc import Callable
from dataclasses import dataclass

from edge import archive
from edge.domain.errors import Refused
from edge.domain.facts import PersonId
from edge.domain.held import Held
from edge.domain.phone import masked, normalise
from edge.ipc import officer as protocol
from edge.ipc.messages import Message
from edge.runtime import access_page
from edge.runtime.corrections import Corrections
from edge.runtime.guardianproofs import GuardianProofs
from edge.runtime.links import Links
from edge.runtime.merging import Merging
from edge.runtime.office import Office
from edge.runtime.rights import Rights
from edge.runtime.waiting import WaitingRequests, reason_code


@dataclass(frozen=True, slots=True)
class Done:
    """An answer, and the persons for whom some use ended by it."""

    answer: Message
    ended: tuple[PersonId, ...] = ()


class Officer:
    """Answers one officer's requests."""

    def __init__(
        self,
        office: Office,
        rights: Rights,
        corrections: Corrections,
        merging: Merging,
        links: Links,
        key_id: str,
    ) -> None:
        """`key_id` names the box's signing key."""
        self._office = office
        self._rights = rights
        self._corrections = corrections
        self._merging = merging
        self._links = links
        self._key = key_id
        self._requests = WaitingRequests(office)
        self._guardians = GuardianProofs(office, key_id)

    def answer(self, request: protocol.OfficerRequest, account: str) -> Done:
        """Return the answer to what `account` (a name or number of the system's) asks; domain errors."""
        if isinstance(request, protocol.AboutRequest):
            return Done(self._requests.answer(request, account))
        if isinstance(request, protocol.AboutGuardian):
            return Done(self._guardians.answer(request, account))
        if isinstance(request, protocol.CorrectVisit):
            return self._revisit(request, account)
        return self._about(normalise(request.phone), request, account)

    def _about(  # noqa: PLR0911 — one for each request
        self, number: str, request: protocol.AboutPerson, account: str
    ) -> Done:
        match request:
            case protocol.ShowConsents():
                return self._looked(number, request, account, _consents)
            case protocol.ExportConsents():
                return self._looked(number, request, account, self._export)
            case protocol.GiveAccess():
                return self._looked(number, request, account, self._archive)
            case protocol.ShowVisits():
                return self._looked(number, request, account, _visits)
            case protocol.EndConsents():
                return self._end(number, request, account)
            case protocol.CorrectName():
                return self._rename(number, request, account)
            case protocol.CorrectNumber():
                return self._renumber(number, request, account)
            case protocol.MergeRecords():
                return self._merge(number, request, account)
            case protocol.EraseAll():
                return self._erase(number, request, account)
            case protocol.NewCode():
                return self._code(number, request, account)
            case protocol.ShowReceipts():
                return self._receipts(number, request, account)

    # -- looking ---------------------------------------------------------------------------

    def _looked(
        self,
        number: str,
        request: protocol.AboutPerson,
        account: str,
        show: Callable[[Held, str], Message],
    ) -> Done:
        """Nobody looks unseen: the audit comes before the answer."""
        self._note(request, account, self._rights.find(number))
        return Done(show(self._rights.held_by(number), number))

    def _export(self, held: Held, _number: str) -> Message:
        return protocol.Document.of(archive.consents_file(held, self._office.sign, self._key))

    def _archive(self, held: Held, _number: str) -> Message:
        page = access_page.render(held, self._key)
        return protocol.Document.of(
            archive.access_file(held, page, access_page.style(), self._office.sign, self._key)
        )

    def _receipts(self, number: str, request: protocol.AboutPerson, account: str) -> Done:
        self._note(request, account, ())
        rights = self._office.gate.permit_rights()
        found = self._office.store.erasures_of(rights, self._office.every_token(number))
        receipts = tuple(
            protocol.Receipt(at_ms=e.at_ms, keys_destroyed=e.erased.keys_destroyed, rows=dict(e.erased.rows))
            for e in found
        )
        return Done(protocol.Receipts(receipts=receipts))

    # -- acting ----------------------------------------------------------------------------

    def _end(self, number: str, request: protocol.EndConsents, account: str) -> Done:
        persons = self._rights.find(number)
        with self._office.store.transaction():
            self._note(request, account, persons)
            ended = [s for p in persons for s in self._rights.withdraw_person(p, request.scopes, "visitor")]
        return Done(protocol.Ended(scopes=tuple(dict.fromkeys(ended))), persons if ended else ())

    def _erase(self, number: str, request: protocol.EraseAll, account: str) -> Done:
        self._note(request, account, self._rights.find(number))
        receipt, persons = self._rights.erase_number(number)
        shown = protocol.Receipt(
            at_ms=receipt.at_ms,
            keys_destroyed=receipt.keys_destroyed,
            rows=dict(receipt.rows),
            command=receipt.command_id,
        )
        return Done(shown, persons)

    def _rename(self, number: str, request: protocol.CorrectName, account: str) -> Done:
        """Keep the name anew, under the registration; the wrong one is overwritten."""
        person = self._corrections.registered(number)
        with self._office.store.transaction():
            self._note(request, account, _one(person))
            if person is not None:
                self._corrections.rename(person, request.name)
        return Done(protocol.Corrected(changed=person is not None))

    def _renumber(self, number: str, request: protocol.CorrectNumber, account: str) -> Done:
        """A refusal tells something of the new number's owner: who asked stands in the audit either way."""
        person, new = self._corrections.registered(number), normalise(request.new)
        self._note(request, account, _one(person))
        if person is None:
            return Done(protocol.Corrected(changed=False))
        store = self._office.store
        with store.transaction():
            self._corrections.renumber(person, number, new)
            store.audit("number_changed", person, self._office.clock.now_ms())
        return Done(protocol.Corrected(changed=True, calls=self._corrections.recordings_under(number)))

    def _revisit(self, request: protocol.CorrectVisit, account: str) -> Done:
        row = self._corrections.visit(request.visit)
        with self._office.store.transaction():
            self._note(request, account, (row.person,))
            self._corrections.revisit(row, request.party_size, request.departed_ms)
        return Done(protocol.Corrected(changed=True))

    def _merge(self, number: str, request: protocol.MergeRecords, account: str) -> Done:
        """Make both records one; the officer checked that both numbers are this person's.

        A refusal tells something of the other number's owner: who asked stands in the audit either way.
        """
        office = self._office
        was = office.find(office.gate.permit_rights(), "registration", number)
        self._note(request, account, _one(was))
        if was is None:
            raise Refused("merge records", "no_number", "no registration stands under their number")
        with office.store.transaction():
            person, erasure = self._merging.merge(was, request.before)
            office.store.audit("records_merged", person, office.clock.now_ms())
        office.store.finish_forgetting(erasure, office.clock.now_ms())
        return Done(protocol.Corrected(changed=True), (was, person))

    def _code(self, number: str, request: protocol.NewCode, account: str) -> Done:
        """Give a code to somebody whose identity the officer checked; a caller alone has no page."""
        office = self._office
        person = office.find(office.gate.permit_rights(), "registration", number)
        with office.store.transaction():
            self._note(request, account, (person,) if person is not None else ())
            link = self._links.give(person, 0, verified=True) if person is not None else None
        return Done(protocol.CodeGiven(address=self._links.address(link) if link is not None else None))

    def _note(
        self,
        request: protocol.AboutPerson | protocol.CorrectVisit,
        account: str,
        persons: tuple[PersonId, ...],
    ) -> None:
        """Write down what is done, why, by whom and, by their random id, to whom."""
        store, now = self._office.store, self._office.clock.now_ms()
        with store.transaction():
            store.audit(f"officer_{request.method}", f"account-{account}", now)
            for person in persons or (None,):
                store.audit(reason_code(request.reason), person, now)


def _one(person: PersonId | None) -> tuple[PersonId, ...]:
    return (person,) if person is not None else ()


def _visits(held: Held, _number: str) -> protocol.Visits:
    return protocol.Visits(
        visits=tuple(
            protocol.VisitLine(
                visit=one.visit,
                arrived_ms=one.arrived_ms,
                departed_ms=one.departed_ms,
                estimated=one.departure_estimated,
                party_size=one.party_size,
            )
            for one in held.visits
        )
    )


def _consents(held: Held, number: str) -> protocol.Consents:
    lines = tuple(
        protocol.ConsentLine(
            scope=one.scope,
            state=one.state,
            since_ms=one.at_ms,
            act=one.act,
            notice_version=one.notice_version,
        )
        for one in held.consents
        if one.current
    )
    return protocol.Consents(known=not held.nothing, masked=masked(number), scopes=lines)
