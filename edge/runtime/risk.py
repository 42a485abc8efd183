"""Channel risk, thin: agents' reports in, findings out; runs in the store's thread, never guesses.

Reports become tokens here and their numbers are forgotten. A finding is issued again, as a new
version, whenever its inputs changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

from edge.domain import facts
from edge.domain.judging import inputs, moments
from edge.domain.judging.case import Answer, Blind, Case, Kind, Presence, Report
from edge.domain.judging.judge import judge
from edge.domain.judging.ruleset import RuleBook, RuleSet
from edge.domain.phone import normalise
from edge.ipc.operator import Imported, ReportRow
from edge.runtime.office import Office, new_id
from edge.store.rows import PresenceRow, ReportEntry
from edge.wire import Purpose, Token, VerdictIssued

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Rules:
    """The project's rules, and for how many days after its time a report is kept."""

    book: RuleBook
    report_keeps_days: int


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

    def case_of(self, ref: str) -> Case | None:
        """Return all that is known now about one claim; None if it isn't kept any more."""
        lookup = self._office.gate.permit_lookup(Purpose.CHANNEL_RISK)
        claim = self._office.store.report(lookup, ref)
        if claim is None:
            return None
        return next(case for one, case in self._cases((claim.token,)) if one.report_ref == ref)

    def judge_tokens(self, tokens: tuple[Token, ...]) -> None:
        """Judge every report on one of these again."""
        for claim, case in self._cases(tokens):
            rules = self._rules.book.at(claim.reported_ms)
            self._judge(claim, inputs.used(case, rules), rules)

    def _cases(self, tokens: tuple[Token, ...]) -> list[tuple[ReportEntry, Case]]:
        """Return every claim on whoever carries one of these tokens, each with all that is known.

        A claim keeps the token under which it was lodged, of older keys perhaps, until it lapses.
        """
        lookup = self._office.gate.permit_lookup(Purpose.CHANNEL_RISK)
        tokens = self._office.store.known_by(lookup, *tokens)
        claims = self._office.store.reports_by_token(lookup, *tokens)
        if not claims:
            return []
        customer, said = self._customer(tokens), _claims(claims)
        return [
            (claim, replace(customer, report=said[claim.report_ref], other_reports=_others(claim, said)))
            for claim in claims
        ]

    def _customer(self, tokens: tuple[Token, ...]) -> Case:
        """Return what may be used of whoever carries one of these tokens; no claim yet."""
        store, lookup = self._office.store, self._office.gate.permit_lookup(Purpose.CHANNEL_RISK)
        return Case(
            report=None,
            presences=tuple(_presence(row) for row in store.presences(lookup, *tokens)),
            blind=tuple(Blind(*span) for span in store.outages()),
            answers=tuple(Answer(at_ms, source) for at_ms, source in store.answers(lookup, *tokens)),
            withdrawn=store.withdrew_channel_risk(lookup, *tokens),
            merged=store.merged(lookup, *tokens),
            renumbered=store.renumbered(lookup, *tokens),
        )

    def _judge(self, claim: ReportEntry, case: Case, rules: RuleSet) -> None:
        spelled, last = inputs.spelled(case, rules), self._office.store.last_verdict(claim.report_ref)
        if last is None or last.inputs_hash != inputs.digest(spelled):
            self._issue(claim, case, rules, spelled, 1 if last is None else last.version + 1)

    def _issue(self, claim: ReportEntry, case: Case, rules: RuleSet, spelled: bytes, version: int) -> None:
        stamp, found = self._office.stamp(), judge(case, rules)
        first = next(iter(moments.presences(case, rules)), None)
        record = VerdictIssued(
            verdict_id=new_id(),
            report_ref=claim.report_ref,
            version=version,
            who=claim.token,
            verdict=found.verdict,
            reasons=found.reasons,
            review_reasons=found.review_reasons,
            rule_set=rules.name,
            rule_version=rules.version,
            inputs_hash=inputs.digest(spelled),
            reported_ms=claim.reported_ms,
            presence_ms=first.at_ms if first else None,
            presence_quality=first.quality if first else None,
            decided_ms=stamp["at_ms"],
        )
        fact = facts.VerdictReached(
            **stamp,
            report_ref=claim.report_ref,
            version=version,
            verdict=found.verdict,
            reasons=found.reasons,
            inputs=spelled.decode(),
            inputs_hash=record.inputs_hash,
            records=(record,),
        )
        self._office.store.apply(self._office.gate.on_other_basis(fact))
        self._issued += 1


_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}


def _claims(rows: tuple[ReportEntry, ...]) -> dict[str, Report]:
    """Return each claim by its reference, with its channel under a name of this case alone.

    A finding is handed to an agent: it says that another channel reported, never which. The rows come in the
    order of their times, so that the same facts give the same names.
    """
    names: dict[str, str] = {}
    for row in rows:
        names.setdefault(row.channel, f"channel-{len(names) + 1}")
    return {row.report_ref: Report(row.report_ref, names[row.channel], row.reported_ms) for row in rows}


def _others(claim: ReportEntry, said: Mapping[str, Report]) -> tuple[Report, ...]:
    """Return the other claims, without their references."""
    return tuple(replace(one, ref="") for ref, one in said.items() if ref != claim.report_ref)


def _presence(row: PresenceRow) -> Presence:
    """A form on paper is a registration that no clock saw."""
    return Presence(row.at_ms, row.quality, _KINDS.get(row.kind, "registration"), typed=row.kind == "paper")
