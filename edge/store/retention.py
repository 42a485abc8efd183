"""What ends by itself: scopes and rows past their period, and what a crash left; never what is due later."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge.consent.policy import State
from edge.domain.errors import Refused, StoreError
from edge.domain.facts import PersonId
from edge.domain.retention import Periods
from edge.ports import Permit
from edge.store.cardmarks import BOX_KEYS
from edge.store.facts_consent import LATEST
from edge.store.keys import EMPLOYMENT, GUARDIAN, INQUIRY, KeyName
from edge.store.lapses import LAPSES, LAST_ACTS, STANDING, Lapse, remember_forgotten
from edge.store.rows import LapsingScope, PlanRow
from edge.store.tables import Part
from edge.wire import Scope

log = logging.getLogger(__name__)

SEALED = (
    ("contacts", "person", "scope"),
    ("names", "person", f"'{Scope.REGISTRATION}'"),
    ("templates", "person", f"'{Scope.FACE_MATCH}'"),
    ("cards", "person", f"'{Scope.ID_CARD}'"),
    ("card_marks", "person", f"'{Scope.ID_CARD}'"),
    ("recordings", "person", f"'{Scope.RECORDING}'"),
    ("rights_requests", "person", f"'{Scope.REGISTRATION}'"),
    ("rights_links", "person", f"'{Scope.REGISTRATION}'"),
    ("call_numbers", "call", f"'{INQUIRY}'"),
    ("staff", "staff", f"'{EMPLOYMENT}'"),
    ("guardian_proofs", "proof", f"'{GUARDIAN}'"),
)
"""Every table with sealed rows, and what goes with them: table, column of the key's subject, its scope."""

_OF_SCOPE = {
    "card_marks": "person = ?1 AND ?2 IN ('id_card', 'registration')",
    "rights_requests": "person = ?1 AND ?2 = 'registration'",
    "rights_links": "person = ?1 AND ?2 = 'registration'",
    "contacts": "person = ?1 AND scope = ?2",
    "names": "person = ?1 AND ?2 = 'registration'",
    "templates": "person = ?1 AND ?2 = 'face_match'",
    "cards": "person = ?1 AND ?2 = 'id_card'",
    "appointments": "person = ?1 AND ?2 = 'registration'",
    "sources": "person = ?1 AND ?2 IN ('channel_risk', 'registration')",
    "evidence": "visit IN (SELECT visit FROM visits WHERE person = ?1)"
    " AND (basis = 'consent:' || ?2 OR ?2 = 'registration')",
    "visits": "person = ?1 AND ?2 = 'registration'",
    "calls": "call IN (SELECT call FROM recordings WHERE person = ?1) AND ?2 = 'recording'",
    "recordings": "person = ?1 AND ?2 = 'recording'",
    "person_tokens": "person = ?1 AND scope = ?2",
}
"""What is kept under a scope, by table, in the order in which it goes."""

_EMPTIED = (
    "UPDATE verdicts SET verdict = NULL, reasons = NULL, inputs = NULL, named = NULL WHERE inputs IS NOT NULL"
    " AND CASE about"
    " WHEN 'report' THEN ref IN (SELECT report_ref FROM reports JOIN person_tokens USING (token)"
    " WHERE person_tokens.person = ?1 AND person_tokens.scope = ?2"
    " UNION SELECT report_ref FROM completions JOIN person_tokens USING (token)"
    " WHERE person_tokens.person = ?1 AND person_tokens.scope = ?2)"
    " ELSE ref IN (SELECT deal_ref FROM deal_buyers JOIN person_tokens USING (token)"
    " WHERE person_tokens.person = ?1 AND person_tokens.scope = ?2) END"
)
"""A finding that rests on the answers and presences of an ended `channel_risk` ends with them (P10)."""


