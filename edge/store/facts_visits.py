"""Rows of visits, their evidence and the visitor's answer; never of somebody who isn't registered."""

from edge.consent.policy import State
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import EvidenceAdded, SourceTold, VisitClosed, VisitOpened
from edge.store.facts_consent import LATEST
from edge.store.tables import Tables, basis_text
from edge.store.writing import Ground, write
from edge.wire import Evidence, Scope


@write.register
def _visit_opened(fact: VisitOpened, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "visits",
        visit=fact.visit,
        person=fact.person,
        revision=1,
        arrived_ms=fact.at_ms,
        party_size=fact.party_size,
        is_returning=int(fact.returning),
        quality=fact.quality,
        entered_ms=fact.entered_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )
    for ordinal, evidence in enumerate(fact.evidence, start=1):
        _add(fact, ordinal, evidence, ground, to)


@write.register
def _evidence_added(fact: EvidenceAdded, ground: Ground, to: Tables) -> None:
    raised = to.database.run(
        "UPDATE visits SET revision = revision + 1 WHERE visit = ? AND person = ? AND departed_ms IS NULL",
        (fact.visit, fact.person),
    )
    if not raised:
        raise InvalidInput("add evidence", "no_such_open_visit")
    held = to.database.count("SELECT count(*) FROM evidence WHERE visit = ?", (fact.visit,))
    _add(fact, held + 1, fact.evidence, ground, to)


def _add(
    fact: VisitOpened | EvidenceAdded, ordinal: int, evidence: Evidence, ground: Ground, to: Tables
) -> None:
    """Keep one piece under its own basis: its scope, and the visit's, have to be active now as well."""
    scope = evidence.basis.scope
    if scope is None or not all(_active(fact, one, to) for one in {scope, Scope.REGISTRATION}):
        raise Refused("keep evidence", "consent_changed", "ask the gate again")
    to.database.insert(
        "evidence",
        visit=fact.visit,
        ordinal=ordinal,
        kind=evidence.kind,
        at_ms=evidence.at_ms,
        quality=fact.quality,
        basis=basis_text(evidence.basis),
        purpose=ground.purpose,
    )


def _active(fact: VisitOpened | EvidenceAdded, scope: Scope, to: Tables) -> bool:
    latest = to.database.one(LATEST, (fact.person, scope))
    return latest is not None and latest.text("state") == State.ACTIVE and not latest.integer("is_outdated")


@write.register
def _visit_closed(fact: VisitClosed, _ground: Ground, to: Tables) -> None:
    closed = to.database.run(
        "UPDATE visits SET revision = revision + 1, departed_ms = ?, departure_estimated = ?"
        " WHERE visit = ? AND person = ? AND departed_ms IS NULL AND arrived_ms <= ?",
        (fact.departed_ms, int(fact.estimated), fact.visit, fact.person, fact.departed_ms),
    )
    if not closed:
        raise InvalidInput("close a visit", "no_such_open_visit")


@write.register
def _source_told(fact: SourceTold, ground: Ground, to: Tables) -> None:
    whose = to.database.one("SELECT person FROM visits WHERE visit = ?", (fact.visit,))
    if whose is None or whose.text("person") != fact.person:
        raise InvalidInput("keep a source", "no_such_visit")
    to.database.insert(
        "sources",
        "ON CONFLICT DO UPDATE SET source = excluded.source, channel = excluded.channel,"
        " at_ms = excluded.at_ms, quality = excluded.quality",
        visit=fact.visit,
        person=fact.person,
        source=fact.source,
        channel=fact.channel,
        at_ms=fact.at_ms,
        quality=fact.quality,
        basis=ground.basis,
        purpose=ground.purpose,
    )
