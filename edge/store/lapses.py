"""Which rows have a period of their own, and when each is over; never deletes by another rule than it counts.

One table for the plan and for its application, so that a dry run can't tell another story.
"""

from collections.abc import Callable
from dataclasses import dataclass

from edge.domain.retention import Periods
from edge.store.database import Database
from edge.wire import Scope

_EVIDENCE_UNTIL = "at_ms + CASE substr(basis, 9) {cases} END"
_CLAIM_UNTIL = """max(r.lapses_ms,
    coalesce((SELECT max(e.until_ms) FROM extensions e
        WHERE e.report_ref = r.report_ref AND e.withdrawn = 0), 0),
    coalesce((SELECT max(d.lapses_ms) FROM deal_buyers b JOIN deals d USING (deal_ref) WHERE b.token IN (
        SELECT r.token UNION SELECT o.token FROM person_tokens m JOIN person_tokens o USING (person, scope)
        WHERE m.token = r.token OR m.mask = r.token) OR b.mask = r.token), 0))"""
"""A claim `r` is kept while an extension lets it count, and as long as a deal of whom it is on.

Without it that deal would look as if nobody had ever reported.
"""
_FINDING_UNTIL = """min(
    coalesce(CASE about
        WHEN 'report' THEN (SELECT {claim} FROM reports r WHERE r.report_ref = verdicts.ref)
        ELSE (SELECT lapses_ms FROM deals d WHERE d.deal_ref = verdicts.ref) END, 0),
    coalesce(since_ms, at_ms) + CASE WHEN instr(inputs, '"announced_call"') THEN {called} ELSE {joined} END
)"""
"""A finding joins a report or a deal with presences: its content goes with whichever is over first."""
_OF_A_REPORT = """coalesce((SELECT {claim} FROM reports r WHERE r.report_ref = {table}.report_ref),
    at_ms + {orphans})"""
_REPORT_UNTIL = f"(SELECT {_CLAIM_UNTIL} FROM reports r WHERE r.report_ref = reports.report_ref)"  # noqa: S608 — constants
_SOONEST = "r.lapses_ms"
"""What a claim is kept for in any case, which costs nothing to ask."""

_ENDED = "(SELECT max(l.at_ms) FROM consents l WHERE l.person = consents.person AND l.scope = consents.scope)"


_FORGOTTEN = "mark_reports_deleted_until"


def forgotten_until_ms(database: Database) -> int | None:
    """Return until when claims were deleted because their period was over; None: none was yet."""
    row = database.one("SELECT value FROM meta WHERE name = ?", (_FORGOTTEN,))
    return int(row.text("value")) if row else None


