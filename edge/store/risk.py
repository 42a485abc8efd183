"""Reads for channel risk: claims, deals, findings; never writes, never judges."""

import json
from typing import Literal, get_args

from edge.domain.facts import type_of_subject
from edge.ports import Permit
from edge.store.database import Row
from edge.store.dossiers import DossierReads, deals_of, report_of
from edge.store.rows import DealEntry, ReportEntry, VerdictRow
from edge.wire import Purpose, Token
from edge.wire.finding import Verdict

_VERDICTS: dict[str, Verdict] = {verdict: verdict for verdict in get_args(Verdict)}


class RiskReads(DossierReads):
    """What the books say, and the findings."""

    def report(self, permit: Permit, ref: str) -> ReportEntry | None:
        """Return one claim."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        row = self._database.one("SELECT * FROM reports WHERE report_ref = ?", (ref,))
        return report_of(row) if row else None

    def deal(self, permit: Permit, ref: str) -> DealEntry | None:
        """Return one deal."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        rows = self._database.query(
            "SELECT d.*, b.place, b.token, b.mask FROM deals d JOIN deal_buyers b USING (deal_ref)"
            " WHERE d.deal_ref = ? ORDER BY b.place",
            (ref,),
        )
        return next(iter(deals_of(rows)), None)

    def report_of_row(
        self, permit: Permit, table: Literal["follow_ups", "extensions"], ref: str
    ) -> ReportEntry | None:
        """Return the claim that a row which is held under this name is about."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        row = self._database.one(
            f"SELECT r.* FROM {table} f JOIN reports r USING (report_ref) WHERE f.ref = ?",  # noqa: S608 — constants
            (ref,),
        )
        return report_of(row) if row else None

    def reported_by(self, permit: Permit, channel: str) -> frozenset[Token]:
        """Return on whom this channel has claims, by its code or by the name that a file gave it."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        rows = self._database.query("SELECT DISTINCT token FROM reports WHERE channel = ?", (channel,))
        return frozenset(row.text("token") for row in rows)

    def known_customer(self, permit: Permit, ref: str) -> Token | None:
        """Return whom a row of the office's list is about."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        row = self._database.one("SELECT token FROM known_customers WHERE ref = ?", (ref,))
        return row.text("token") if row else None

    def withdrew_channel_risk(self, permit: Permit, *tokens: Token) -> bool:
        """Return whether this customer agreed to `channel_risk` once and ended it.

        A no to it that they say later changes nothing of that; a new yes does.
        """
        customers = self.dossiers(permit, tokens).customers
        return any(customers[token].withdrawn for token in tokens)

    def in_books(self, permit: Permit, *tokens: Token) -> bool:
        """Return whether a book says something of whoever has one of these."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        row = self._database.one(
            "WITH asked AS (SELECT value AS token FROM json_each(?))"
            " SELECT 1 FROM reports JOIN asked USING (token) UNION ALL"
            " SELECT 1 FROM deal_buyers JOIN asked USING (token) UNION ALL"
            " SELECT 1 FROM known_customers JOIN asked USING (token) LIMIT 1",
            (json.dumps(tokens),),
        )
        return row is not None

    def reports_by_token(
        self, permit: Permit, *tokens: Token, taken_back: bool = False
    ) -> tuple[ReportEntry, ...]:
        """Return the claims on one customer, first one first. `tokens`: under each of the project's keys.

        Those by a masked number are among them if they were ever completed on this customer. `taken_back`:
        also those that their book took back.
        """
        self._allow(permit, Purpose.CHANNEL_RISK)
        rows = self._database.query(
            "WITH mine AS (SELECT value AS token FROM json_each(?1))"
            " SELECT * FROM reports WHERE withdrawn <= ?2 AND (token IN (SELECT token FROM mine)"
            " OR report_ref IN (SELECT report_ref FROM completions JOIN mine USING (token)))"
            " ORDER BY coalesce(reported_ms, at_ms), report_ref",
            (json.dumps(tokens), int(taken_back)),
        )
        return tuple(map(report_of, rows))

    def deals_by_token(self, permit: Permit, *tokens: Token) -> tuple[DealEntry, ...]:
        """Return the deals that whoever has one of these is a buyer of, those taken back as well."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        return self.deals_of_buyers(tokens)

    def listings(self, permit: Permit, *tokens: Token) -> tuple[tuple[int, int], ...]:
        """Return since when the office's list names whoever has one of these, and until when that is kept."""
        self._allow(permit, Purpose.CHANNEL_RISK)
        rows = self._database.query(
            "SELECT since_ms, lapses_ms FROM known_customers WHERE token IN (SELECT value FROM json_each(?))"
            " ORDER BY since_ms, ref",
            (json.dumps(tokens),),
        )
        return tuple((row.integer("since_ms"), row.integer("lapses_ms")) for row in rows)

    def outages(self) -> tuple[tuple[int, int], ...]:
        """Return from when until when the box was off; about nobody."""
        rows = self._database.query("SELECT from_ms, until_ms FROM outages ORDER BY from_ms")
        return tuple((row.integer("from_ms"), row.integer("until_ms")) for row in rows)

    def verdicts(self, ref: str, about: type_of_subject = "report") -> tuple[VerdictRow, ...]:
        """Return every version of the finding on a report or a deal, first one first."""
        rows = self._database.query(
            "SELECT * FROM verdicts WHERE about = ? AND ref = ? ORDER BY version", (about, ref)
        )
        return tuple(_verdict(row) for row in rows)

    def newest_verdicts(
        self, about: type_of_subject, after: str, limit: int, verdict: str | None = None
    ) -> tuple[tuple[str, VerdictRow], ...]:
        """Return the newest version for each reference after `after`; names nobody."""
        rows = self._database.query(
            "SELECT * FROM verdicts v WHERE about = ?4 AND ref > ?1 AND (?3 IS NULL OR verdict = ?3)"
            " AND version = (SELECT max(version) FROM verdicts n WHERE n.about = ?4 AND n.ref = v.ref)"
            " ORDER BY ref LIMIT ?2",
            (after, limit, verdict, about),
        )
        return tuple((row.text("ref"), _verdict(row)) for row in rows)

    def last_verdict(self, ref: str, about: type_of_subject = "report") -> VerdictRow | None:
        """Return the finding as it stands."""
        return next(reversed(self.verdicts(ref, about)), None)


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
