"""What the officer's command line asks about findings on agents' reports; closed, validated at both ends.

A finding tells when somebody was here, though not who: each look at one stands in the audit with its reason.
"""

from typing import Annotated, Literal

from pydantic import StringConstraints

from edge.domain.reasons import Reason
from edge.ipc.messages import Message
from edge.wire import Millis
from edge.wire.finding import Ref, Verdict
from edge.wire.records import Code, Hash

About = Literal["report", "deal"]
MOST = 200


class ListFindings(Message):
    """The newest finding on each report or deal, by reference after `after`; of one verdict, if named."""

    method: Literal["list_findings"] = "list_findings"
    about: About = "report"
    verdict: Verdict | None = None
    after: str = ""


class ShowFinding(Message):
    """Every version of the finding on one report or deal, with what it rests on."""

    method: Literal["show_finding"] = "show_finding"
    about: About = "report"
    ref: Ref
    reason: Reason


class ExportFinding(Message):
    """The newest finding on one report or deal, signed, for whoever has to check it."""

    method: Literal["export_finding"] = "export_finding"
    about: About = "report"
    ref: Ref
    reason: Reason


class TryRules(Message):
    """What would other rules (TOML) find on the reports, or deals, after `after`? Changes nothing."""

    method: Literal["try_rules"] = "try_rules"
    about: About = "report"
    rules: Annotated[str, StringConstraints(max_length=65_536)]
    after: str = ""
    reason: Reason


AboutFinding = ListFindings | ShowFinding | ExportFinding | TryRules


class FindingLine(Message):
    """The newest finding on one of them; `verdict` None: it was erased, or is past its period."""

    ref: str
    version: int
    decided_ms: Millis
    verdict: Verdict | None
    reasons: tuple[Code, ...]


class FindingLines(Message):
    """Up to `MOST` of them; `more`: ask again after the last one."""

    lines: tuple[FindingLine, ...]
    more: bool


class FindingVersion(Message):
    """One version; `inputs` (spelled, with its rules) is None once it was erased."""

    version: int
    decided_ms: Millis
    verdict: Verdict | None
    reasons: tuple[Code, ...]
    inputs: str | None
    inputs_hash: Hash


class FindingHistory(Message):
    """Every version, first one first."""

    ref: str
    versions: tuple[FindingVersion, ...]


class Tried(Message):
    """What one finding is, and what it would be."""

    ref: str
    verdict: Verdict
    would_be: Verdict
    reasons: tuple[Code, ...]


class TriedLines(Message):
    """Up to `MOST` of them; `last`: the reference to go on after."""

    lines: tuple[Tried, ...]
    more: bool
    last: str