def remember_forgotten(database: Database, periods: Periods, now_ms: int) -> None:
    """Remember until when claims are about to be deleted: of that time one that isn't there may have been."""
    newest = database.count(
        f"SELECT coalesce(max(coalesce(reported_ms, at_ms)), -1) FROM reports WHERE {REPORTS.due(periods)}",  # noqa: S608 — constants
        (now_ms,),
    )
    if newest >= (forgotten_until_ms(database) or 0):
        database.run("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (_FORGOTTEN, str(newest + 1)))


@dataclass(frozen=True, slots=True)
class Lapse:
    """One class: rows of `table` that meet `which`, each over at `until` (SQL, milliseconds)."""

    name: str
    table: str
    until: Callable[[Periods], str]
    which: str = "TRUE"
    ends_by: str = "DELETE FROM {table}"
    """The statement, up to its WHERE."""
    not_before: Callable[[Periods], str] | None = None
    """A time that no end comes before, if that is cheaper to ask: all rows are asked every minute."""

    def due(self, periods: Periods) -> str:
        """Return the condition of those that are over at ?1."""
        soonest = f" AND {self.not_before(periods)} <= ?1" if self.not_before is not None else ""
        return f"{self.which}{soonest} AND {self.until(periods)} <= ?1"


def _evidence(periods: Periods) -> str:
    cases = " ".join(f"WHEN '{scope}' THEN {periods.under(scope)}" for scope in Scope)
    return _EVIDENCE_UNTIL.format(cases=cases)


def _finding(periods: Periods, claim: str = _CLAIM_UNTIL) -> str:
    return _FINDING_UNTIL.format(
        claim=claim,
        joined=periods.under(Scope.CHANNEL_RISK),
        called=min(periods.under(Scope.CHANNEL_RISK), periods.recorded_call),
    )


def _of_a_report(table: str, periods: Periods, claim: str = _CLAIM_UNTIL) -> str:
    """What came before its report waits for it as long as a `channel_risk` is kept."""
    return _OF_A_REPORT.format(table=table, orphans=periods.under(Scope.CHANNEL_RISK), claim=claim)


def _part_of_a_report(table: str) -> Lapse:
    return Lapse(
        table,
        table,
        lambda periods: _of_a_report(table, periods),
        not_before=lambda periods: _of_a_report(table, periods, _SOONEST),
    )


def _call(periods: Periods) -> str:
    return f"at_ms + CASE basis WHEN 'inquiry' THEN {periods.calls} ELSE {periods.recorded_call} END"


REPORTS = Lapse("reports", "reports", lambda _periods: _REPORT_UNTIL, not_before=lambda _periods: "lapses_ms")
LAPSES = (
    Lapse("call_numbers", "call_numbers", lambda _periods: "purge_ms"),
    Lapse(
        "findings",
        "verdicts",
        _finding,
        "inputs IS NOT NULL",
        "UPDATE {table} SET verdict = NULL, reasons = NULL, inputs = NULL, named = NULL",
        lambda periods: _finding(periods, _SOONEST),
    ),
    _part_of_a_report("follow_ups"),
    _part_of_a_report("extensions"),
    REPORTS,
    Lapse("deals", "deals", lambda _periods: "lapses_ms"),
    Lapse("known_customers", "known_customers", lambda _periods: "lapses_ms"),
    Lapse(
        "verdicts",
        "verdicts",
        lambda periods: f"at_ms + {periods.verdicts}",
        "inputs IS NULL AND CASE about WHEN 'report' THEN ref NOT IN (SELECT report_ref FROM reports)"
        " ELSE ref NOT IN (SELECT deal_ref FROM deals) END",
    ),
    Lapse("appointments", "appointments", lambda periods: f"due_ms + {periods.appointments}"),
    Lapse("evidence", "evidence", _evidence),
    Lapse("sources", "sources", lambda periods: f"at_ms + {periods.under(Scope.CHANNEL_RISK)}"),
    Lapse(
        "visits",
        "visits",
        lambda periods: f"max(arrived_ms, coalesce(departed_ms, 0)) + {periods.visits}",
    ),
    Lapse("recordings", "recordings", lambda periods: f"at_ms + {periods.scopes[Scope.RECORDING]}"),
    Lapse("calls", "calls", _call),
    Lapse("guardian_proofs", "guardian_proofs", lambda periods: f"at_ms + {periods.proofs}"),
    Lapse(
        "proofs",
        "consents",
        lambda periods: f"{_ENDED} + {periods.proofs}",
        "(SELECT l.state FROM consents l WHERE l.person = consents.person AND l.scope = consents.scope"
        " ORDER BY l.version DESC LIMIT 1) NOT IN ('ACTIVE', 'ERASING')",
    ),
    Lapse(
        "audit",
        "audit",
        lambda periods: f"at_ms + {periods.audit}",
        "code IS NOT NULL",
        "UPDATE {table} SET code = NULL, subject = NULL",
    ),
    Lapse("outages", "outages", lambda periods: f"until_ms + {periods.verdicts}"),
    Lapse("tombstones", "tombstones", lambda periods: f"at_ms + {periods.tombstones}"),
    Lapse("orders", "commands", lambda periods: f"at_ms + {periods.proofs}"),
)
"""In the order in which they are applied: what another class asks for goes after it."""

LAST_ACTS = """
SELECT person, scope, max(at_ms) AS last_ms FROM (
    SELECT person, scope, at_ms FROM consents WHERE state = 'ACTIVE'
    UNION ALL SELECT person, scope, at_ms FROM contacts
    UNION ALL SELECT person, 'registration', at_ms FROM names
    UNION ALL SELECT person, 'registration', max(arrived_ms, coalesce(departed_ms, 0)) FROM visits
    UNION ALL SELECT v.person, substr(e.basis, 9), e.at_ms FROM evidence e JOIN visits v USING (visit)
    UNION ALL SELECT person, 'channel_risk', at_ms FROM sources
    UNION ALL SELECT person, 'face_match', at_ms FROM templates
    UNION ALL SELECT person, 'id_card', at_ms FROM cards
    UNION ALL SELECT person, 'recording', at_ms FROM recordings
) GROUP BY person, scope
"""
"""When a person last acted under a scope: agreed to it, or gave what is kept under it."""

STANDING = """
SELECT person, scope FROM (
    SELECT person, scope, state, max(version) FROM consents GROUP BY person, scope
) WHERE state = 'ACTIVE'
"""
