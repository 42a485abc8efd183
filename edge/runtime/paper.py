"""A visit that was registered on paper and is typed in later; store's thread, never on the clerk's own word.

What the form says is kept under the notice that it carries, at the time that stands on it, with the time at
which it was typed in. No clock saw the first: a person weighs it, and no finding rests on it.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo

from edge.consent.policy import State, carries_from_paper
from edge.domain import facts
from edge.domain.amending import departure_fault
from edge.domain.closing import closing_ms
from edge.domain.errors import InvalidInput
from edge.domain.facts import PersonId
from edge.domain.paper import SCOPES, Span, Stay, code_of, earliest_ms, overlap
from edge.domain.phone import normalise
from edge.ipc.staff import EnterPaper
from edge.runtime.carrying import Carrying
from edge.runtime.departures import Departures
from edge.runtime.indexing import keep_name
from edge.runtime.office import Office, Stamp, Told, new_id
from edge.runtime.records import arrive
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.store.rows import GivenRow, VisitRow
from edge.wire import Basis, BasisKind, Evidence, NoticeText, Purpose, Scope, TimeQuality
from edge.wire.notice import parse_notice

_OVER = frozenset({State.DECLINED, State.WITHDRAWN})


def _wrong(code: str, hint: str = "") -> InvalidInput:
    return InvalidInput("enter a visit from paper", code, hint)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A form, whose it is, the notice that it carries, and its two times."""

    form: EnterPaper
    number: str | None = field(repr=False)
    told: Told
    when: Stamp
    entered_ms: int


class Paper:
    """Enters forms at the desk of one box."""

    def __init__(
        self, office: Office, risk: Risk, rights: Rights, departures: Departures, closes_at: str
    ) -> None:
        self._office = office
        self._risk = risk
        self._rights = rights
        self._departures = departures
        self._closes_at = time.fromisoformat(closes_at)
        self._carrying = Carrying(office, rights, "not_by_paper", carries_from_paper)

    def transaction(self) -> AbstractContextManager[None]:
        """All of a form or nothing."""
        return self._office.store.transaction()

    def notice(self) -> NoticeText:
        """Return the notice in force, for a form to be printed."""
        kept = self._office.store.notice_in_force()
        if kept is None:
            raise _wrong("no_notice", "no notice is in force")
        return parse_notice(kept.text)

    def scopes(self) -> tuple[Scope, ...]:
        """Return what can be ticked on a form that may be typed in now."""
        oldest = earliest_ms(self._office.clock.now_ms(), self._zone())
        spans = self._office.store.notice_spans()
        offered = [one.scopes for one in spans if one.until_ms is None or one.until_ms > oldest]
        return tuple(scope for scope in SCOPES if any(scope in each for each in offered))

    def open(self, form: EnterPaper) -> VisitRow:
        """Keep who came, what they agreed to and that they came; return the visit, still open.

        Within a transaction, before `end`. Raises InvalidInput with what is wrong with the form, Refused
        `not_by_paper` for whoever has to register themselves.
        """
        number = normalise(form.phone) if form.phone is not None else None
        _check_choices(form)
        now = self._office.clock.now_ms()
        self._check_times(form, now)
        span = self._span(form)
        when = Stamp(at_ms=form.arrived_ms, quality=TimeQuality.UNKNOWN)
        entry = _Entry(form, number, Told(span.version, span.hash), when, now)
        return self._visit(entry, self._visitor(entry, number) if number else self._stranger(entry))

    def end(self, form: EnterPaper, row: VisitRow) -> None:
        """Close the visit as the form says; one whose end nobody knows at closing time, as an estimate."""
        closing = closing_ms(form.arrived_ms, self._closes_at, self._zone())
        if form.departed_ms is not None:
            self._departures.close(row, form.departed_ms)
        elif closing <= self._office.clock.now_ms():
            self._departures.close(row, closing, estimated=True)

    # -- what the form says ----------------------------------------------------------------

    def _check_times(self, form: EnterPaper, now: int) -> None:
        if form.arrived_ms > now:
            raise _wrong("arrival_in_future")
        if form.arrived_ms < earliest_ms(now, self._zone()):
            raise _wrong("too_long_ago", "destroy the form")
        if form.departed_ms is not None:
            fault = departure_fault(form.arrived_ms, form.departed_ms, now)
            if fault is not None:
                raise _wrong(fault)
        if form.ended == "here" and closing_ms(form.arrived_ms, self._closes_at, self._zone()) <= now:
            raise _wrong("not_here_any_more", "the office has closed since")

    def _span(self, form: EnterPaper) -> Span:
        """Return the notice that the form carries; it was in force when the form was filled in."""
        known = [one for one in self._office.store.notice_spans() if code_of(one.hash) == form.code]
        if not known:
            raise _wrong("unknown_form", "the code stands in the form's upper corner")
        then = [one for one in known if one.in_force_at(form.arrived_ms)]
        if not then:
            raise _wrong("form_not_in_force", "another notice was in force then")
        if not form.scopes | form.declined <= then[0].scopes:
            raise _wrong("not_on_this_form")
        return then[0]

    # -- who -------------------------------------------------------------------------------

    def _stranger(self, entry: _Entry) -> PersonId:
        person, told, when = PersonId(new_id()), entry.told, entry.when
        self._office.agree(
            person, Scope.REGISTRATION, "paper", None, told, when=when, entered_ms=entry.entered_ms
        )
        self._must_be_registered(person)
        return person

    def _visitor(self, entry: _Entry, number: str) -> PersonId:
        form, told, at_ms = entry.form, entry.told, entry.when["at_ms"]
        person = self._carrying.owner(number, at_ms)
        given = (
            GivenRow(scope, at_ms, entry.when["quality"], told.version, told.hash, "paper", entry.entered_ms)
            for scope in SCOPES
            if scope in form.scopes
        )
        self._carrying.agree(person, number, given)
        self._must_be_registered(person)
        for scope in sorted(form.declined):
            self._decline(person, scope, entry.when)
        return person

    def _must_be_registered(self, person: PersonId) -> None:
        if not self._office.active(person, Scope.REGISTRATION):
            raise _wrong("words_changed", "the notice says something else on registration since")

    def _decline(self, person: PersonId, scope: Scope, when: Stamp) -> None:
        """Their no counts unless they said yes or no since; it ends what stood before (P50)."""
        row = self._office.store.consent(person, scope)
        said = self._office.active(person, scope) or State(row.state) in _OVER
        if not said or row.at_ms <= when["at_ms"]:
            self._rights.decline(person, scope, when)

    # -- that they came --------------------------------------------------------------------

    def _visit(self, entry: _Entry, person: PersonId) -> VisitRow:
        office, form, visit = self._office, entry.form, new_id()
        permit = office.gate.permit(Purpose.RECEPTION, person)
        others = office.store.visits(permit)
        if any(overlap(_stay_of_form(form), _stay(row)) for row in others):
            raise _wrong("visit_there", "one of this number is kept for that time")
        returning = any(row.arrived_ms <= form.arrived_ms for row in others)
        arrive(office, entry.number, _opened(entry, person, visit, returning))
        if form.name is not None and office.store.name(permit) is None:
            keep_name(office, person, form.name)  # what they said at the kiosk stands
        self._tell_source(entry, person, visit)
        if entry.number is not None and office.active(person, Scope.CHANNEL_RISK):
            self._risk.judge_person(entry.number)
        row = office.store.visit(visit)
        assert row is not None
        return row

    def _tell_source(self, entry: _Entry, person: PersonId, visit: str) -> None:
        source = entry.form.source
        if source is None or Scope.CHANNEL_RISK not in entry.form.scopes:
            return
        if self._office.active(person, Scope.CHANNEL_RISK):
            fact = facts.SourceTold(**entry.when, visit=visit, person=person, source=source)
            self._office.store.apply(self._office.gate.clear(person, fact))

    def _zone(self) -> tzinfo:
        return datetime.now().astimezone().tzinfo or UTC


