"""Believes a downward message only if headquarters signed it for this box; never acts on one."""

from collections.abc import Iterable
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from edge.domain.errors import InvalidInput
from edge.wire import Command, Receipt, key_id, parse_command, parse_signed, signing_input


class Headquarters:
    """The public keys (raw Ed25519, 32 bytes each) that headquarters signs with, and what they prove.

    Every method raises InvalidInput with a stable code for anything that isn't proven.
    """

    def __init__(self, public_keys: Iterable[bytes], box: str) -> None:
        self._keys = {key_id(raw): Ed25519PublicKey.from_public_bytes(raw) for raw in public_keys}
        self._box = box

    def receipt(self, payload: bytes) -> Receipt:
        """Return the receipt for this box that `payload` proves."""
        body = self._open(payload, "receipt")
        try:
            receipt = Receipt.model_validate(body)
        except ValidationError:
            raise _refusal("wrong_schema") from None
        self._ours(receipt.box)
        return receipt

    def command(self, payload: bytes) -> Command:
        """Return the command to this box that `payload` proves."""
        body = self._open(payload, "command")
        try:
            command = parse_command(body)
        except ValidationError:
            raise _refusal("wrong_schema") from None
        self._ours(command.box)
        return command

    def _open(self, payload: bytes, context: Literal["receipt", "command"]) -> dict[str, Any]:
        try:
            signed = parse_signed(payload)
            covered = signing_input(context, signed.body)
        except ValueError:
            raise _refusal("malformed") from None
        key = self._keys.get(signed.key_id)
        if key is None:
            raise _refusal("unknown_key")
        try:
            key.verify(bytes.fromhex(signed.signature), covered)
        except InvalidSignature:
            raise _refusal("bad_signature") from None
        return signed.body

    def _ours(self, box: str) -> None:
        if box != self._box:
            raise _refusal("other_box")


def _refusal(code: str) -> InvalidInput:
    return InvalidInput("read a message from headquarters", code)
