"""Reads for channel risk: claims, consented presences, answers, findings; never writes, never judges."""

import json
from typing import get_args

from edge.consent.policy import State
from edge.domain.facts import type_of_source
from edge.ports import Permit
from edge.store.database import Row
from edge.store.rows import PresenceRow, ReportEntry, VerdictRow
from edge.store.tables import Part
from edge.wire import Purpose, Scope, TimeQuality, Token
from edge.wire.finding import Verdict

_STATE = (
    "(SELECT state FROM consents c WHERE c.person = {person} AND c.scope = {scope}"
    " ORDER BY c.version DESC LIMIT 1)"
)
_CUSTOMER = (
    "(SELECT DISTINCT person FROM person_tokens"
    " WHERE token IN (SELECT value FROM json_each(?)) AND scope = ?)"
)
"""Who carries one of the tokens: one person may carry several, of several generations of keys."""
_RISK_STATE = _STATE.format(person="t.person", scope=f"'{Scope.CHANNEL_RISK}'")
_OWN_STATE = _STATE.format(person="t.person", scope="substr(e.basis, length('consent:') + 1)")


_VERDICTS: dict[str, Verdict] = {verdict: verdict for verdict in get_args(Verdict)}
_SOURCES: dict[str, type_of_source] = {source: source for source in get_args(type_of_source)}


