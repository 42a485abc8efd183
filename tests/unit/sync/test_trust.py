"""Only what headquarters signed, for this context and this box, is believed; anything else has a code."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.errors import InvalidInput
from edge.sync.trust import Headquarters
from edge.wire import Signed, key_id, signing_input

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OLD_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
TRUST = Headquarters([k.public_key().public_bytes_raw() for k in (KEY, OLD_KEY)], "box-1")
RECEIPT = {
    "v": 1, "batch_id": "a" * 32, "box": "box-1", "epoch": "b" * 32,
    "results": [{"sequence": 7, "outcome": "committed", "code": "ok"}],
}  # fmt: skip
WITHDRAW = {
    "kind": "withdraw", "v": 1, "command_id": "c" * 32, "box": "box-1", "issued_ms": 5,
    "who": "visitor:" + "0" * 64, "scope": "face_match",
}  # fmt: skip


def payload(context: Any, body: dict[str, Any], key: Ed25519PrivateKey = KEY) -> bytes:
    name = key_id(key.public_key().public_bytes_raw())
    return Signed(body=body, key_id=name, signature=key.sign(signing_input(context, body)).hex()).to_bytes()


def refused(call: Any, data: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        call(data)
    return caught.value.code


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
def test_any_of_headquarters_keys_proves_a_receipt(key: Ed25519PrivateKey) -> None:
    assert TRUST.receipt(payload("receipt", RECEIPT, key)).results[0].sequence == 7


def test_a_command_for_this_box_is_taken() -> None:
    assert TRUST.command(payload("command", WITHDRAW)).command_id == "c" * 32


def test_a_signature_of_one_context_is_none_in_another() -> None:
    assert refused(TRUST.command, payload("receipt", WITHDRAW)) == "bad_signature"
    assert refused(TRUST.receipt, payload("batch", RECEIPT)) == "bad_signature"


def test_another_box_is_refused() -> None:
    assert refused(TRUST.receipt, payload("receipt", RECEIPT | {"box": "box-2"})) == "other_box"
    assert refused(TRUST.command, payload("command", WITHDRAW | {"box": "box-2"})) == "other_box"


def test_a_stranger_is_refused() -> None:
    assert refused(TRUST.receipt, payload("receipt", RECEIPT, Ed25519PrivateKey.generate())) == "unknown_key"


@pytest.mark.parametrize("body", [RECEIPT | {"more": 1}, RECEIPT | {"results": []}, {}])
def test_a_signed_body_of_another_shape_is_refused(body: dict[str, Any]) -> None:
    """P6: unknown fields are refused in what comes down, too."""
    assert refused(TRUST.receipt, payload("receipt", body)) == "wrong_schema"


def test_a_float_or_an_endless_nesting_is_refused() -> None:
    honest = json.loads(payload("receipt", RECEIPT))
    honest["body"]["v"] = 1.5
    assert refused(TRUST.receipt, json.dumps(honest).encode()) == "malformed"
    deep = b'{"body":' + b'{"a":' * 5000 + b"1" + b"}" * 5000
    assert refused(TRUST.receipt, deep) == "malformed"


@given(st.data())
def test_no_flipped_bit_goes_through(data: st.DataObject) -> None:
    good = payload("receipt", RECEIPT)
    bit = data.draw(st.integers(0, len(good) * 8 - 1))
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    assert refused(TRUST.receipt, bytes(bad)) in {"malformed", "unknown_key", "bad_signature"}


@given(st.binary(max_size=400))
def test_noise_is_refused(noise: bytes) -> None:
    assert refused(TRUST.receipt, noise) == "malformed"
    assert refused(TRUST.command, noise) == "malformed"


def test_refusals_never_hold_what_was_refused() -> None:
    """P54: a token in a refused command reaches no log through the error."""
    with pytest.raises(InvalidInput) as caught:
        TRUST.command(payload("command", WITHDRAW | {"box": "box-2"}))
    assert "0" * 64 not in str(caught.value)
    assert caught.value.__cause__ is None
