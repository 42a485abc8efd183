"""Tells what a finding rests on in the order of time, out of inputs that the box signed; judges nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import RowMapping

from edge.wire.finding import Finding, Outcome, Verdict

_OUTCOMES: TypeAdapter[tuple[Outcome, ...]] = TypeAdapter(tuple[Outcome, ...])


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, or a time without the box (`until_ms`). `what` names its words (`story.…`).

    `decisive`: a rule that gave the verdict compared just this time.
    """

    at_ms: int
    what: str
    tone: str
    quality: str | None = None
    buyer: str | None = None
    until_ms: int | None = None
    decisive: bool = False
    within: bool = False
    """The box was off at this time."""


def finding_of(row: RowMapping) -> Finding:
    """Return the finding that a row of `verdicts` tells, rule by rule."""
    verdict: Verdict = row["verdict"]
    return Finding(verdict, _OUTCOMES.validate_python(row["outcomes"] or ()))


def rules_of(row: RowMapping) -> dict[str, dict[str, Any]]:
    """Return the rules that were on, with their measures; empty for a finding of an earlier program."""
    if row["inputs"] is None:
        return {}
    rules = json.loads(row["inputs"])["rules"]
    return {name: said for name, said in rules.items() if isinstance(said, dict)}


def moments(row: RowMapping) -> tuple[Moment, ...]:
    """Return what happened, first first; empty for a finding of an earlier program."""
    if row["inputs"] is None:
        return ()
    told: dict[str, Any] = json.loads(row["inputs"])["case"]
    found = finding_of(row)
    decisive = {at for one in found.outcomes if one.verdict == found.verdict for at in one.times.values()}
    made = [*_reports(told), *_presences(told), *_said(told), *_deal(told), *_blind(told)]
    known = told["known_since_ms"]
    made += [Moment(known, "known", "office")] if known is not None else []
    spans = [(one["from_ms"], one["until_ms"]) for one in told["blind"]]
    marked = [
        replace(
            m,
            decisive=m.tone != "blind" and m.at_ms in decisive,
            within=any(since <= m.at_ms and (until is None or m.at_ms < until) for since, until in spans),
        )
        for m in made
    ]
    return tuple(sorted(marked, key=lambda m: (m.at_ms, m.what != "sighted", m.what)))


def untimed(row: RowMapping) -> bool:
    """Return whether the report that is judged has no time."""
    if row["inputs"] is None:
        return False
    report = json.loads(row["inputs"])["case"]["report"]
    return report is not None and report["at_ms"] is None


def _reports(told: Mapping[str, Any]) -> list[Moment]:
    own, made = told["report"], list[Moment]()
    for report in [*([own] if own else []), *told["other_reports"]]:
        ours = own is not None and report["channel"] == own["channel"]
        name, tone = ("report", "own") if ours else ("other_report", "other")
        if report["at_ms"] is not None:
            made.append(Moment(report["at_ms"], name, tone))
        if ours:
            made += [Moment(at, "followed", "own") for at in report["followed_ms"]]
            made += [Moment(one["logged_ms"], "extended", "own") for one in report["extended"]]
    return made


def _presences(told: Mapping[str, Any]) -> list[Moment]:
    return [
        Moment(
            one["at_ms"],
            "paper" if one["typed"] else one["kind"],
            "here",
            one["quality"],
            None if one["buyer"] == "customer" else one["buyer"],
        )
        for one in told["presences"]
    ]


def _said(told: Mapping[str, Any]) -> list[Moment]:
    return [Moment(one["at_ms"], f"said_{one['source']}", "here") for one in told["answers"]]


def _deal(told: Mapping[str, Any]) -> list[Moment]:
    deal = told["deal"] or {"subscribed_ms": None, "contracted_ms": None}
    steps = (("subscribed", deal["subscribed_ms"]), ("contracted", deal["contracted_ms"]))
    return [Moment(at, name, "deal") for name, at in steps if at is not None]


def _blind(told: Mapping[str, Any]) -> list[Moment]:
    off = [Moment(one["from_ms"], "blind", "blind", until_ms=one["until_ms"]) for one in told["blind"]]
    on = [Moment(one["until_ms"], "sighted", "blind") for one in told["blind"] if one["until_ms"] is not None]
    return [*off, *on]
