"""The finding on an agent's report, from times alone; no clock, no I/O, never a picture.

domain.md, "Verdict rules": late report. A rule that lacks an input gives UNKNOWN and never RISK.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from edge.wire import TimeQuality, canonical

Finding = Literal["NORMAL", "RISK", "UNKNOWN"]


@dataclass(frozen=True, slots=True)
class Presence:
    """One consented sign that the customer was here (a face alone is none)."""

    at_ms: int
    quality: TimeQuality
    on_paper: bool = False
    """Its time was written by hand and typed in later: a person looks at it, and no finding rests on it."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that the finding rests on. `withdrawn`: the customer ended `channel_risk`.

    `merged`: two records were made one, by the customer's word and a receptionist's hand. `renumbered`: the
    customer's record was under another number, until the privacy officer gave it this one.
    """

    report_ref: str
    reported_ms: int | None
    presences: tuple[Presence, ...]
    sources_told: tuple[str, ...]
    withdrawn: bool
    rule_set: str
    rule_version: int
    merged: bool = False
    renumbered: bool = False

    def canonical(self) -> bytes:
        """Return the inputs' one spelling: same facts in any order, same bytes."""
        presences = sorted([p.at_ms, str(p.quality)] for p in set(self.presences) if not p.on_paper)
        on_paper = sorted({p.at_ms for p in self.presences if p.on_paper})
        told = {
            "report": self.report_ref,
            "reported_ms": self.reported_ms,
            "presences": presences,
            "sources": sorted(set(self.sources_told)),
            "withdrawn": self.withdrawn,
            "rule": [self.rule_set, self.rule_version],
        }
        moved = {"merged": self.merged, "renumbered": self.renumbered}
        more = {name: True for name, was in moved.items() if was}
        return canonical(told | more | ({"on_paper": on_paper} if on_paper else {}))

    def hash(self) -> str:
        """Return the SHA-256 of `canonical()`, in hex."""
        return hashlib.sha256(self.canonical()).hexdigest()

    @property
    def first_presence(self) -> Presence | None:
        """The earliest evidence that a clock saw; of two at one instant, the worse clock counts."""
        seen = (p for p in self.presences if not p.on_paper)
        ranked = sorted(seen, key=lambda p: (p.at_ms, p.quality is TimeQuality.SYNCHRONISED))
        return ranked[0] if ranked else None


@dataclass(frozen=True, slots=True)
class Result:
    """The finding, why, and what a person should look at beside it."""

    verdict: Finding
    reasons: tuple[str, ...]
    review_reasons: tuple[str, ...]


def judge(inputs: Inputs) -> Result:
    """Return the finding of the late-report rule: RISK if the first presence ≤ the report."""
    review = _review(inputs)
    missing = _missing(inputs)
    if missing:
        return Result("UNKNOWN", missing, review)
    first = inputs.first_presence
    assert first is not None and inputs.reported_ms is not None
    if first.at_ms <= inputs.reported_ms:
        return Result("RISK", ("late_report",), review)
    return Result("NORMAL", ("reported_before_presence",), review)


def _missing(inputs: Inputs) -> tuple[str, ...]:
    missing = []
    if inputs.reported_ms is None:
        missing.append("no_report_time")
    if inputs.withdrawn:
        missing.append("consent_withdrawn")
    elif inputs.first_presence is None:
        missing.append("no_evidence_of_presence")
    elif inputs.first_presence.quality is not TimeQuality.SYNCHRONISED:
        missing.append("clock_not_synchronised")
    return tuple(missing)


def _review(inputs: Inputs) -> tuple[str, ...]:
    """An answer that names another source than an agent contradicts every report; so does an earlier form.

    The office has an interest in who was here before: records that it made one or gave another number, and
    what it typed in, are looked at by a person.
    """
    reported = inputs.reported_ms
    contradicts = any(source != "agent" for source in inputs.sources_told)
    on_paper = reported is not None and any(p.on_paper and p.at_ms <= reported for p in inputs.presences)
    reasons = (
        ("answer_contradicts_report", contradicts),
        ("records_merged", inputs.merged),
        ("paper_before_report", on_paper),
        ("number_corrected", inputs.renumbered),
    )
    return tuple(reason for reason, holds in reasons if holds)
