"""Rows of agents' claims and the findings on them; never a number, never a claim on somebody erased."""

import json

from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import ReportLodged, VerdictReached
from edge.store.database import Row
from edge.store.people import suppressed
from edge.store.tables import Tables
from edge.store.writing import Ground, write


@write.register
def _report_lodged(fact: ReportLodged, ground: Ground, to: Tables) -> None:
    """The same report again changes nothing; another one under its name is refused."""
    if suppressed(to, (fact.token, *fact.earlier)):
        raise Refused("lodge a report", "suppressed")
    held = to.database.one("SELECT * FROM reports WHERE report_ref = ?", (fact.report_ref,))
    if held is None:
        _insert(fact, ground, to)
    elif not _same(fact, held):
        raise InvalidInput("lodge a report", "report_ref_taken", "each report needs a reference of its own")


def _insert(fact: ReportLodged, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "reports",
        report_ref=fact.report_ref,
        token=fact.token,
        channel=fact.channel,
        agent=fact.agent,
        reported_ms=fact.reported_ms,
        lapses_ms=fact.lapses_ms,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )


def _same(fact: ReportLodged, held: Row) -> bool:
    known = held.text("token") in (fact.token, *fact.earlier)
    return known and (fact.channel, fact.agent, fact.reported_ms) == (
        held.text("channel"),
        held.text("agent"),
        held.maybe_integer("reported_ms"),
    )


@write.register
def _verdict_reached(fact: VerdictReached, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "verdicts",
        report_ref=fact.report_ref,
        version=fact.version,
        verdict=fact.verdict,
        reasons=json.dumps(fact.reasons),
        inputs=fact.inputs,
        inputs_hash=fact.inputs_hash,
        at_ms=fact.at_ms,
        quality=fact.quality,
        basis=ground.basis,
        purpose=ground.purpose,
    )
