"""Hypothesis strategies for what may be on the wire, drawn from the hand-written list; not from edge.wire."""

import base64
import hashlib
import re
from typing import Any

from hypothesis import strategies as st

from tests.contract.wire_checker import ALLOWED, _scalar

KINDS: tuple[str, ...] = tuple(ALLOWED["by_kind"]["record"])
COMMAND_KINDS: tuple[str, ...] = tuple(ALLOWED["by_kind"]["command"])


def record(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return records of one kind as parsed JSON, sound between their fields as well."""
    rules = ALLOWED["by_kind"]["record"][kind] | {"kind": f"is:{kind}"}
    return _object(rules).map(_sound)


records = st.sampled_from(KINDS).flatmap(record)
commands = st.sampled_from(COMMAND_KINDS).flatmap(
    lambda kind: _object(ALLOWED["by_kind"]["command"][kind] | {"kind": f"is:{kind}"})
)


def part(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return one of the list's `objects` (batch, entry, receipt, basis …) as parsed JSON."""
    return _object(ALLOWED["objects"][name]).map(_sound)


def _object(rules: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    needed = {field: _value(rule) for field, rule in rules.items() if not rule.endswith("?")}
    optional = {field: _value(rule) for field, rule in rules.items() if rule.endswith("?")}
    return st.fixed_dictionaries(needed, optional=optional)


def _value(rule: str) -> st.SearchStrategy[Any]:
    rule = rule.removesuffix("?")
    if rule.endswith(" or null"):
        return st.none() | _value(rule.removesuffix(" or null"))
    inner = rule[1:-1]
    if rule.startswith("{"):
        return st.deferred(lambda: records if inner == "record" else part(inner))
    if rule.startswith("["):
        return st.lists(_value(inner), min_size=1, max_size=2)
    if rule.startswith("<"):
        key, item = inner.split(":")
        return st.dictionaries(_value(key), _value(item), max_size=3)
    return _scalars(rule)


def _scalars(rule: str) -> st.SearchStrategy[Any]:
    if rule == "bool":
        return st.booleans()
    if rule.startswith("is:"):
        return st.just(int(rule[3:]) if rule[3:].isdigit() else rule[3:])
    span = ALLOWED["numbers"].get(rule, rule)
    if ".." in span:
        low, high = map(int, span.split(".."))
        return st.integers(low, high)
    if rule in ALLOWED["words"]:
        return st.sampled_from(ALLOWED["words"][rule])
    return _texts(rule)


def _texts(rule: str) -> st.SearchStrategy[str]:
    pattern = ALLOWED["strings"][rule]
    digits = re.fullmatch(r"\[0-9a-f\]\{(\d+)\}", pattern)
    if digits:  # much faster than drawing digit by digit
        width = int(digits[1])
        return st.integers(0, 16**width - 1).map(lambda number: f"{number:0{width}x}")
    sealed = re.fullmatch(r"\[A-Za-z0-9\+/\]\{(\d+)\}", pattern)
    if sealed:  # random bytes in base64: nothing else is ever there
        size = int(sealed[1]) * 3 // 4
        return st.integers(0, 2**64 - 1).map(
            lambda seed: base64.b64encode(hashlib.shake_256(seed.to_bytes(8)).digest(size)).decode()
        )
    if rule == "token":
        purposes = st.sampled_from(pattern[1 : pattern.index(")")].split("|"))
        return st.builds("{}:{}".format, purposes, _texts("hash"))
    return st.from_regex(pattern, fullmatch=True).filter(lambda text: _scalar(text, rule))


def _sound(value: dict[str, Any]) -> dict[str, Any]:
    """Mend what only holds between fields: the rules that a list of fields can't say."""
    if value.keys() <= {"kind", "scope"}:
        agreed = value["kind"] == "consent"
        return {"kind": value["kind"], "scope": value.get("scope") or "registration" if agreed else None}
    if value.get("kind") == "call":
        who = value.get("who") or "recording:" + "0" * 64
        return {k: v for k, v in value.items() if k not in ("who", "recorded_ms")} | (
            {"who": who} if value["recorded"] else {}
        )
    if value.get("kind") in {"retokened", "merged"}:
        purpose, digest = value["old"].split(":")
        other = digest[:-1] + format(int(digest[-1], 16) ^ 1, "x")
        return value | {"new": f"{purpose}:{other}"}
    if value.get("kind") in {"consent", "visit"}:
        value = _entered(value)
    if value.get("kind") == "verdict":
        value = _about_one_thing(value)
    if value.get("departed_ms") is not None:
        return value | {"departed_ms": max(value["departed_ms"], value["arrived_ms"])}
    if value.get("departure_estimated"):  # of a visit that isn't over
        return value | {"departure_estimated": False}
    return value


def _about_one_thing(value: dict[str, Any]) -> dict[str, Any]:
    """A finding is on a deal or on a report, and what it rests on comes with the box's signature."""
    on_deal = value.get("deal_ref") is not None
    bare = {k: v for k, v in value.items() if k not in ("report_ref", "inputs", "signature")}
    signed = {k: value[k] for k in ("inputs", "signature") if {"inputs", "signature"} <= value.keys()}
    return bare | signed | {"report_ref": None if on_deal else value.get("report_ref") or "R-1"}


def _entered(value: dict[str, Any]) -> dict[str, Any]:
    """What is on paper says when it was typed in, and that came later; of consents nothing else does."""
    at_ms = value["at_ms"] if value["kind"] == "consent" else value["arrived_ms"]
    on_paper = value.get("act") == "paper" or any(one["kind"] == "paper" for one in value.get("evidence", ()))
    bare = {k: v for k, v in value.items() if k != "entered_ms"}
    return bare | ({"entered_ms": max(at_ms, value.get("entered_ms", 0))} if on_paper else {})
