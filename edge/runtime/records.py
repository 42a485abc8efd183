"""What headquarters is told of a visit, revision after revision; never of whom it couldn't find again."""

from dataclasses import replace

from edge.domain.facts import VisitOpened
from edge.runtime.office import Office
from edge.store.rows import VisitRow
from edge.wire import Evidence, Scope, Token, VisitRecorded


def arrive(office: Office, number: str | None, opened: VisitOpened) -> None:
    """Keep an arrival and tell headquarters of it; nothing leaves of somebody without a number."""
    told = replace(opened, records=() if number is None else (_first_record(office, number, opened),))
    office.store.apply(office.gate.clear(opened.person, told))


def _first_record(office: Office, number: str, opened: VisitOpened) -> VisitRecorded:
    return VisitRecorded(
        visit_id=opened.visit,
        revision=1,
        who=office.tokens.token("registration", number),
        returning=opened.returning,
        party_size=opened.party_size,
        arrived_ms=opened.at_ms,
        entered_ms=opened.entered_ms,
        evidence=opened.evidence,
    )


def next_record(
    office: Office,
    row: VisitRow,
    *,
    evidence: tuple[Evidence, ...] | None = None,
    departed_ms: int | None = None,
    estimated: bool | None = None,
    party_size: int | None = None,
) -> VisitRecorded | None:
    """Return the next revision of a visit; None of somebody without a number, who is known here alone.

    Evidence whose scope has ended since isn't told again; the revision that told it stands.
    """
    who = token_of(office, row)
    if who is None:
        return None
    told = row.evidence if evidence is None else evidence
    standing = tuple(e for e in told if e.basis.scope and office.active(row.person, e.basis.scope))
    return VisitRecorded(
        visit_id=row.visit,
        revision=row.revision + 1,
        who=who,
        returning=row.returning,
        party_size=party_size or row.party_size,
        arrived_ms=row.arrived_ms,
        departed_ms=row.departed_ms if departed_ms is None else departed_ms,
        departure_estimated=row.estimated if estimated is None else estimated,
        entered_ms=row.entered_ms,
        evidence=standing,
    )


def token_of(office: Office, row: VisitRow) -> Token | None:
    """Return the registration's token of a visit's person, if they gave a number."""
    rights = office.gate.permit_rights(row.person)
    tokens = office.store.tokens_of(rights)
    return next((token for scope, token in tokens if scope is Scope.REGISTRATION), None)
