"""Channel risk, thin: agents' reports in, findings out; runs in the store's thread, never guesses.

Reports become tokens here and their numbers are forgotten. A finding is issued again, as a new
version, whenever its inputs changed.
"""

from edge.config import Rules
from edge.domain import facts
from edge.domain.phone import normalise
from edge.domain.verdict import Inputs, Presence, judge
from edge.ipc.operator import Imported, ReportRow
from edge.runtime.office import Office, new_id
from edge.store.rows import ReportEntry
from edge.wire import Purpose, Token, VerdictIssued

DAY_MS = 24 * 3600 * 1000


class Risk:
    """Lodges reports and judges them."""

    def __init__(self, office: Office, rules: Rules) -> None:
        self._office = office
        self._rules = rules
        self._issued = 0

    def import_rows(self, rows: tuple[ReportRow, ...]) -> Imported:
        """Keep all rows, or none if one can't be kept, and judge them.

        A known ref is left as it was. A report on somebody who was erased, or who ended `channel_risk`, isn't
        taken (P29) until they agree anew by an act of theirs.
        """
        lookup, issued = self._office.gate.permit_lookup(Purpose.CHANNEL_RISK), self._issued
        with self._office.store.transaction():
            new = [row for row in rows if self._office.store.report(lookup, row.ref) is None]
            kept = sum(self._lodge(row) for row in new)
        return Imported(
            new=kept,
            known=len(rows) - len(new),
            suppressed=len(new) - kept,
            verdicts=self._issued - issued,
        )

    def _lodge(self, row: ReportRow) -> bool:
        stamp = self._office.stamp()
        tokens = self._office.tokens.tokens("channel_risk", normalise(row.phone))
        store, lookup = self._office.store, self._office.gate.permit_lookup(Purpose.CHANNEL_RISK)
        if store.suppressed(*tokens) or store.withdrew_channel_risk(lookup, *tokens):
            return False
        start = row.reported_ms if row.reported_ms is not None else stamp["at_ms"]
        fact = facts.ReportLodged(
            **stamp,
            report_ref=row.ref,
            token=tokens[0],
            earlier=tokens[1:],
            channel=row.channel,
            agent=row.agent,
            reported_ms=row.reported_ms,
            lapses_ms=start + self._rules.report_keeps_days * DAY_MS,
        )
        self._office.store.apply(self._office.gate.on_other_basis(fact))
        self.judge_tokens(tokens)
        self._office.told_of(normalise(row.phone))
        return True

    def judge_person(self, number: str) -> None:
        """Judge every report on this number again."""
        self.judge_tokens(self._office.tokens.tokens("channel_risk", number))

    def judge_tokens(self, tokens: tuple[Token, ...]) -> None:
        """Judge every report on one of these again.

        A claim keeps the token under which it was lodged, of older keys perhaps, until it lapses."""
        if not self._rules.late_report:
            return
        lookup = self._office.gate.permit_lookup(Purpose.CHANNEL_RISK)
        tokens = self._office.store.known_by(lookup, *tokens)
        for report in self._office.store.reports_by_token(lookup, *tokens):
            self._judge(report, tokens)

    def _judge(self, report: ReportEntry, tokens: tuple[Token, ...]) -> None:
        store, lookup = self._office.store, self._office.gate.permit_lookup(Purpose.CHANNEL_RISK)
        inputs = Inputs(
            report_ref=report.report_ref,
            reported_ms=report.reported_ms,
            presences=tuple(
                Presence(p.at_ms, p.quality, on_paper=p.kind == "paper")
                for p in store.presences(lookup, *tokens)
            ),
            sources_told=tuple(store.sources_told(lookup, *tokens)),
            withdrawn=store.withdrew_channel_risk(lookup, *tokens),
            merged=store.merged(lookup, *tokens),
            renumbered=store.renumbered(lookup, *tokens),
            rule_set=self._rules.name,
            rule_version=self._rules.version,
        )
        last = store.last_verdict(report.report_ref)
        if last is None or last.inputs_hash != inputs.hash():
            self._issue(inputs, report.token, 1 if last is None else last.version + 1)

    def _issue(self, inputs: Inputs, token: str, version: int) -> None:
        stamp, result, first = self._office.stamp(), judge(inputs), inputs.first_presence
        record = VerdictIssued(
            verdict_id=new_id(),
            report_ref=inputs.report_ref,
            version=version,
            who=token,
            verdict=result.verdict,
            reasons=result.reasons,
            review_reasons=result.review_reasons,
            rule_set=inputs.rule_set,
            rule_version=inputs.rule_version,
            inputs_hash=inputs.hash(),
            reported_ms=inputs.reported_ms,
            presence_ms=first.at_ms if first else None,
            presence_quality=first.quality if first else None,
            decided_ms=stamp["at_ms"],
        )
        fact = facts.VerdictReached(
            **stamp,
            report_ref=inputs.report_ref,
            version=version,
            verdict=result.verdict,
            reasons=result.reasons,
            inputs=inputs.canonical().decode(),
            inputs_hash=inputs.hash(),
            records=(record,),
        )
        self._office.store.apply(self._office.gate.on_other_basis(fact))
        self._issued += 1
