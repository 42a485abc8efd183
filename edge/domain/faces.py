"""When a series of templates is good enough to enrol or to confirm; pure, over unit vectors as tuples.

A face proves nothing alone: it confirms a claimed identity 1:1 (architecture.md, Leases).
"""

import math
import struct
from collections.abc import Sequence

from edge.domain.errors import InvalidInput

Vector = tuple[float, ...]

ENOUGH_TO_ENROL = 3
"""Consistent templates in one lease before one is kept."""
ENOUGH_TO_CONFIRM = 2
"""Templates above the threshold before a claim is confirmed: one frame can be a fluke."""
ENOUGH_TO_REFUSE = 6
"""Templates below it before the answer is "not confirmed": the visitor may turn to the camera."""


def unpack(data: bytes) -> Vector:
    """Return the vector in `data` (little-endian float32); InvalidInput if it isn't a finite one."""
    if not data or len(data) % 4:
        raise InvalidInput("read a template", "not_a_template")
    vector = struct.unpack(f"<{len(data) // 4}f", data)
    if not all(math.isfinite(x) for x in vector):
        raise InvalidInput("read a template", "not_a_template")
    return vector


def pack(vector: Sequence[float]) -> bytes:
    """Return `vector` as little-endian float32."""
    return struct.pack(f"<{len(vector)}f", *vector)


def cosine(a: Vector, b: Vector) -> float:
    """Return the cosine similarity; 0 for vectors of different models' lengths."""
    if len(a) != len(b):
        return 0.0
    norms = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norms if norms else 0.0


def mean(vectors: Sequence[Vector]) -> Vector:
    """Return the L2-normalised mean direction."""
    summed = [sum(values) for values in zip(*vectors, strict=True)]
    norm = math.sqrt(sum(x * x for x in summed)) or 1.0
    return tuple(x / norm for x in summed)


def enrolment(seen: Sequence[Vector], threshold: float) -> Vector | None:
    """Return the template to keep once the last few agree with one another; None until then."""
    last = list(seen)[-ENOUGH_TO_ENROL:]
    if len(last) < ENOUGH_TO_ENROL:
        return None
    pairs = [(a, b) for i, a in enumerate(last) for b in last[i + 1 :]]
    return mean(last) if all(cosine(a, b) >= threshold for a, b in pairs) else None


def confirmation(seen: Sequence[Vector], templates: Sequence[Vector], threshold: float) -> bool | None:
    """Return whether the claimed person stands there; None while that is open."""
    scores = [max((cosine(v, t) for t in templates), default=-1.0) for v in seen]
    if sum(s >= threshold for s in scores) >= ENOUGH_TO_CONFIRM:
        return True
    return False if len(scores) >= ENOUGH_TO_REFUSE else None
