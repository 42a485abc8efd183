"""What was typed or tapped wrongly at the desk is put right: name, party, number, the end; store's thread.

A corrected number does the registration again as the visitor did it, under the right number, and takes back
what it did under the wrong one. It turns nobody's no into a yes, and re-enters nobody who withdrew (P29).
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from edge.consent.policy import Event, State, carries_over
from edge.domain import facts
from edge.domain.amending import SAME_ACT_MS, amendable, day_began_ms, undo_left_ms
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import PersonId
from edge.domain.phone import normalise
from edge.runtime.carrying import Carrying
from edge.runtime.indexing import keep_name
from edge.runtime.office import Office
from edge.runtime.records import next_record
from edge.runtime.retoken import exchange_tokens_of
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.store.rows import GivenRow, VisitRow
from edge.wire import Purpose, Scope, Token, VisitReattributed


@dataclass(frozen=True, slots=True)
class _Typed:
    """A visit under a wrong number, and what its registration did there."""

    row: VisitRow
    number: str
    who: Token
    since_ms: int
    until_ms: int
    """When the next visit under that number began: what came then isn't this visitor's."""
    given: tuple[GivenRow, ...]
    declined: tuple[Scope, ...]
    whole: bool
    """Nothing else was ever held under it."""
    taken: tuple[Scope, ...]
    """Scopes that stand there by this visitor's word alone."""


