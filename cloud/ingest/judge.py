"""Judges one payload: whose it is, whether it is signed, which entries are sound; never writes.

What is refused as a whole gets no receipt: the sender can't be trusted to be the box. What is refused
as a single entry is put aside, and the receipt says so.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, get_args

from pydantic import ValidationError

from cloud.fleet.boxes import Box
from cloud.ingest import evidence
from cloud.keys import verified
from cloud.names import is_name
from edge.wire import BatchFrame, Entry, Record, Signed, Topics, canonical, parse_signed
from edge.wire.topics import parse_up

LARGEST = 2**53 - 1
"""The largest integer that every JSON reader agrees on (RFC 8785); also fits every column."""

_KINDS = frozenset(r.model_fields["kind"].default for r in get_args(get_args(Record)[0]))


class Refused(Exception):
    """A payload is refused as a whole; `reason` is a code, nothing of the payload is in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Judged:
    """One entry with its fingerprint; without `entry` it is refused for `reason`."""

    sequence: int | None
    sha256: str
    size: int
    kind: str
    entry: Entry | None
    reason: str = "ok"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch that its box really signed, entry by entry."""

    box: Box
    frame: BatchFrame
    entries: tuple[Judged, ...]


def sender(topic: str) -> Topics:
    """Return whose topic this is; raise Refused(`foreign_topic`) on any other than a batch topic."""
    topics = parse_up(topic)
    if topics is None or not all(is_name(n) for n in (topics.tenant, topics.site, topics.box)):
        raise Refused("foreign_topic")
    return topics


def outer(payload: bytes) -> Signed:
    """Return the signed form; raise Refused(`malformed`) when it is too large or is none."""
    try:
        return parse_signed(payload)
    except ValueError:
        raise Refused("malformed") from None


def judge(topics: Topics, signed: Signed, box: Box | None) -> Delivery:
    """Return the delivery; raise Refused with the first reason that applies.

    Reasons: unknown_box, not_canonical, bad_signature, malformed_batch, foreign_batch.
    """
    if box is None or (box.tenant, box.site) != (topics.tenant, topics.site):
        raise Refused("unknown_box")
    try:
        genuine = verified(box.public_key, "batch", signed)
    except ValueError:
        raise Refused("not_canonical") from None
    if not genuine:
        raise Refused("bad_signature")
    try:
        frame = BatchFrame.model_validate(signed.body)
    except ValidationError:
        raise Refused("malformed_batch") from None
    if (frame.tenant, frame.site, frame.box) != (topics.tenant, topics.site, topics.box):
        raise Refused("foreign_batch")
    return Delivery(box, frame, tuple(_vouched(box, judge_entry(raw)) for raw in frame.entries))


def _vouched(box: Box, judged: Judged) -> Judged:
    """A finding that brings what it rests on has to be the box's own word, as it stands."""
    wrong = evidence.fault(box, judged.entry) if judged.entry is not None else None
    return judged if wrong is None else replace(judged, entry=None, reason=wrong)


def judge_entry(raw: dict[str, Any]) -> Judged:
    """Judge one entry, apart from its neighbours; `raw` has a canonical form."""
    spelled = canonical(raw)
    sequence = raw.get("sequence")
    sound = type(sequence) is int and 0 < sequence <= LARGEST
    record = raw.get("record")
    kind = record.get("kind") if isinstance(record, dict) else None
    known = isinstance(kind, str) and kind in _KINDS
    entry, reason = _entry(raw, spelled) if sound else (None, "no_sequence")
    return Judged(
        sequence=sequence if sound else None,
        sha256=hashlib.sha256(spelled).hexdigest(),
        size=len(spelled),
        kind=str(kind) if known else "unknown",
        entry=entry,
        reason=reason,
    )


def _entry(raw: dict[str, Any], spelled: bytes) -> tuple[Entry | None, str]:
    if not _in_range(raw):
        return None, "number_out_of_range"
    try:
        return Entry.model_validate_json(spelled, strict=True), "ok"
    except ValidationError:
        return None, "invalid_entry"


def _in_range(value: object) -> bool:
    if isinstance(value, dict):
        return all(_in_range(item) for item in value.values())
    if isinstance(value, list):
        return all(_in_range(item) for item in value)
    return not isinstance(value, int) or -LARGEST <= value <= LARGEST
