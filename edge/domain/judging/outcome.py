"""What one rule finds, and what all of them come to; says nothing in words of any language."""

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["NORMAL", "RISK", "UNKNOWN"]
Supplier = Literal["channel", "office", "customer", "box", "nobody"]
"""Who could supply an input that is missing."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """An input is missing. `minutes`: for how long the box could have missed somebody, or None."""

    code: str
    supplier: Supplier
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rule's finding. `verdict` None: the rule says nothing of this case (and why, in `code`).

    `times`: the moments that it compared, by name. `review`: what a person should look at beside it.
    """

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