class Amends:
    """Corrections at the desk of one box."""

    def __init__(self, office: Office, risk: Risk, rights: Rights) -> None:
        self._office = office
        self._risk = risk
        self._rights = rights
        self._carrying = Carrying(office, rights, "not_by_correction", lambda now, *_times: carries_over(now))

    def visit(self, visit: str) -> VisitRow:
        """Return a visit that may be corrected now; InvalidInput for one that is over since yesterday."""
        row = self._office.store.visit(visit)
        if row is None or not amendable(row.arrived_ms, row.departed_ms, self.day_began()):
            raise InvalidInput("correct a visit", "visit_is_over")
        return row

    def day_began(self) -> int:
        """Return when today began where the box stands."""
        return day_began_ms(self._office.clock.now_ms(), datetime.now().astimezone().tzinfo or UTC)

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing over several corrections."""
        return self._office.store.transaction()

    # -- small ones ------------------------------------------------------------------------

    def rename(self, row: VisitRow, name: str) -> None:
        """Keep another name of this visit's person."""
        keep_name(self._office, row.person, name)

    def resize(self, row: VisitRow, party: int) -> None:
        """Keep how many they really were, and tell headquarters."""
        office = self._office
        exchange_tokens_of(office, row.person)
        record = next_record(office, row, party_size=party)
        fact = facts.VisitCorrected(
            **office.stamp(),
            visit=row.visit,
            person=row.person,
            party_size=party,
            records=(record,) if record else (),
        )
        office.store.apply(office.gate.clear(row.person, fact))

    def reopen(self, row: VisitRow) -> None:
        """Take back the end of a visit; InvalidInput once it stood for ten minutes or was an estimate."""
        office = self._office
        if not undo_left_ms(row.departed_ms, row.estimated, office.clock.now_ms()):
            raise InvalidInput("reopen a visit", "too_late")
        exchange_tokens_of(office, row.person)
        record = next_record(office, replace(row, departed_ms=None, estimated=False))
        fact = facts.VisitReopened(
            **office.stamp(), visit=row.visit, person=row.person, records=(record,) if record else ()
        )
        office.store.apply(office.gate.clear(row.person, fact))

    # -- the number ------------------------------------------------------------------------

    def renumber(self, row: VisitRow, phone: str) -> tuple[PersonId, str | None]:
        """Give a visit to whom `phone` belongs, within a transaction; return whom it was under.

        And, if nothing else was held of those, the erasure that `conclude` has to finish. Raises
        InvalidInput for no number, Refused `no_number` for a visit without one, `not_by_correction` if who
        has the right one ended their registration or was erased, or is new and ticked nothing in this visit,
        which came by a number that stood already: only their own act at the kiosk counts.
        """
        number, typed = normalise(phone), self._typed(row)
        if number == typed.number:
            raise InvalidInput("correct a number", "same_number")
        to = self._carrying.owner(number, row.arrived_ms)
        self._register_again(typed, to, number)
        self._move(typed, to)
        self._take_back(typed)
        rights = self._office.gate.permit_rights(row.person)
        erasure = self._office.store.begin_forgetting(rights) if typed.whole else None
        for one in (typed.number, number):
            self._risk.judge_person(one)
        return row.person, erasure

    def conclude(self, erasure: str) -> None:
        """Destroy who was only ever a typing error; the next start does it if this box dies before."""
        self._office.store.finish_forgetting(erasure, self._office.clock.now_ms())

    def _typed(self, row: VisitRow) -> _Typed:
        office, store = self._office, self._office.store
        exchange_tokens_of(office, row.person)
        permit, rights = (
            office.gate.permit(Purpose.RECEPTION, row.person),
            office.gate.permit_rights(row.person),
        )
        number = store.contact(permit, Scope.REGISTRATION)
        who = next((t for scope, t in store.tokens_of(rights) if scope is Scope.REGISTRATION), None)
        if number is None or who is None:
            raise Refused("correct a number", "no_number", "they register with it at the kiosk")
        others = [v.arrived_ms for v in store.visits(permit) if v.visit != row.visit]
        since, later = row.arrived_ms - SAME_ACT_MS, [at for at in others if at >= row.arrived_ms]
        whole = not others and store.first_consent_ms(rights) >= since
        given = store.given_between(rights, since, row.arrived_ms)
        return _Typed(
            row=row,
            number=number,
            who=who,
            since_ms=since,
            until_ms=min(later) if later else max(office.clock.now_ms(), row.arrived_ms) + 1,
            given=given,
            declined=self._declined(row, since),
            whole=whole,
            taken=() if later else tuple(one.scope for one in given),
        )

    def _declined(self, row: VisitRow, since: int) -> tuple[Scope, ...]:
        no = {State.DECLINED, State.WITHDRAWN}
        consents = self._office.store.consents(row.person).items()
        return tuple(s for s, c in consents if State(c.state) in no and since <= c.at_ms <= row.arrived_ms)

    def _register_again(self, typed: _Typed, to: PersonId, number: str) -> None:
        """The visitor's own yes and no, at their own time, under the notice that they were shown."""
        scopes = {one.scope for one in typed.given}
        if Scope.REGISTRATION not in scopes and not self._office.active(to, Scope.REGISTRATION):
            # Who comes again gives the number alone: nobody ticked anything today.
            raise self._carrying.refusal()
        self._carrying.agree(to, number, typed.given)
        for scope in typed.declined:
            self._rights.decline(to, scope)

    def _move(self, typed: _Typed, to: PersonId) -> None:
        office, row = self._office, typed.row
        permit = office.gate.permit(Purpose.RECEPTION, to)
        before = [v for v in office.store.visits(permit) if v.arrived_ms <= row.arrived_ms]
        moved = replace(row, person=to, returning=bool(before))
        record = next_record(office, moved)
        assert record is not None
        fact = facts.VisitMoved(
            **office.stamp(),
            visit=row.visit,
            person=to,
            was=row.person,
            returning=moved.returning,
            since_ms=typed.since_ms,
            until_ms=typed.until_ms,
            records=(record,),
        )
        office.store.apply(office.gate.clear(to, fact))

    def _take_back(self, typed: _Typed) -> None:
        office, row = self._office, typed.row
        if not typed.whole:
            for scope in typed.taken:
                office.change(row.person, scope, Event.EXPIRE, State.EXPIRED)
        record = VisitReattributed(
            visit_id=row.visit,
            who=typed.who,
            scopes=typed.taken,
            since_ms=typed.since_ms,
            until_ms=row.arrived_ms,
        )
        # By its time: a clock that was set back must not save what was told before.
        newest_ms = office.store.newest_ms(office.gate.permit_rights(row.person), (row.person,), ())
        fact = facts.VisitTakenBack(
            at_ms=max(office.clock.now_ms(), newest_ms),
            quality=office.clock.quality(),
            visit=row.visit,
            person=row.person,
            scopes=typed.taken,
            since_ms=typed.since_ms,
            until_ms=row.arrived_ms,
            whole=typed.whole,
            records=(record,),
            urgent=True,
        )
        office.store.apply(office.gate.on_other_basis(fact))
