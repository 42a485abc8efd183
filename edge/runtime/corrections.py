"""What the privacy officer corrects: a name, a number, an older visit; in the store's thread.

Another number is no second name: the old one may be a stranger's by now, so nothing finds the person by it
any more, here or at headquarters. Never joins two records, and never changes when somebody came: that is
evidence.
"""

from edge.domain import facts
from edge.domain.amending import departure_fault
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.held import HeldConsent
from edge.ports import Permit
from edge.runtime.indexing import keep_name
from edge.runtime.office import TOKEN_PURPOSE, Office, new_id
from edge.runtime.records import next_record
from edge.runtime.retoken import exchange_tokens_of
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.store.rows import VisitRow
from edge.wire import ConsentRecorded, Scope, Token, VisitReattributed

_EARLIER = "two records were made one, and both numbers find them; name the one that they gave last"
_MERGE = "one person with two records? `gatehouse rights merge`"


class Corrections:
    """Corrections at any time, by who checked who the person is."""

    def __init__(self, office: Office, risk: Risk, rights: Rights) -> None:
        self._office = office
        self._risk = risk
        self._rights = rights

    def registered(self, number: str) -> PersonId | None:
        """Return who stands registered under `number` (E.164)."""
        office = self._office
        person = office.find(office.gate.permit_rights(), "registration", number)
        return person if person is not None and office.active(person, Scope.REGISTRATION) else None

    def rename(self, person: PersonId, name: str) -> None:
        """Keep another name of a registered person."""
        keep_name(self._office, person, name)

    # -- a visit ---------------------------------------------------------------------------

    def visit(self, visit: str) -> VisitRow:
        """Return a visit that is over; InvalidInput for any other."""
        row = self._office.store.visit(visit)
        if row is None:
            raise InvalidInput(
                "correct a visit", "no_such_visit", "`gatehouse rights visits` shows their ids"
            )
        if row.departed_ms is None:
            raise InvalidInput("correct a visit", "still_open", "the desk corrects it, and ends it")
        return row

    def revisit(self, row: VisitRow, party: int | None, departed_ms: int | None) -> None:
        """Keep how many they were and when they left, as far as given, and tell headquarters."""
        office, party = self._office, party or row.party_size
        if departed_ms is not None:
            fault = departure_fault(row.arrived_ms, departed_ms, office.clock.now_ms())
            if fault is not None:
                raise InvalidInput("correct a visit", fault)
        exchange_tokens_of(office, row.person)
        estimated = row.estimated and departed_ms is None
        record = next_record(office, row, departed_ms=departed_ms, estimated=estimated, party_size=party)
        fact = facts.VisitCorrected(
            **office.stamp(),
            visit=row.visit,
            person=row.person,
            party_size=party,
            departed_ms=departed_ms,
            records=(record,) if record else (),
        )
        office.store.apply(office.gate.clear(row.person, fact))

    # -- a number --------------------------------------------------------------------------

    def renumber(self, person: PersonId, old: str, new: str) -> None:
        """Give a registered person's whole record another number (both E.164), within a transaction.

        Raises InvalidInput `same_number`, `earlier_number` if one of the two is a number that they had before
        their records were made one (both find them still); Refused `number_of_another` if somebody is known
        by it here, and `not_by_correction` if they were erased (P29): only their own act at the kiosk counts.
        """
        office = self._office
        if old == new:
            raise InvalidInput("correct a number", "same_number")
        self._refuse_a_known_one(person, old, new)
        exchange_tokens_of(office, person)
        claimed = office.store.every_token(office.gate.permit_rights(person))
        for scope in office.store.outdated_of(person):
            self._rights.ask_again(person, scope)
        self._take_back(person, new)
        self._find_by(person, new)
        self._tell_visits(person)
        self._risk.judge_tokens(tuple(t.token for t in claimed if t.scope is Scope.CHANNEL_RISK))
        for number in (old, new):
            self._risk.judge_person(number)

    def recordings_under(self, number: str) -> int:
        """Return how many recorded calls are kept of whoever called from `number`."""
        office = self._office
        caller = office.find(office.gate.permit_rights(), TOKEN_PURPOSE[Scope.RECORDING], number)
        return len(office.store.every_recording(office.gate.permit_rights(caller))) if caller else 0

    def _refuse_a_known_one(self, person: PersonId, old: str, new: str) -> None:
        office, rights = self._office, self._office.gate.permit_rights()
        kept = office.store.contact(office.gate.permit_rights(person), Scope.REGISTRATION)
        for scope in (Scope.REGISTRATION, Scope.CHANNEL_RISK):
            owner = office.find(rights, TOKEN_PURPOSE[scope], new)
            if owner == person or old != kept:
                raise InvalidInput("correct a number", "earlier_number", _EARLIER)
            if owner is not None:
                raise Refused("correct a number", "number_of_another", _MERGE)
            if office.store.suppressed(*office.tokens.tokens(TOKEN_PURPOSE[scope], new)):
                raise Refused("correct a number", "not_by_correction", "they register with it at the kiosk")

    def _take_back(self, person: PersonId, new: str) -> None:
        """What headquarters was told under the old number goes there; what stands is told under the new."""
        office, rights = self._office, self._office.gate.permit_rights(person)
        held = office.store.every_consent(rights)
        who, was = office.tokens.token("registration", new), _token(office, rights)
        standing = [c for c in held if c.current and office.active(person, c.scope)]
        # Consents go back also where each visit is past its period: with one that nobody has.
        visits = [row.visit for row in office.store.visits(rights)] or [new_id()]
        taken = tuple(
            VisitReattributed(
                visit_id=visit,
                who=was,
                scopes=tuple(sorted({c.scope for c in held})),
                since_ms=min(c.at_ms for c in held),
                until_ms=max(c.at_ms for c in held),
            )
            for visit in visits
        )
        told = tuple(_again(c, who) for c in standing)
        # What was told before counts as taken back by its time: a clock that was set back must not save it.
        at_ms = max(office.clock.now_ms(), office.store.newest_ms(rights, (person,), ()))
        fact = facts.NumberTakenBack(
            at_ms=at_ms,
            quality=office.clock.quality(),
            person=person,
            records=(*taken, *told),
            urgent=True,
        )
        office.store.apply(office.gate.on_other_basis(fact))

    def _find_by(self, person: PersonId, new: str) -> None:
        office = self._office
        scopes = {scope for scope, _ in office.store.tokens_of(office.gate.permit_rights(person))}
        tokens = tuple((s, office.tokens.token(TOKEN_PURPOSE[s], new)) for s in sorted(scopes))
        fact = facts.PersonRenumbered(
            **office.stamp(), person=person, tokens=tokens, phone=new, beside=office.beside(new)
        )
        office.store.apply(office.gate.clear(person, fact))

    def _tell_visits(self, person: PersonId) -> None:
        """Each visit's next revision says whose it is; nothing else of it changes."""
        office = self._office
        for row in reversed(office.store.visits(office.gate.permit_rights(person))):
            record = next_record(office, row)
            fact = facts.VisitCorrected(
                **office.stamp(),
                visit=row.visit,
                person=person,
                party_size=row.party_size,
                records=(record,) if record else (),
            )
            office.store.apply(office.gate.clear(person, fact))


def _token(office: Office, rights: Permit) -> Token:
    return next(t for scope, t in office.store.tokens_of(rights) if scope is Scope.REGISTRATION)


def _again(consent: HeldConsent, who: Token) -> ConsentRecorded:
    """Return what was agreed to, as it was signed, under another token."""
    said = consent.record or ConsentRecorded.model_validate(
        {
            "who": who,
            "scope": consent.scope,
            "consent_version": consent.version,
            "notice_version": consent.notice_version,
            "notice_hash": consent.notice_hash,
            "act": consent.act,
            "at_ms": consent.at_ms,
        }
    )
    return said.model_copy(update={"who": who})
