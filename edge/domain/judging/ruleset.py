"""A project's rule set: what was decided, since when, as TOML; nothing has a hidden default.

A rule whose table is missing is off. Two versions of one set never overlap: the later one takes over at its
`effective_from`, and what was found by an earlier one stands.
"""

import tomllib
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.domain.errors import InvalidInput
from edge.wire import canonical
from edge.wire.base import Name

Minutes = Annotated[int, Field(ge=0, le=14_400)]
Hours = Annotated[int, Field(ge=0, le=8_760)]
Days = Annotated[int, Field(ge=1, le=3_650)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LateReport(_Table):
    """RISK if the first evidenced presence is at or before the report.

    `blind_before_minutes`: a box that was blind so shortly before the report can't say that nobody had been
    there.
    """

    blind_before_minutes: Minutes


class Intercept(_Table):
    """RISK if the customer arrives within `within_minutes` after the report; so many more: a person looks."""

    within_minutes: Minutes
    suspected_minutes: Minutes


class Protection(_Table):
    """How long a report keeps the customer, step by step; None: that step has no limit."""

    report_to_visit_days: Days | None = None
    visit_to_subscription_days: Days | None = None
    subscription_to_contract_days: Days | None = None
    without_follow_up_days: Days | None = None

    @property
    def steps_days(self) -> int:
        """For how long a claim can keep a customer if every step takes its time."""
        steps = (
            self.report_to_visit_days,
            self.visit_to_subscription_days,
            self.subscription_to_contract_days,
        )
        return sum(days for days in steps if days is not None)


class Mode(_Table):
    """Whose customer it is when several report: who reported first, or with whom they first came."""

    keeps: Literal["first_report", "first_visit"]


class ShortDeal(_Table):
    """A person looks at a contract so soon after the report."""

    within_hours: Hours


class Switch(_Table):
    """A rule without a measure: its table being there switches it on."""


class RuleSet(_Table):
    """One version of one project's rules."""

    name: Name
    version: Annotated[int, Field(ge=1)]
    effective_from: AwareDatetime
    late_report: LateReport | None = None
    intercept: Intercept | None = None
    protection: Protection | None = None
    mode: Mode | None = None
    known_customer: Switch | None = None
    short_deal: ShortDeal | None = None
    joint_purchase: Switch | None = None
    id_at_deal: Switch | None = None
    fabricated_order: Switch | None = None
    answer: Switch | None = None

    @cached_property
    def _spelled(self) -> bytes:
        return canonical(self.model_dump(mode="json"))

    def canonical(self) -> bytes:
        """Return the one spelling of this version."""
        return self._spelled


class RuleBook(_Table):
    """All versions of one project's rules, oldest first."""

    name: Name
    versions: Annotated[tuple[RuleSet, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_after_another(self) -> Self:
        for before, after in pairwise(self.versions):
            if after.version <= before.version or after.effective_from <= before.effective_from:
                raise ValueError("each version has a higher number, and begins later, than the one before")
        if any(one.name != self.name for one in self.versions):
            raise ValueError("all versions are of one set")
        return self

    def at(self, at_ms: int | None) -> RuleSet:
        """Return the version that judges a claim of `at_ms`; the first, for an earlier or untimed one."""
        since = ((int(one.effective_from.timestamp() * 1000), one) for one in self.versions)
        begun = [one for from_ms, one in since if at_ms is not None and from_ms <= at_ms]
        return begun[-1] if begun else self.versions[0]


def read_rules(text: str) -> RuleBook:
    """Return the rule book that `text` (TOML) says; InvalidInput names each wrong field."""
    try:
        said = tomllib.loads(text)
        versions = [one | {"name": said.get("name")} for one in said.get("versions", ())]
        return RuleBook.model_validate(said | {"versions": versions})
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput("read the rules", "not_toml", str(error)) from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:10])
        raise InvalidInput("read the rules", "rules_wrong", wrong) from None
    except (TypeError, AttributeError):
        raise InvalidInput("read the rules", "rules_wrong", "versions: a list of tables") from None
