"""A box as headquarters sees it: a key and batches signed with it; for the tests of cloud only."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cloud.fleet.boxes import enrol
from cloud.store.database import Database
from edge.wire import Entry, Record, Signed, Topics, key_id, signing_input
from edge.wire.batch import Context

NOON = 1_790_000_000_000
WHO = "visit:" + "ab" * 32
OTHER = "visit:" + "cd" * 32


def hexid(n: int) -> str:
    return f"{n:032x}"


@dataclass
class Signer:
    """Makes payloads of one box and one epoch."""

    topics: Topics = field(default_factory=lambda: Topics("demo", "harbour", "box-1"))
    epoch: str = hexid(7)
    previous_epoch: str | None = None
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def enrolled_in(self, database: Database, *, replace: bool = False) -> None:
        """Make this box known there, or give it this key."""
        database.write(lambda c: enrol(c, self.topics, self.public.hex(), now_ms=NOON, replace=replace))

    def sign(self, body: Any, context: Context = "batch") -> bytes:
        signature = self.key.sign(signing_input(context, body)).hex()
        return Signed(body=body, key_id=key_id(self.public), signature=signature).to_bytes()

    def body(self, entries: Sequence[dict[str, Any]], **changes: Any) -> dict[str, Any]:
        t = self.topics
        return {
            "v": 1,
            "batch_id": os.urandom(16).hex(),
            "tenant": t.tenant,
            "site": t.site,
            "box": t.box,
            "epoch": self.epoch,
            "previous_epoch": self.previous_epoch,
            "entries": list(entries),
        } | changes

    def batch(self, entries: Sequence[dict[str, Any]], **changes: Any) -> bytes:
        return self.sign(self.body(entries, **changes))


_BASES = {
    "visit": ({"kind": "consent", "scope": "registration"}, "reception"),
    "consent": ({"kind": "duty", "scope": None}, "rights"),
    "withdrawal": ({"kind": "duty", "scope": None}, "rights"),
    "erasure_receipt": ({"kind": "duty", "scope": None}, "rights"),
    "answer": ({"kind": "duty", "scope": None}, "rights"),
    "rights_package": ({"kind": "duty", "scope": None}, "rights"),
    "audit_head": ({"kind": "duty", "scope": None}, "operation"),
    "merged": ({"kind": "consent", "scope": "registration"}, "reception"),
    "retokened": ({"kind": "duty", "scope": None}, "rights"),
    "reattributed": ({"kind": "duty", "scope": None}, "rights"),
    "voided": ({"kind": "duty", "scope": None}, "rights"),
    "call": ({"kind": "inquiry", "scope": None}, "call_handling"),
    "verdict": ({"kind": "report", "scope": None}, "channel_risk"),
    "footfall": ({"kind": "impersonal", "scope": None}, "footfall"),
    "health": ({"kind": "impersonal", "scope": None}, "operation"),
    "blind": ({"kind": "impersonal", "scope": None}, "operation"),
    "box_keys": ({"kind": "impersonal", "scope": None}, "operation"),
}


def entry(sequence: int, record: Record, wall_ms: int = NOON, **changes: Any) -> dict[str, Any]:
    """Return one entry as it stands in a batch's body."""
    basis, purpose = _BASES[record.kind]
    raw = {
        "sequence": sequence,
        "wall_ms": wall_ms,
        "time_quality": "synchronised",
        "basis": basis,
        "purpose": purpose,
        "record": record.model_dump(mode="json"),
    } | changes
    Entry.model_validate(raw)
    return raw
