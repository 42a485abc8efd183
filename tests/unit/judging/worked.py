"""Reads the worked cases of tests/cases as a person wrote them; judges nothing.

Closed: an unknown key, a time that isn't one, a rule set that isn't there are errors that name the file.
"""

import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from edge.domain.facts import type_of_source
from edge.domain.judging.case import Answer, Blind, Case, Deal, Extension, Kind, Masked, Presence, Report
from edge.domain.judging.ruleset import RuleSet
from edge.wire import TimeQuality
from edge.wire.finding import Verdict

CASES = Path(__file__).parents[2] / "cases"
ZONE = ZoneInfo("Asia/Shanghai")
About = Literal[
    "late_report", "intercept", "known_customer", "mode", "protection", "fabricated_order", "joint_purchase",
    "short_deal", "id_at_deal", "answer", "masked", "records", "precedence",
]  # fmt: skip


def at_ms(text: object) -> int:
    """Return the moment that a person wrote as "2026-11-20 10:00", or with seconds, in Asia/Shanghai."""
    if not isinstance(text, str):
        raise ValueError('a time is written "2026-11-20 10:00"')
    form = "%Y-%m-%d %H:%M:%S" if text.count(":") == 2 else "%Y-%m-%d %H:%M"
    return int(datetime.strptime(text, form).replace(tzinfo=ZONE).timestamp() * 1000)


Moment = Annotated[int, BeforeValidator(at_ms)]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Both(_Form):
    """The same in both languages."""

    zh: str
    en: str


class Extended(_Form):
    logged: Moment
    until: Moment


class Reported(_Form):
    channel: str
    at: Moment | None = None
    followed_up: tuple[Moment, ...] = ()
    extended: tuple[Extended, ...] = ()
    masked: Masked = "no"

    def report(self, ref: str) -> Report:
        extended = tuple(Extension(one.logged, one.until) for one in self.extended)
        return Report(ref, self.channel, self.at, self.followed_up, extended, self.masked)


class Came(_Form):
    at: Moment
    by: Kind = "registration"
    clock: TimeQuality = TimeQuality.SYNCHRONISED
    buyer: str = "customer"
    on_paper: bool = False

    def presence(self) -> Presence:
        return Presence(self.at, self.clock, self.by, self.buyer, self.on_paper)


class Said(_Form):
    at: Moment
    said: type_of_source
    channel: str | None = None


class Sold(_Form):
    channel: str | None = None
    subscribed: Moment | None = None
    contracted: Moment | None = None
    buyers: tuple[str, ...] = ("customer",)
    incomplete: bool = False
    claims_from: Moment | None = None


class BoxOff(_Form):
    from_: Moment
    until: Moment | None = None

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=lambda name: name.rstrip("_"))


class Customer(_Form):
    list_supplied: bool = False
    known_since: Moment | None = None
    owner_is_office: bool = False
    withdrawn: bool = False
    merged: bool = False
    renumbered: bool = False
    taken_back: bool = False
    crowded: bool = False


class Missing(_Form):
    rule: str
    cause: str
    minutes: int | None = None


class Expected(_Form):
    verdict: Verdict
    reasons: tuple[str, ...]
    unknown: tuple[Missing, ...] = ()
    """Every input that is missing, of any rule."""
    noted: tuple[str, ...] = ()
    """What rules said that gave no verdict."""
    review: tuple[str, ...] = ()


class Worked(_Form):
    """One file."""

    about: About
    title: Both
    story: Both
    rules: str
    report: Reported | None = None
    other_reports: tuple[Reported, ...] = ()
    came: tuple[Came, ...] = ()
    answers: tuple[Said, ...] = ()
    deal: Sold | None = None
    customer: Customer = Customer()
    box_off: tuple[BoxOff, ...] = ()
    expected: Expected

    def case(self) -> Case:
        deal, who = self.deal, self.customer
        return Case(
            report=self.report.report("judged") if self.report else None,
            presences=tuple(one.presence() for one in self.came),
            answers=tuple(Answer(one.at, one.said, one.channel) for one in self.answers),
            other_reports=tuple(one.report(f"other-{n}") for n, one in enumerate(self.other_reports)),
            deal=_deal(deal) if deal else None,
            known_since_ms=who.known_since,
            known_listed=who.list_supplied,
            owner_is_office=who.owner_is_office,
            blind=tuple(Blind(one.from_, one.until) for one in self.box_off),
            withdrawn=who.withdrawn,
            merged=who.merged,
            renumbered=who.renumbered,
            taken_back=who.taken_back,
            crowded=who.crowded,
        )


def _deal(sold: Sold) -> Deal:
    return Deal(
        "deal",
        sold.channel,
        sold.subscribed,
        sold.contracted,
        sold.buyers,
        sold.incomplete,
        sold.claims_from,
    )


@dataclass(frozen=True)
class Example:
    """A named rule set, and what it says in words."""

    rules: RuleSet
    zh: str
    en: str


def rule_sets(text: str) -> dict[str, Example]:
    """Return the rule sets of rules.toml by name; each is a whole one, in force since 2026."""
    made = {}
    for name, said in tomllib.loads(text).items():
        measures = {key: value for key, value in said.items() if key not in ("zh", "en")}
        form: dict[str, Any] = {"name": name, "version": 1, "effective_from": "2026-01-01T00:00:00+08:00"}
        made[name] = Example(RuleSet.model_validate(form | measures), said["zh"], said["en"])
    return made


EXAMPLES = rule_sets((CASES / "rules.toml").read_text("utf-8"))


def read(path: Path) -> Worked:
    """Return the case of one file; ValueError names the file and what is wrong in it."""
    try:
        worked = Worked.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ValueError(f"{path.name}: {error}") from None
    if worked.rules not in EXAMPLES:
        raise ValueError(f"{path.name}: rules.toml has no set {worked.rules!r}")
    return worked


PATHS = tuple(sorted(CASES.glob("[0-9]*.toml")))
