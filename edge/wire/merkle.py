"""The Merkle tree of RFC 9162 (section 2.1) over SHA-256: roots and proofs of consistency; no I/O, no state.

Box and headquarters compute with the same code. A log is the list of its leaf hashes, 32 bytes each.
"""

import hashlib
from collections.abc import Sequence

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """Return the largest power of two smaller than `size` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def root(leaves: Sequence[bytes]) -> bytes:
    """Return MTH(leaves), of section 2.1.1."""
    stack: list[tuple[int, bytes]] = []
    for leaf in leaves:
        level, node = 0, leaf
        while stack and stack[-1][0] == level:
            level, node = level + 1, _node(stack.pop()[1], node)
        stack.append((level, node))
    if not stack:
        return EMPTY
    node = stack.pop()[1]
    while stack:
        node = _node(stack.pop()[1], node)
    return node


def consistency_proof(leaves: Sequence[bytes], first: int) -> tuple[bytes, ...]:
    """Return PROOF(first, leaves), of section 2.1.4.1: that the first `first` leaves are a prefix.

    Empty for all of them or none; ValueError if there aren't as many.
    """
    if not 0 <= first <= len(leaves):
        raise ValueError("a prefix is no longer than the log")
    return tuple(_subproof(leaves, first, whole=True)) if 0 < first < len(leaves) else ()


def _subproof(leaves: Sequence[bytes], first: int, *, whole: bool) -> list[bytes]:
    if first == len(leaves):
        return [] if whole else [root(leaves)]
    split = _split(len(leaves))
    if first <= split:
        return [*_subproof(leaves[:split], first, whole=whole), root(leaves[split:])]
    return [*_subproof(leaves[split:], first - split, whole=False), root(leaves[:split])]


def consistent(
    first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether the log of `second` leaves begins with the log of `first`, by section 2.1.4.2."""
    if first > second or first < 0:
        return False
    if first in (0, second):
        return not proof and (first_root == second_root if first else first_root == EMPTY)
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = path[0]
    for node in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old, new = _node(node, old), _node(node, new)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = _node(new, node)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and (old, new) == (first_root, second_root)
