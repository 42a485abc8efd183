"""The contract is pinned: a change of the wire shows as a change of these files, and of the list (P6)."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from edge.wire import Batch, Command, Entry, Receipt, Signed
from tests.contract.wire_checker import ALLOWED
from tests.contract.wire_strategies import KINDS, commands, part, record

HERE = Path(__file__).parent
PINNED: dict[str, Any] = {
    "entry": Entry, "batch": Batch, "receipt": Receipt, "command": Command, "signed": Signed,
}  # fmt: skip
HINT = (
    "the wire changed. If that is meant: raise `v` of what changed (the cloud accepts N and N-1), edit"
    " tests/contract/allowed_fields.json by hand, then UPDATE_CONTRACT=1 pytest tests/contract"
)


def schema(name: str) -> dict[str, Any]:
    return TypeAdapter(PINNED[name]).json_schema()


def pinned(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text())
    return loaded


@pytest.mark.parametrize("name", PINNED)
def test_the_schema_is_the_pinned_one(name: str) -> None:
    file = HERE / f"{name}.json"
    if os.environ.get("UPDATE_CONTRACT"):
        file.write_text(json.dumps(schema(name), indent=1, sort_keys=True) + "\n")
    assert pinned(name) == schema(name), HINT


def objects_of(name: str) -> dict[str, dict[str, Any]]:
    whole = schema(name)
    definitions: dict[str, dict[str, Any]] = whole.pop("$defs", {})
    return {k: v for k, v in (definitions | {name: whole}).items() if v.get("type") == "object"}


@pytest.mark.parametrize("name", [name for name in PINNED if name != "signed"])
def test_every_object_of_the_wire_is_closed(name: str) -> None:
    """P6, P11: no object anywhere in the contract lets an unknown field through."""
    for title, found in objects_of(name).items():
        assert found["additionalProperties"] is False, title


def fields_by_kind(name: str) -> dict[str, set[str]]:
    kinds = {}
    for found in objects_of(name).values():
        kind = found["properties"].get("kind", {}).get("const")
        if kind:
            kinds[kind] = set(found["properties"])
    return kinds


def test_the_list_written_by_hand_names_the_same_fields() -> None:
    """P6: a new field has to be allowed by a person, in a second place."""
    for part_name, name in (("record", "entry"), ("command", "command")):
        allowed = {k: {"kind", *v} for k, v in ALLOWED["by_kind"][part_name].items()}
        assert fields_by_kind(name) == allowed, HINT
    for name in ("entry", "batch", "receipt"):
        assert set(schema(name)["properties"]) == set(ALLOWED["objects"][name]), HINT


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_list_allows_fits_the_pinned_schema(kind: str) -> None:
    validator = jsonschema.Draft202012Validator(pinned("entry"))

    @given(part("entry"), record(kind))
    def fits(entry: dict[str, Any], one: dict[str, Any]) -> None:
        validator.validate(entry | {"record": one})

    fits()


@given(commands)
def test_commands_fit_the_pinned_schema(command: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(pinned("command")).validate(command)


@given(st.sampled_from(["portrait", "phone", "embedding", "audio", "id_number", "wechat", "note"]), st.data())
def test_forbidden_fields_fit_nowhere(field: str, data: st.DataObject) -> None:
    """P15, P19: the pinned schema itself, whoever reads it, has no room for them."""
    validator = jsonschema.Draft202012Validator(pinned("entry"))
    entry = data.draw(part("entry"))
    assert not validator.is_valid(entry | {field: "x"})
    assert not validator.is_valid(entry | {"record": entry["record"] | {field: "x"}})