def _check_choices(form: EnterPaper) -> None:
    if not form.fourteen:
        raise _wrong("under_14", "a guardian registers at the kiosk; destroy the form")
    if Scope.REGISTRATION not in form.scopes:
        raise _wrong("no_registration", "nothing is kept of it; destroy the form")
    if not form.scopes | form.declined <= set(SCOPES) or form.scopes & form.declined:
        raise _wrong("not_on_paper", "only in person")
    if form.phone is None and form.scopes != {Scope.REGISTRATION}:
        raise _wrong("number_needed", "the other uses need a number to find one again")
    if form.phone is None and form.ended != "here":
        raise _wrong("nothing_would_be_kept", "without a number a visit ends with the departure")


def _opened(entry: _Entry, person: PersonId, visit: str, returning: bool) -> facts.VisitOpened:
    basis = Basis(kind=BasisKind.CONSENT, scope=Scope.REGISTRATION)
    return facts.VisitOpened(
        **entry.when,
        visit=visit,
        person=person,
        party_size=entry.form.party_size,
        returning=returning,
        evidence=(Evidence(kind="paper", at_ms=entry.when["at_ms"], basis=basis),),
        entered_ms=entry.entered_ms,
    )


def _stay(row: VisitRow) -> Stay:
    seen = row.arrived_ms if row.estimated else row.departed_ms
    return Stay(row.arrived_ms, float("inf") if seen is None else seen)


def _stay_of_form(form: EnterPaper) -> Stay:
    if form.departed_ms is not None:
        return Stay(form.arrived_ms, form.departed_ms)
    return Stay(form.arrived_ms, float("inf") if form.ended == "here" else form.arrived_ms)
