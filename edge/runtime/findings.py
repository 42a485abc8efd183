"""Shows findings on reports and deals to the privacy officer; judges nothing, and changes none."""

from edge import archive
from edge.domain.errors import InvalidInput
from edge.domain.judging.choice import strongest
from edge.domain.judging.judge import judge
from edge.domain.judging.ruleset import read_rules
from edge.domain.reasons import Reason
from edge.ipc import findings as protocol
from edge.ipc.messages import Message
from edge.ipc.officer import Document
from edge.runtime.office import Office
from edge.runtime.risk import Risk
from edge.runtime.waiting import reason_code
from edge.store.rows import VerdictRow
from edge.wire.finding import FindingEvidence


class Findings:
    """In the store's thread."""

    def __init__(self, office: Office, risk: Risk, key_id: str) -> None:
        """`key_id` names the box's signing key."""
        self._office = office
        self._risk = risk
        self._key = key_id

    def answer(self, request: protocol.AboutFinding, account: str) -> Message:
        """Return the answer to what `account` asks; InvalidInput for a report that isn't there."""
        if isinstance(request, protocol.ListFindings):
            return self._list(request)
        self._note(request.method, request.reason, account)
        match request:
            case protocol.ShowFinding():
                return self._history(request)
            case protocol.ExportFinding():
                return Document.of(self._export(request))
            case protocol.TryRules():
                return self._try(request)

    def _note(self, method: str, reason: Reason, account: str) -> None:
        """Nobody looks unseen; whose finding it is stands nowhere beside."""
        store, now = self._office.store, self._office.clock.now_ms()
        with store.transaction():
            store.audit(f"officer_{method}", f"account-{account}", now)
            store.audit(reason_code(reason), None, now)

    def _list(self, request: protocol.ListFindings) -> protocol.FindingLines:
        most = protocol.MOST + 1
        rows = self._office.store.newest_verdicts(request.about, request.after, most, request.verdict)
        lines = tuple(
            protocol.FindingLine(
                ref=ref,
                version=row.version,
                decided_ms=row.decided_ms,
                verdict=row.verdict,
                reasons=row.reasons or (),
            )
            for ref, row in rows[: protocol.MOST]
        )
        return protocol.FindingLines(lines=lines, more=len(rows) > protocol.MOST)

    def _versions(self, about: protocol.About, ref: str) -> tuple[VerdictRow, ...]:
        rows = self._office.store.verdicts(ref, about)
        if not rows:
            hint = "`gatehouse verdict list` shows them, with --deals those on deals"
            raise InvalidInput("look at a finding", f"no_such_{about}", hint)
        return rows

    def _history(self, request: protocol.ShowFinding) -> protocol.FindingHistory:
        versions = tuple(
            protocol.FindingVersion(
                version=row.version,
                decided_ms=row.decided_ms,
                verdict=row.verdict,
                reasons=row.reasons or (),
                inputs=row.inputs,
                inputs_hash=row.inputs_hash,
            )
            for row in self._versions(request.about, request.ref)
        )
        return protocol.FindingHistory(ref=request.ref, versions=versions)

    def _export(self, request: protocol.ExportFinding) -> bytes:
        row = self._versions(request.about, request.ref)[-1]
        if row.inputs is None or row.verdict is None:
            raise InvalidInput("export a finding", "erased", "its hash and date are all that is left")
        box, stamp = self._office.store.identity, self._office.stamp()
        evidence = FindingEvidence(
            **stamp,
            tenant=box.tenant,
            site=box.site,
            box=box.box,
            report_ref=request.ref if request.about == "report" else None,
            deal_ref=request.ref if request.about == "deal" else None,
            version=row.version,
            decided_ms=row.decided_ms,
            verdict=row.verdict,
            reasons=row.reasons or (),
            inputs=row.inputs,
        )
        return archive.finding_file(evidence, self._office.sign, self._key)

    def _try(self, request: protocol.TryRules) -> protocol.TriedLines:
        """By all that is known now, also by what the rules in force didn't compare."""
        book = read_rules(request.rules)
        rows = self._office.store.newest_verdicts(request.about, request.after, protocol.MOST + 1)
        seen, lines = rows[: protocol.MOST], list[protocol.Tried]()
        for ref, row in seen:
            cases = self._risk.cases_of(request.about, ref)
            if not cases or row.verdict is None:
                continue
            found = judge(*strongest(cases, book))
            lines.append(
                protocol.Tried(ref=ref, verdict=row.verdict, would_be=found.verdict, reasons=found.reasons)
            )
        last = seen[-1][0] if seen else request.after
        return protocol.TriedLines(lines=tuple(lines), more=len(rows) > protocol.MOST, last=last)
