"""Judges claims and deals by all that is known now; runs in the store's thread, never guesses.

A finding is issued again, as a new version, whenever its inputs changed.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from edge.domain import facts
from edge.domain.judging import inputs, moments
from edge.domain.judging.case import Blind, Case
from edge.domain.judging.choice import strongest
from edge.domain.judging.judge import judge
from edge.domain.judging.ruleset import RuleBook, RuleSet
from edge.runtime.cases import Known, Subject, subjects
from edge.runtime.office import Office, new_id
from edge.store.rows import Dossiers, Newest
from edge.wire import Purpose, TimeQuality, Token, VerdictIssued, canonical
from edge.wire.finding import MAX_INPUTS, evidence_signing_input

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""A channel's code (wire.base.Name); a name that a file on the box gave stays on the box."""

_NONE = Newest(0, "", None)


class Risk:
    """Judges by the project's rules."""

    def __init__(self, office: Office, book: RuleBook) -> None:
        self._office = office
        self._book = book
        self.issued = 0
        """How many findings this start has issued."""

    def judge_person(self, number: str) -> None:
        """Judge every report and deal of whoever has this number again.

        What the books said under older keys is kept under the newest from now on: the number shows that it is
        one customer's.
        """
        whole, mask = self._office.tokens.tokens("channel_risk", number), self._office.mask(number)
        for tokens in (whole, mask):
            self._gather(tokens)
        self.judge_tokens((*whole, *mask))

    def _gather(self, tokens: tuple[Token, ...]) -> None:
        office, earlier = self._office, tokens[1:]
        lookup = office.gate.permit_lookup(Purpose.CHANNEL_RISK)
        if earlier and office.store.in_books(lookup, *earlier):
            fact = facts.BooksRetokened(**office.stamp(), token=tokens[0], earlier=earlier)
            office.store.apply(office.gate.on_other_basis(fact))

    def judge_tokens(self, tokens: Iterable[Token]) -> None:
        """Judge every report on one of these, and every deal of theirs, again."""
        found = self._dossiers(tokens)
        judged = (self._judge(subject, found) for subject in subjects(found, self._known(found)))
        new = [self._office.gate.on_other_basis(fact) for fact in judged if fact is not None]
        self._office.store.apply(*new)
        self.issued += len(new)

    def cases_of(self, about: facts.type_of_subject, ref: str) -> tuple[Case, ...]:
        """Return all that is known now about one claim or deal; empty if it isn't kept any more."""
        lookup, store = self._office.gate.permit_lookup(Purpose.CHANNEL_RISK), self._office.store
        if about == "report":
            claim = store.report(lookup, ref)
            tokens = [claim.token] if claim is not None else []
        else:
            deal = store.deal(lookup, ref)
            tokens = [token for _, token in deal.buyers] if deal is not None else []
        found = self._dossiers(tokens)
        mine = (s.cases for s in subjects(found, self._known(found)) if (s.about, s.ref) == (about, ref))
        return next(mine, ())

    def _dossiers(self, tokens: Iterable[Token]) -> Dossiers:
        return self._office.store.dossiers(self._office.gate.permit_lookup(Purpose.CHANNEL_RISK), tokens)

    def _known(self, found: Dossiers) -> Known:
        if not found.claims and not found.deals:
            return Known((), listed=False)
        store = self._office.store
        return Known(tuple(Blind(*span) for span in store.outages()), store.customers_listed())

    def _judge(self, subject: Subject, found: Dossiers) -> facts.VerdictReached | None:
        """Return the finding, unless it rests on just what the last one rests on."""
        case, rules = strongest(subject.cases, self._book)
        spelled = inputs.spelled(case, rules)
        last, named = found.newest.get((subject.about, subject.ref), _NONE), self._named(subject)
        if last.inputs_hash == inputs.digest(spelled) and last.named in (None, named):
            return None
        return replace(self._found(subject, case, rules, spelled.decode(), last.version + 1), named=named)

    def _named(self, subject: Subject) -> str:
        return self._office.tokens.mark(canonical([_code(subject.channel), *subject.who]).decode())

    def _found(
        self, subject: Subject, case: Case, rules: RuleSet, spelled: str, version: int
    ) -> facts.VerdictReached:
        stamp, finding = self._office.stamp(), judge(case, rules)
        first = next(iter(moments.presences(case, rules)), None)
        record = VerdictIssued(
            verdict_id=new_id(),
            report_ref=subject.ref if subject.about == "report" else None,
            deal_ref=subject.ref if subject.about == "deal" else None,
            channel=_code(subject.channel),
            version=version,
            who=subject.who[0],
            also=subject.who[1:],
            verdict=finding.verdict,
            reasons=finding.reasons,
            review_reasons=finding.review_reasons,
            rule_set=rules.name,
            rule_version=rules.version,
            inputs_hash=inputs.digest(spelled.encode()),
            reported_ms=case.report.at_ms if case.report is not None else None,
            presence_ms=first.at_ms if first else None,
            presence_quality=first.quality if first else None,
            decided_ms=stamp["at_ms"],
            outcomes=finding.outcomes,
        )
        return facts.VerdictReached(
            **stamp,
            about=subject.about,
            ref=subject.ref,
            version=version,
            verdict=finding.verdict,
            reasons=finding.reasons,
            inputs=spelled,
            inputs_hash=record.inputs_hash,
            completed=subject.completed,
            since_ms=min((one.at_ms for one in case.presences), default=None),
            records=(self._signed(record, spelled, stamp["quality"]),),
        )

    def _signed(self, record: VerdictIssued, inputs: str, quality: TimeQuality) -> VerdictIssued:
        """Return the record with what it rests on and the box's word; without, if that is too long to send.

        The box has it all the same, and exports it. (Hundreds of follow-ups, say.)
        """
        if len(inputs) > MAX_INPUTS:
            return record
        record = record.model_copy(update={"inputs": inputs, "signature": ""})
        box = self._office.store.identity
        where = {"tenant": box.tenant, "site": box.site, "box": box.box}
        evidence = record.evidence(where, quality)
        assert evidence is not None
        signature = self._office.sign(evidence_signing_input(evidence)).hex()
        return record.model_copy(update={"signature": signature})


def _code(channel: str | None) -> str | None:
    """Return what leaves the box of a channel: its code, and never a name."""
    return channel if channel and _CODE.fullmatch(channel) else None
