"""The checker of captured traffic finds what it has to find, and passes what is allowed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.wire_checker import check_payload, record_kinds
from tests.contract.wire_strategies import commands, part, record

PHONE = "13812345678"


def payload(body: Any) -> bytes:
    return json.dumps({"body": body, "key_id": "0" * 16, "signature": "1" * 128}).encode()


@given(part("batch"))
def test_an_allowed_batch_passes(batch: dict[str, Any]) -> None:
    assert check_payload(payload(batch)) == []
    assert record_kinds(payload(batch)) == [entry["record"]["kind"] for entry in batch["entries"]]


@given(part("receipt") | commands)
def test_what_comes_down_passes(body: dict[str, Any]) -> None:
    assert check_payload(payload(body)) == []


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every object in `value`."""
    found = [path] if isinstance(value, dict) else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [one for key, item in items for one in paths(item, (*path, key))]


def strings(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every string in `value`."""
    found = [path] if isinstance(value, str) else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [one for key, item in items for one in strings(item, (*path, key))]


def place(value: Any, path: tuple[Any, ...], change: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = change


@given(part("batch"), st.data())
def test_an_extra_field_is_found_wherever_it_is(batch: dict[str, Any], data: st.DataObject) -> None:
    """P6: at every depth; a map of counts takes no text either."""
    path = data.draw(st.sampled_from(paths(batch)))
    place(batch, (*path, "note"), "x") if path else batch.update(note="x")
    assert check_payload(payload(batch))


@given(part("batch"), st.data(), st.sampled_from([PHONE, "110101199003078515", "王小明", "data:image/png"]))
def test_a_personal_text_is_found_in_any_field(batch: dict[str, Any], data: st.DataObject, text: str) -> None:
    """P9, P20: no string of the contract has room for a number, a name or a picture."""
    place(batch, data.draw(st.sampled_from(strings(batch))), text)
    wrong = check_payload(payload(batch))
    assert wrong
    assert text not in "".join(wrong)


@given(part("batch"), st.data())
def test_a_missing_field_is_found(batch: dict[str, Any], data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(batch.keys() - {"previous_epoch", "entries"})))
    del batch[field]
    assert check_payload(payload(batch))


def test_a_phone_number_as_a_report_reference_is_found() -> None:
    """An agent may have typed it there: the pattern alone would let it through."""
    batch = {
        "v": 1,
        "batch_id": "0" * 32,
        "tenant": "t",
        "site": "s",
        "box": "b",
        "epoch": "0" * 32,
        "previous_epoch": None,
    }
    verdict = {
        "kind": "verdict", "v": 1, "verdict_id": "0" * 32, "report_ref": f"R-{PHONE}", "version": 1,
        "who": "registration:" + "0" * 64, "verdict": "RISK", "reasons": ["late_report"], "rule_set": "demo",
        "rule_version": 1, "inputs_hash": "0" * 64, "reported_ms": None, "presence_ms": None,
        "decided_ms": 1_790_000_000_000,
    }  # fmt: skip
    entry = {
        "sequence": 1, "wall_ms": 1_790_000_000_000, "time_quality": "unknown",
        "basis": {"kind": "report"}, "purpose": "channel_risk", "record": verdict,
    }  # fmt: skip
    wrong = check_payload(payload(batch | {"entries": [entry]}))
    assert wrong == ["batch.body.entries[0].record.report_ref: not a report_ref"]
    verdict["report_ref"] = "R-1001"
    assert check_payload(payload(batch | {"entries": [entry]})) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\x00\xff", b"[]", b"{}", b'{"body":[]}', b'{"body":{}}', b'{"body":{"entries":1.5}}',
        b'{"body":{"entries":NaN}}', b'{"body":' * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_message_is_found(raw: bytes) -> None:
    assert check_payload(raw)


@given(record("health"))
def test_a_field_that_stands_twice_is_found(health: dict[str, Any]) -> None:
    """Two readers may take two different ones: the second could hide from the check."""
    text = json.dumps({"body": {"results": [health]}, "key_id": "0" * 16, "signature": "1" * 128})
    twice = text.replace('"kind":', '"device": "a", "device": "b", "kind":', 1)
    assert any("twice" in wrong or "not allowed" in wrong for wrong in check_payload(twice.encode()))


@given(st.binary(max_size=200))
def test_noise_never_passes_and_never_fails_the_checker(noise: bytes) -> None:
    assert check_payload(noise)
