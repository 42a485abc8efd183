"""Gathers what the box holds of one human, for them to see (P40); in the store's thread, changes nothing."""

from collections import Counter
from collections.abc import Sequence

from edge.domain.facts import PersonId
from edge.domain.held import Held, HeldCard, HeldDeal, HeldListing, HeldReport, HeldVisit, Told
from edge.ports import Permit
from edge.runtime.office import Office
from edge.wire import Scope, Token

_TOLD_BY_STATE = {
    "ACTIVE": "consent",
    "WITHDRAWN": "withdrawal",
    "EXPIRED": "withdrawal",
    "RECONSENT": "withdrawal",
}


class Access:
    """Reads under `duty` alone: the right doesn't end with a consent."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def describe(self, persons: Sequence[PersonId], number: str | None) -> Held:
        """Return all that is held of the human who is `persons`, and by `number` (E.164) if it is known."""
        office, stamp = self._office, self._office.stamp()
        store, permits = office.store, [office.gate.permit_rights(p) for p in persons]
        box = store.identity
        held = Held(
            **stamp,
            tenant=box.tenant,
            site=box.site,
            box=box.box,
            names=tuple(name for p in permits if (name := store.name(p))),
            contacts=tuple(c for p in permits for c in store.every_contact(p)),
            tokens=tuple(t for p in permits for t in store.every_token(p)),
            consents=tuple(c for p in permits for c in store.every_consent(p)),
            visits=tuple(v for p in permits for v in self._visits(p)),
            appointments=tuple(a for p in permits for a in store.every_appointment(p)),
            card=next((c for p in permits if (c := self._card(p))), None),
            templates=tuple(t for p in permits for t in store.every_template(p)),
            recordings=tuple(r for p in permits for r in store.every_recording(p)),
            callers=store.callers(office.gate.permit_rights(), number) if number else (),
        )
        claimed = self._claimed(held, number)
        books = {
            "deals": (deals := self._deals(claimed)),
            "reports": self._reports(claimed, max((deal.until_ms for deal in deals), default=0)),
            "listings": self._listings(claimed),
        }
        held = held.model_copy(update=books)
        return held.model_copy(update={"headquarters": self._told(held, persons)})

    def _visits(self, permit: Permit) -> list[HeldVisit]:
        sources, untold = self._office.store.every_source(permit), (None, None)
        return [
            HeldVisit(
                visit=row.visit,
                arrived_ms=row.arrived_ms,
                departed_ms=row.departed_ms,
                departure_estimated=row.estimated,
                party_size=row.party_size,
                returning=row.returning,
                revision=row.revision,
                entered_ms=row.entered_ms,
                evidence=row.evidence,
                source=sources.get(row.visit, untold)[0],
                channel=sources.get(row.visit, untold)[1],
            )
            for row in self._office.store.visits(permit)
        ]

    def _card(self, permit: Permit) -> HeldCard | None:
        since, row = self._office.store.card_since(permit), self._office.store.card(permit)
        if since is None or row is None:
            return None
        return HeldCard(
            kind=row.kind, name=row.name, number=row.number, valid_until=row.valid_until, at_ms=since
        )

    def _claimed(self, held: Held, number: str | None) -> tuple[Token, ...]:
        """Return under which tokens agents may have claimed them: of this number, and of one before it."""
        its = self._office.tokens.tokens("channel_risk", number) if number else ()
        return (*its, *(t.token for t in held.tokens if t.scope is Scope.CHANNEL_RISK))

    def _reports(self, tokens: Sequence[Token], deals_until_ms: int) -> tuple[HeldReport, ...]:
        """A report is kept as long as a deal of theirs."""
        store, rights = self._office.store, self._office.gate.permit_rights()
        return tuple(
            HeldReport(
                channel=report.channel,
                reported_ms=report.reported_ms,
                until_ms=max(report.lapses_ms, deals_until_ms),
                findings=tuple((v.decided_ms, v.inputs_hash) for v in store.verdicts(report.report_ref)),
            )
            for report in store.reports_by_token(rights, *tokens, taken_back=True)
        )

    def _deals(self, tokens: Sequence[Token]) -> tuple[HeldDeal, ...]:
        store, rights = self._office.store, self._office.gate.permit_rights()
        return tuple(
            HeldDeal(
                channel=deal.channel,
                subscribed_ms=deal.subscribed_ms,
                contracted_ms=deal.contracted_ms,
                until_ms=deal.lapses_ms,
                findings=tuple((v.decided_ms, v.inputs_hash) for v in store.verdicts(deal.deal_ref, "deal")),
            )
            for deal in store.deals_by_token(rights, *tokens)
        )

    def _listings(self, tokens: Sequence[Token]) -> tuple[HeldListing, ...]:
        listed = self._office.store.listings(self._office.gate.permit_rights(), *tokens)
        return tuple(HeldListing(since_ms=since, until_ms=until) for since, until in listed)

    def _told(self, held: Held, persons: Sequence[PersonId]) -> tuple[Told, ...]:
        """What was sent is deleted at the receipt, so it is counted from what each row of ours sends."""
        made = Counter(_TOLD_BY_STATE[c.state] for c in held.consents if c.state in _TOLD_BY_STATE)
        made["visit"] = sum(visit.revision for visit in held.visits)
        made["call"] = sum(1 for recording in held.recordings if recording.line)
        found = (*(report.findings for report in held.reports), *(deal.findings for deal in held.deals))
        made["verdict"] = sum(map(len, found))
        tokens = [token.token for token in held.tokens]
        rights = self._office.gate.permit_rights()
        waiting = self._office.store.waiting_about(rights, persons, tokens)
        return tuple(
            Told(kind=kind, sent=max(0, made[kind] - waiting[kind]), waiting=waiting[kind])
            for kind in sorted(made | waiting)
            if made[kind] or waiting[kind]
        )
