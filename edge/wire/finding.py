"""What one rule finds, what all of them come to, and the word that a box signs on it; judges nothing.

Headquarters shows a finding, and hands it on, in just the form in which the box made it.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from edge.wire.base import Frozen, Millis, Name, TimeQuality
from edge.wire.spelling import canonical

Verdict = Literal["NORMAL", "RISK", "UNKNOWN"]
Supplier = Literal["channel", "office", "customer", "box", "nobody"]
"""Who could supply an input that is missing."""

Ref = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
"""What a channel or the office calls a report or a deal; never a telephone number (wire.facts)."""
FINDING = b"gatehouse/v1/finding\n"
"""What stands before a finding when the box signs it."""
MAX_INPUTS = 1 << 15
"""Characters of what one finding rests on, spelled."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """An input is missing. `minutes`: for how long the box could have missed somebody, or None."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    code: str
    supplier: Supplier
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rule's finding. `verdict` None: the rule says nothing of this case (and why, in `code`).

    `times`: the moments that it compared, by name. `review`: what a person should look at beside it.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    rule: str
    verdict: Verdict | None
    code: str
    times: dict[str, int] = field(default_factory=dict)
    unknown: tuple[Unknown, ...] = ()
    review: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What the rules come to: any RISK from complete inputs, else any UNKNOWN, else NORMAL."""

    verdict: Verdict
    outcomes: tuple[Outcome, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes of those rules that gave the verdict, each once, in the order of the rules."""
        deciding = [one for one in self.outcomes if one.verdict == self.verdict]
        if self.verdict == "UNKNOWN":
            return tuple(dict.fromkeys(u.code for one in deciding for u in one.unknown))
        return tuple(dict.fromkeys(one.code for one in deciding))

    @property
    def review_reasons(self) -> tuple[str, ...]:
        """What a person should look at, whatever the verdict is."""
        return tuple(dict.fromkeys(code for one in self.outcomes for code in one.review))


class FindingEvidence(Frozen):
    """One finding as a box signs it; `inputs`: what it rests on, as it was spelled, with the rules.

    `deal_ref` alone: on a deal; `report_ref` alone: on a report. It names no customer, and no channel.
    """

    v: Literal[1] = 1
    kind: Literal["finding"] = "finding"
    tenant: Name
    site: Name
    box: Name
    at_ms: Millis
    quality: TimeQuality
    report_ref: Ref | None = None
    deal_ref: Ref | None = Field(default=None, exclude_if=lambda ref: ref is None)
    version: int
    decided_ms: Millis
    verdict: Verdict
    reasons: tuple[str, ...]
    inputs: str


def evidence_signing_input(evidence: FindingEvidence) -> bytes:
    """Return the bytes that the box's signature on a finding covers."""
    return FINDING + canonical(evidence.model_dump(mode="json"))


def inputs_digest(inputs: str) -> str:
    """Return the SHA-256 of what a finding rests on, in hex."""
    return hashlib.sha256(inputs.encode()).hexdigest()
