"""What headquarters is told of a visit, revision after revision; never of whom it couldn't find again."""

from edge.runtime.office import Office
from edge.store.rows import VisitRow
from edge.wire import Evidence, Scope, Token, VisitRecorded


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
        evidence=standing,
    )


def token_of(office: Office, row: VisitRow) -> Token | None:
    """Return the registration's token of a visit's person, if they gave a number."""
    rights = office.gate.permit_rights(row.person)
    tokens = office.store.tokens_of(rights)
    return next((token for scope, token in tokens if scope is Scope.REGISTRATION), None)