class Retention(Part):
    """Periods, and the sweep at start."""

    # -- looking ahead ---------------------------------------------------------------------

    def plan(self, periods: Periods, now_ms: int) -> tuple[PlanRow, ...]:
        """Return, for each class, what `purge_due` and the end of scopes would take at `now_ms`."""
        scopes = self._scopes(periods)
        kept = [(scope, [s.until_ms for s in scopes if s.scope is scope]) for scope in Scope]
        rows = [_plan_row(f"scope {scope}", until, now_ms) for scope, until in kept]
        return (*rows, *(self._plan(lapse, periods, now_ms) for lapse in LAPSES))

    def _plan(self, lapse: Lapse, periods: Periods, now_ms: int) -> PlanRow:
        until = lapse.until(periods)
        row = self._database.one(
            f"SELECT count(*) AS held, coalesce(sum({until} <= ?1), 0) AS due,"  # noqa: S608 — from code alone
            f" min(CASE WHEN {until} > ?1 THEN {until} END) AS next_ms"
            f" FROM {lapse.table} WHERE {lapse.which}",
            (now_ms,),
        )
        assert row is not None
        return PlanRow(lapse.name, row.integer("held"), row.integer("due"), row.maybe_integer("next_ms"))

    def lapsing(self, periods: Periods, now_ms: int) -> tuple[LapsingScope, ...]:
        """Return the scopes of persons that are past their period: consents that stand, or data left."""
        return tuple(one for one in self._scopes(periods) if one.until_ms <= now_ms)

    def _scopes(self, periods: Periods) -> list[LapsingScope]:
        standing = {(r.text("person"), r.text("scope")) for r in self._database.query(STANDING)}
        living = standing | {name for name in self._keys.names() if name[1] != INQUIRY}
        last = {
            (row.text("person"), row.text("scope")): row.integer("last_ms")
            for row in self._database.query(LAST_ACTS)
        }
        found = []
        for person, scope in sorted(living & last.keys()):
            registered = last.get((person, Scope.REGISTRATION))
            ends = None if registered is None else registered + periods.scopes[Scope.REGISTRATION]
            until = periods.until(Scope(scope), last[person, scope], ends)
            found.append(LapsingScope(PersonId(person), Scope(scope), until, (person, scope) in standing))
        return found

    # -- ending ----------------------------------------------------------------------------

    def forget_scope(self, person: PersonId, scope: Scope) -> dict[str, int]:
        """Destroy the key of a scope that has ended and delete what was kept under it; count by class.

        Raises Refused while its consent stands. Asking again after a crash finishes it.
        """
        self._not_on_trial()
        latest = self._database.one(LATEST, (person, scope))
        if latest is not None and latest.text("state") == State.ACTIVE:
            raise Refused("forget a scope", "consent_stands", "it expires first")
        keys = self._keys.destroy([(person, scope)])
        with self._database.transaction():
            files = self._files_of(person) if scope is Scope.RECORDING else []
            rows = {"findings": self._database.run(_EMPTIED, (person, scope))}
            for table, which in _OF_SCOPE.items():
                rows[table] = self._database.run(f"DELETE FROM {table} WHERE {which}", (person, scope))  # noqa: S608 — constants
        _unlink(files)
        self._database.checkpoint()
        return {name: count for name, count in {"keys": keys, **rows}.items() if count}

    def _files_of(self, person: str) -> list[Path]:
        rows = self._database.query("SELECT spool FROM recordings WHERE person = ?", (person,))
        return [self._tables.spool / row.text("spool") for row in rows]

    def due_callers(
        self, permit: Permit, periods: Periods, now_ms: int
    ) -> tuple[tuple[str, ...], tuple[PersonId, ...]]:
        """Return numbers to call back, and recorded callers, of whom `purge_due` would take something.

        Raises Refused unless the permit is for rights: whose page has to tell of it.
        """
        self._allow(permit)
        calls = self._database.query("SELECT call, sealed FROM call_numbers WHERE purge_ms <= ?", (now_ms,))
        called = (
            self._keys.open((r.text("call"), INQUIRY), "call_numbers", r.text("call"), r.blob("sealed"))
            for r in calls
            if self._keys.key(r.text("call"), INQUIRY) is not None
        )
        over = next(lapse for lapse in LAPSES if lapse.table == "recordings").until(periods)
        rows = self._database.query(f"SELECT DISTINCT person FROM recordings WHERE {over} <= ?", (now_ms,))  # noqa: S608 — constants
        recorded = tuple(PersonId(row.text("person")) for row in rows)
        return tuple(number.decode() for number in called), recorded

    def purge_due(self, periods: Periods, now_ms: int) -> dict[str, int]:
        """Delete the rows that are past their own period and return how many by class."""
        self._not_on_trial()
        due = self._database.query("SELECT call FROM call_numbers WHERE purge_ms <= ?", (now_ms,))
        self._keys.destroy((row.text("call"), INQUIRY) for row in due)
        due = self._database.query(
            "SELECT proof FROM guardian_proofs WHERE at_ms + ? <= ?", (periods.proofs, now_ms)
        )
        self._keys.destroy((row.text("proof"), GUARDIAN) for row in due)
        with self._database.transaction():
            remember_forgotten(self._database, periods, now_ms)
            gone = {lapse.name: self._end_lapsed(lapse, periods, now_ms) for lapse in LAPSES}
        if gone["recordings"]:
            self._remove_files()
        if any(gone.values()):
            self._database.checkpoint()
        return {name: count for name, count in gone.items() if count}

    def _end_lapsed(self, lapse: Lapse, periods: Periods, now_ms: int) -> int:
        ends = lapse.ends_by.format(table=lapse.table)
        return self._database.run(f"{ends} WHERE {lapse.due(periods)}", (now_ms,))

    def _not_on_trial(self) -> None:
        if self._database.in_transaction:
            raise StoreError("purge", "inside a transaction", "keys can't be destroyed on trial")

    # -- at start --------------------------------------------------------------------------

    def sweep(self) -> dict[str, int]:
        """Destroy keys that no row needs, rows whose key is gone, recordings that no row names.

        Each is what a crash can leave between two files; returns how many by kind.
        """
        swept = {
            "keys": self._keys.destroy(self._keys.names() - self._wanted()),
            "rows": sum(self.delete_unreadable().values()),
            "files": self._remove_files(),
        }
        if any(swept.values()):
            log.warning("swept after a crash %s", " ".join(f"{k}={n}" for k, n in swept.items()))
        return swept

    def _wanted(self) -> set[KeyName]:
        rows = self._database.query(
            "SELECT DISTINCT person AS subject, scope FROM consents UNION SELECT call, ? FROM call_numbers"
            " UNION SELECT staff, ? FROM staff UNION SELECT proof, ? FROM guardian_proofs",
            (INQUIRY, EMPLOYMENT, GUARDIAN),
        )
        return {(row.text("subject"), row.text("scope")) for row in rows} | BOX_KEYS

    def delete_unreadable(self) -> dict[str, int]:
        """Delete the sealed rows whose key is gone and return how many by class."""
        held = self._keys.names()
        with self._database.transaction():
            return {table[0]: self._delete_unless(held, *table) for table in SEALED}

    def _delete_unless(self, held: set[KeyName], table: str, subject: str, scope: str) -> int:
        rows = self._database.query(
            f"SELECT DISTINCT {subject} AS subject, {scope} AS scope FROM {table}"  # noqa: S608 — constants
        )
        gone = {(row.text("subject"), row.text("scope")) for row in rows} - held
        return sum(
            self._database.run(
                f"DELETE FROM {table} WHERE {subject} = ? AND {scope} = ?",  # noqa: S608 — constants
                name,
            )
            for name in gone
        )

    def _remove_files(self) -> int:
        named = {row.text("spool") for row in self._database.query("SELECT spool FROM recordings")}
        return _unlink(file for file in self._tables.spool.iterdir() if file.name not in named)


def _plan_row(name: str, until: Sequence[int], now_ms: int) -> PlanRow:
    later = [one for one in until if one > now_ms]
    return PlanRow(name, len(until), len(until) - len(later), min(later, default=None))


def _unlink(files: Iterable[Path]) -> int:
    removed = 0
    for file in files:
        file.unlink(missing_ok=True)
        removed += 1
    return removed
