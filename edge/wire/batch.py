"""Batches, their canonical bytes and what a signature covers; never signs or verifies itself.

A signature covers `signing_input(context, body)`: a context string keeps a signature made for
one kind of message from being accepted for another.
"""

import hashlib
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, StringConstraints

from edge.wire.base import Basis, Frozen, Millis, Name, OpaqueId, Purpose, TimeQuality
from edge.wire.records import Record
from edge.wire.spelling import canonical

MAX_ENTRIES = 500
MAX_PAYLOAD = 1 << 20
"""Bytes of one MQTT payload; larger ones are refused unread."""

Context = Literal["batch", "receipt", "command"]


class Entry(Frozen):
    """One record with where and when it was made, on which basis and for which purpose."""

    sequence: PositiveInt
    wall_ms: Millis
    time_quality: TimeQuality
    basis: Basis
    purpose: Purpose
    record: Record


class Batch(Frozen):
    """Records of one box and one epoch, in rising sequence, under one signature."""

    v: Literal[1] = 1
    batch_id: OpaqueId
    tenant: Name
    site: Name
    box: Name
    epoch: OpaqueId
    previous_epoch: OpaqueId | None
    entries: Annotated[tuple[Entry, ...], Field(min_length=1, max_length=MAX_ENTRIES)]


class BatchFrame(Frozen):
    """A batch whose entries are not yet judged, so that one bad entry doesn't lose the others."""

    v: Literal[1]
    batch_id: OpaqueId
    tenant: Name
    site: Name
    box: Name
    epoch: OpaqueId
    previous_epoch: OpaqueId | None
    entries: Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=MAX_ENTRIES)]


class Signed(Frozen):
    """The payload of every message: a body, the key that signed it, the Ed25519 signature (hex)."""

    body: dict[str, Any]
    key_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]

    def to_bytes(self) -> bytes:
        """Return the payload as it goes to the broker."""
        return canonical(self.model_dump(mode="json"))


def signing_input(context: Context, body: object) -> bytes:
    """Return the bytes that a signature for `context` covers."""
    return b"gatehouse/v1/" + context.encode() + b"\n" + canonical(body)


def key_id(public_key: bytes) -> str:
    """Return the name of a raw Ed25519 public key (32 bytes): the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def parse_signed(payload: bytes) -> Signed:
    """Parse a payload's outer form; raise ValueError (pydantic's included) on anything else."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"payload of {len(payload)} bytes is over {MAX_PAYLOAD}")
    return Signed.model_validate_json(payload)
