"""The contract's own rules: one spelling, no floats, no unknown field, nothing of a person in a log."""

import json
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.wire import (
    Basis,
    BasisKind,
    Batch,
    Receipt,
    Scope,
    Signed,
    Topics,
    canonical,
    key_id,
    loggable,
    parse_command,
    parse_record,
    parse_signed,
    signing_input,
)
from edge.wire.batch import MAX_PAYLOAD
from edge.wire.topics import parse_up
from tests.contract.wire_checker import ALLOWED
from tests.contract.wire_strategies import KINDS, commands, part, record, records

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)
ALLOWED_FIELDS = {kind: set(fields) for kind, fields in ALLOWED["by_kind"]["record"].items()}
SIGNATURE = {"key_id": "0" * 16, "signature": "1" * 128}


@pytest.mark.parametrize("kind", KINDS)
def test_every_allowed_record_survives_the_round_trip(kind: str) -> None:
    @given(record(kind))
    def survives(value: dict[str, Any]) -> None:
        parsed = parse_record(value)
        assert parsed.kind == kind
        wire = canonical(parsed.model_dump(mode="json"))
        assert parse_record(json.loads(wire)) == parsed
        assert canonical(json.loads(wire)) == wire

    survives()


@given(part("batch"))
def test_a_batch_survives_the_round_trip(value: dict[str, Any]) -> None:
    batch = Batch.model_validate(value)
    body = batch.model_dump(mode="json")
    payload = Signed(body=body, **SIGNATURE).to_bytes()
    signed = parse_signed(payload)
    assert Batch.model_validate(signed.body) == batch
    assert signing_input("batch", signed.body) == signing_input("batch", body)
    assert signed.to_bytes() == payload


@given(part("receipt"), commands)
def test_what_comes_down_survives_the_round_trip(receipt: dict[str, Any], command: dict[str, Any]) -> None:
    taken = Receipt.model_validate(receipt)
    assert Receipt.model_validate(json.loads(canonical(taken.model_dump(mode="json")))) == taken
    order = parse_command(command)
    assert parse_command(json.loads(canonical(order.model_dump(mode="json")))) == order


@given(json_values)
def test_the_canonical_form_is_one_spelling(value: Any) -> None:
    try:
        spelled = canonical(value)
    except UnicodeEncodeError:
        return  # a lone surrogate has no UTF-8
    assert json.loads(spelled) == value
    assert canonical(json.loads(spelled)) == spelled
    shuffled = json.dumps(value, indent=3, ensure_ascii=True)
    assert canonical(json.loads(shuffled)) == spelled


@given(json_values, st.floats())
def test_a_float_has_no_canonical_form_at_any_depth(value: Any, number: float) -> None:
    for holder in (number, [value, number], {"a": {"b": [number]}}, (value, (number,))):
        with pytest.raises(ValueError, match="float"):
            canonical(holder)


def test_a_key_that_is_no_string_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="keys"):
        canonical({1: "a"})


@given(records, st.text(min_size=1, max_size=20), json_values)
def test_an_unknown_field_is_refused(value: dict[str, Any], field: str, extra: Any) -> None:
    """P6, P11: whatever it is called and whatever it holds."""
    known = {name for kind in KINDS for name in ALLOWED_FIELDS[kind]}
    assume(field not in known)
    with pytest.raises(ValidationError):
        parse_record(value | {field: extra})


@given(part("receipt"), commands, st.sampled_from(["note", "sql", "code", "url"]))
def test_an_unknown_field_from_above_is_refused(
    receipt: dict[str, Any], command: dict[str, Any], field: str
) -> None:
    """P6: headquarters can't slip in a query or a program either."""
    with pytest.raises(ValidationError):
        Receipt.model_validate(receipt | {field: "x"})
    with pytest.raises(ValidationError):
        parse_command(command | {field: "x"})


@given(records)
def test_what_is_loggable_never_holds_a_token_or_a_hash(value: dict[str, Any]) -> None:
    """P54: no token, no hash, no time of a person, and only plain values."""
    parsed = parse_record(value)
    shown = loggable(parsed)
    text = json.dumps(shown)
    assert re.search(r"[0-9a-f]{64}", text) is None
    assert "who" not in shown
    assert "evidence" not in shown
    assert not any(name.endswith("_ms") for name in shown)
    who = getattr(parsed, "who", None)
    assert who is None or who not in text
    assert shown["kind"] == parsed.kind


@given(records)
def test_a_record_cannot_be_changed_after_the_gate(value: dict[str, Any]) -> None:
    parsed = parse_record(value)
    with pytest.raises(ValidationError):
        parsed.v = 1  # type: ignore[misc] # that it can't be is what is shown


@given(st.sampled_from(BasisKind), st.none() | st.sampled_from(Scope))
def test_a_basis_names_a_scope_exactly_when_it_is_consent(kind: BasisKind, scope: Scope | None) -> None:
    """P2: no consent without saying to what."""
    if (kind is BasisKind.CONSENT) == (scope is not None):
        assert Basis(kind=kind, scope=scope).kind is kind
    else:
        with pytest.raises(ValidationError):
            Basis(kind=kind, scope=scope)


@given(part("entry"), st.sampled_from(["basis", "purpose"]))
def test_an_entry_without_basis_or_purpose_is_refused(entry: dict[str, Any], field: str) -> None:
    """P2: every record that leaves says on which ground and for what."""
    body = {"batch_id": "0" * 32, "tenant": "t", "site": "s", "box": "b", "epoch": "0" * 32}
    whole = body | {"previous_epoch": None}
    assert Batch.model_validate(whole | {"entries": [entry]}).entries
    del entry[field]
    with pytest.raises(ValidationError):
        Batch.model_validate(whole | {"entries": [entry]})


@pytest.mark.parametrize(
    "who", ["13812345678", "+8613812345678", "0" * 64, "visit:13812345678", "visit:" + "0" * 63]
)
@given(st.sampled_from([kind for kind in KINDS if "who" in ALLOWED_FIELDS[kind]]), st.data())
def test_a_number_in_place_of_a_token_is_refused(who: str, kind: str, data: st.DataObject) -> None:
    """P20: neither a raw number nor a hash without its purpose goes out."""
    value = data.draw(record(kind)) | {"who": who}
    with pytest.raises(ValidationError):
        parse_record(value)


def test_small_groups_are_not_counted_apart() -> None:
    with pytest.raises(ValidationError):
        parse_record({"kind": "footfall", "camera": "door", "from_ms": 1, "to_ms": 2, "count": 4})


def test_contexts_keep_signatures_apart() -> None:
    inputs = {signing_input(context, {"a": 1}) for context in ("batch", "receipt", "command")}
    assert len(inputs) == 3


def test_a_payload_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(ValueError, match="over"):
        parse_signed(b" " * (MAX_PAYLOAD + 1))


@given(st.binary(max_size=300))
def test_noise_is_no_signed_message(noise: bytes) -> None:
    with pytest.raises(ValidationError):
        parse_signed(noise)


@given(names, names, names)
def test_a_batch_topic_names_its_box(tenant: str, site: str, box: str) -> None:
    topics = Topics(tenant, site, box)
    assert parse_up(topics.batch) == topics
    assert parse_up(topics.receipt) is None
    assert parse_up(topics.batch + "/more") is None
    assert topics.receipt.startswith(topics.base + "/down/")


def test_a_key_is_named_by_its_hash() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", key_id(bytes(32)))
    assert key_id(bytes(32)) != key_id(bytes(31) + b"\x01")