class RiskReads(Part):
    """What the finding on a report rests on."""

    def report(self, permit: Permit, ref: str) -> ReportEntry | None:
        """Return one claim."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        row = self._database.one("SELECT * FROM reports WHERE report_ref = ?", (ref,))
        return _report(row) if row else None

    def reports_by_token(self, permit: Permit, *tokens: Token) -> tuple[ReportEntry, ...]:
        """Return the claims on one customer, first one first. `tokens`: under each of the project's keys."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        rows = self._database.query(
            "SELECT * FROM reports WHERE token IN (SELECT value FROM json_each(?))"
            " ORDER BY coalesce(reported_ms, at_ms), report_ref",
            (json.dumps(tokens),),
        )
        return tuple(_report(row) for row in rows)

    def presences(self, permit: Permit, *tokens: Token) -> tuple[PresenceRow, ...]:
        """Return every evidence of presence that may count against or for a report, earliest first.

        Only of who carries one of these `channel_risk` tokens with that scope active, and only what
        was given under a scope that is active still.
        """
        self._allow(permit, Purpose.CHANNEL_RISK)
        rows = self._database.query(
            f"SELECT e.at_ms, e.kind, e.quality, e.basis FROM {_CUSTOMER} t"  # noqa: S608 — constants
            " JOIN visits v ON v.person = t.person JOIN evidence e ON e.visit = v.visit"
            f" WHERE {_RISK_STATE} = ? AND {_OWN_STATE} = ?"
            " ORDER BY e.at_ms, e.kind, e.visit",
            (json.dumps(tokens), Scope.CHANNEL_RISK, State.ACTIVE, State.ACTIVE),
        )
        return tuple(_presence(row) for row in rows)

    def answers(self, permit: Permit, *tokens: Token) -> tuple[tuple[int, type_of_source], ...]:
        """Return when this customer answered "who brought you?", and what, earliest first."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        rows = self._database.query(
            f"SELECT s.at_ms, s.source FROM {_CUSTOMER} t JOIN sources s ON s.person = t.person"  # noqa: S608 — constants
            f" WHERE {_RISK_STATE} = ? ORDER BY s.at_ms, s.visit",
            (json.dumps(tokens), Scope.CHANNEL_RISK, State.ACTIVE),
        )
        return tuple((row.integer("at_ms"), _SOURCES[row.text("source")]) for row in rows)

    def withdrew_channel_risk(self, permit: Permit, *tokens: Token) -> bool:
        """Return whether this customer agreed to `channel_risk` once and ended it.

        A no to it that they say later changes nothing of that; a new yes does.
        """
        self._allow(permit, Purpose.CHANNEL_RISK)
        row = self._database.one(
            "SELECT 1 FROM person_tokens t WHERE t.token IN (SELECT value FROM json_each(?))"  # noqa: S608 — constants
            f" AND {_RISK_STATE} <> ? AND EXISTS (SELECT 1 FROM consents w"
            " WHERE w.person = t.person AND w.scope = ? AND w.state = ?)",
            (json.dumps(tokens), State.ACTIVE, Scope.CHANNEL_RISK, State.WITHDRAWN),
        )
        return row is not None

    def outages(self) -> tuple[tuple[int, int], ...]:
        """Return from when until when the box was off; about nobody."""
        rows = self._database.query("SELECT from_ms, until_ms FROM outages ORDER BY from_ms")
        return tuple((row.integer("from_ms"), row.integer("until_ms")) for row in rows)

    def known_by(self, permit: Permit, *tokens: Token) -> tuple[Token, ...]:
        """Return these tokens, and the others of the same purpose by which the same persons are found."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        rows = self._database.query(
            "SELECT DISTINCT o.token FROM person_tokens t JOIN person_tokens o USING (person, scope)"
            " WHERE t.token IN (SELECT value FROM json_each(?)) ORDER BY o.token",
            (json.dumps(tokens),),
        )
        return tuple(dict.fromkeys((*tokens, *(row.text("token") for row in rows))))

    def merged(self, permit: Permit, *tokens: Token) -> bool:
        """Return whether these find somebody of whom two records were made one, on a receptionist's word.

        Such a person has a token that another of the same keys took the place of: another number's.
        """
        self._allow(permit, Purpose.CHANNEL_RISK)
        row = self._database.one(
            "SELECT 1 FROM person_tokens t JOIN person_tokens o USING (person, scope)"
            " JOIN person_tokens n ON n.token = o.successor AND n.generation = o.generation"
            " WHERE t.token IN (SELECT value FROM json_each(?))",
            (json.dumps(tokens),),
        )
        return row is not None

    def renumbered(self, permit: Permit, *tokens: Token) -> bool:
        """Return whether these find somebody to whom the privacy officer gave the number."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        row = self._database.one(
            "SELECT 1 FROM person_tokens WHERE corrected = 1 AND token IN (SELECT value FROM json_each(?))",
            (json.dumps(tokens),),
        )
        return row is not None

    def verdicts(self, report_ref: str) -> tuple[VerdictRow, ...]:
        """Return every version of the finding on a report, first one first."""
        rows = self._database.query(
            "SELECT * FROM verdicts WHERE report_ref = ? ORDER BY version", (report_ref,)
        )
        return tuple(_verdict(row) for row in rows)

    def newest_verdicts(
        self, after: str, limit: int, verdict: str | None = None
    ) -> tuple[tuple[str, VerdictRow], ...]:
        """Return the newest version for each report's reference after `after`; names nobody."""
        rows = self._database.query(
            "SELECT * FROM verdicts v WHERE report_ref > ?1 AND (?3 IS NULL OR verdict = ?3) AND version ="
            " (SELECT max(version) FROM verdicts n WHERE n.report_ref = v.report_ref)"
            " ORDER BY report_ref LIMIT ?2",
            (after, limit, verdict),
        )
        return tuple((row.text("report_ref"), _verdict(row)) for row in rows)

    def last_verdict(self, report_ref: str) -> VerdictRow | None:
        """Return the finding as it stands."""
        row = self._database.one(
            "SELECT * FROM verdicts WHERE report_ref = ? ORDER BY version DESC LIMIT 1", (report_ref,)
        )
        return _verdict(row) if row else None


def _report(row: Row) -> ReportEntry:
    return ReportEntry(
        report_ref=row.text("report_ref"),
        token=row.text("token"),
        channel=row.text("channel"),
        agent=row.text("agent"),
        reported_ms=row.maybe_integer("reported_ms"),
        lapses_ms=row.integer("lapses_ms"),
    )


def _presence(row: Row) -> PresenceRow:
    return PresenceRow(
        at_ms=row.integer("at_ms"),
        kind=row.text("kind"),
        quality=TimeQuality(row.text("quality")),
        scope=Scope(row.text("basis").partition(":")[2]),
    )


def _verdict(row: Row) -> VerdictRow:
    reasons = row.maybe_text("reasons")
    return VerdictRow(
        version=row.integer("version"),
        inputs_hash=row.text("inputs_hash"),
        decided_ms=row.integer("at_ms"),
        verdict=_VERDICTS.get(row.maybe_text("verdict") or ""),
        reasons=tuple(json.loads(reasons)) if reasons is not None else None,
        inputs=row.maybe_text("inputs"),
    )
