"""Parses captured payloads with a list of fields of its own; knows nothing of edge.wire, on purpose (P6).

`check_payload` is for the end-to-end runs: every byte that was published goes through it.
"""

import json
import re
from pathlib import Path
from typing import Any

ALLOWED: dict[str, Any] = json.loads(Path(__file__).with_name("allowed_fields.json").read_text())

_PERSONAL = re.compile(r"(?<!\d)(?:(?:86)?1[3-9]\d{9}|\d{17}[\dXx])(?!\d)")
"""A mobile number or an ID number, in a text that a person may have had a hand in."""


_OR_NULL = " or null"


class _Twice(dict[str, Any]):
    """An object of the payload that names one of its fields twice."""


def check_payload(payload: bytes) -> list[str]:
    """Return what is wrong with one MQTT payload, each as `path: what`; an empty list if nothing is.

    The texts never repeat a value.
    """
    try:
        value = json.loads(
            payload.decode(), object_pairs_hook=_object, parse_float=_refuse, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        return ["payload: not JSON in UTF-8 with integers only"]
    body = value.get("body") if isinstance(value, dict) else None
    if not isinstance(body, dict):
        return ["payload: no body"]
    kind = "batch" if "entries" in body else "receipt" if "results" in body else "command"
    return _check(value, f"{{signed_{kind}}}", kind)


def record_kinds(payload: bytes) -> list[str]:
    """Return the kinds of a batch's records, in order; an empty list for anything else."""
    body = json.loads(payload)["body"]
    return [entry["record"]["kind"] for entry in body.get("entries", ())]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else _Twice(made)


def _refuse(text: str) -> None:
    raise ValueError(text)


def _check(value: Any, rule: str, path: str) -> list[str]:
    rule = rule.removesuffix("?")
    if value is None and rule.endswith(_OR_NULL):
        return []
    rule = rule.removesuffix(_OR_NULL)
    if rule[0] in "[{<":
        check = {"[": _list, "{": _fields, "<": _map}[rule[0]]
        return check(value, rule[1:-1], path)
    return [] if _scalar(value, rule) else [f"{path}: not a {rule}"]


def _list(value: Any, rule: str, path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: not a list"]
    return [wrong for i, item in enumerate(value) for wrong in _check(item, rule, f"{path}[{i}]")]


def _map(value: Any, rule: str, path: str) -> list[str]:
    key_rule, item_rule = rule.split(":")
    if not isinstance(value, dict):
        return [f"{path}: not a map"]
    wrong = [f"{path}: a key is not a {key_rule}" for key in value if not _scalar(key, key_rule)]
    return wrong + [w for item in value.values() for w in _check(item, item_rule, f"{path}.*")]


def _fields(value: Any, name: str, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: not an object"]
    if isinstance(value, _Twice):
        return [f"{path}: a field stands twice"]
    rules = ALLOWED["objects"].get(name)
    if rules is None:
        kind = value.get("kind")
        rules = ALLOWED["by_kind"][name].get(kind) if isinstance(kind, str) else None
        if rules is None:
            return [f"{path}: a {name} of no known kind"]
        rules = {"kind": f"is:{kind}"} | rules
    wrong = [f"{path}: a field that is not allowed" for _ in value.keys() - rules.keys()]
    for field, rule in rules.items():
        if field in value:
            wrong += _check(value[field], rule, f"{path}.{field}")
        elif not rule.endswith("?"):
            wrong.append(f"{path}.{field}: missing")
    return wrong


def _scalar(value: Any, rule: str) -> bool:
    if rule == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if rule.startswith("is:"):
        return str(value) == rule[3:]
    span = ALLOWED["numbers"].get(rule, rule)
    if ".." in span:
        low, high = map(int, span.split(".."))
        return isinstance(value, int) and low <= value <= high
    return isinstance(value, str) and _text(value, rule)


def _text(value: str, rule: str) -> bool:
    if rule in ALLOWED["words"]:
        return value in ALLOWED["words"][rule]
    if re.fullmatch(ALLOWED["strings"][rule], value, re.ASCII) is None:
        return False
    return rule in ALLOWED["opaque"] or _PERSONAL.search(value) is None
