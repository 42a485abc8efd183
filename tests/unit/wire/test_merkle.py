"""RFC 9162's tree: the published vectors, and the rules over any log (hypothesis)."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.wire import merkle

ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
"""The test log that Certificate Transparency's implementations share, with its roots by size."""
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]
EXTRA = b"\x55" * 32
logs = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


@pytest.mark.parametrize("size", range(9))
def test_the_published_roots(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("first", "second"), CONSISTENCY)
def test_the_published_proofs_of_consistency(first: int, second: int) -> None:
    proof = merkle.consistency_proof(LEAVES[:second], first)
    assert [node.hex() for node in proof] == CONSISTENCY[first, second]


@given(logs, st.data())
def test_every_prefix_is_proven(leaves: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(leaves)))
    proof = merkle.consistency_proof(leaves, first)
    assert len(proof) <= 2 * len(leaves).bit_length()
    assert merkle.consistent(first, merkle.root(leaves[:first]), len(leaves), merkle.root(leaves), proof)


@given(logs.filter(len), st.data())
def test_no_other_log_is_proven(leaves: list[bytes], data: st.DataObject) -> None:
    """Whatever entry before the anchor is changed: no proof that the forger can compute is believed."""
    first = data.draw(st.integers(1, len(leaves)))
    at = data.draw(st.integers(0, first - 1))
    forged = [*leaves[:at], hashlib.sha256(leaves[at]).digest(), *leaves[at + 1 :]]
    proofs = [merkle.consistency_proof(forged, first), merkle.consistency_proof(leaves, first), ()]
    for proof in proofs:
        assert not merkle.consistent(
            first, merkle.root(leaves[:first]), len(forged), merkle.root(forged), proof
        )


@given(logs.filter(lambda log: len(log) > 1), st.data())
def test_a_changed_proof_is_not_believed(leaves: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(1, len(leaves) - 1))
    proof = list(merkle.consistency_proof(leaves, first))
    roots = merkle.root(leaves[:first]), merkle.root(leaves)
    spoiled = data.draw(
        st.sampled_from([proof[:-1], [*proof, EXTRA], [EXTRA, *proof[1:]], [*proof[::-1], EXTRA]])
    )
    assert not merkle.consistent(first, roots[0], len(leaves), roots[1], spoiled)
    assert not merkle.consistent(len(leaves), roots[1], first, roots[0], proof)


def test_there_is_no_prefix_longer_than_the_log() -> None:
    for first in (-1, 3):
        with pytest.raises(ValueError, match="longer"):
            merkle.consistency_proof(LEAVES[:2], first)
