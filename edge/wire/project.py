"""A project's token keys on their way from its officer to one box: sealed and signed; never opens any.

Whoever carries this (a file, a mail, headquarters) sees who it is for and a generation, no key. The seal
is HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, to the box's
enrolment key, with `sealing_info` as its info. Anybody could seal to that key, so the officer signs.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PositiveInt, StringConstraints

from edge.wire.base import Frozen, HexKey, Name
from edge.wire.spelling import canonical

TOKEN_PURPOSES = ("registration", "channel_risk", "recording", "id_card")
"""What a token may be for; each has a key of its own, so that two purposes' tokens can't be compared."""
MAX_SEALED_FILE = 1 << 14
"""Bytes of such a file; a larger one isn't read."""


class PurposeKeys(Frozen):
    """One generation of a project's keys: what is inside the seal."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    registration: HexKey = Field(repr=False)
    channel_risk: HexKey = Field(repr=False)
    recording: HexKey = Field(repr=False)
    id_card: HexKey = Field(repr=False)


class SealedFor(Frozen):
    """For which box, of which project, and from whom; readable by all, bound to the seal."""

    v: Literal[1] = 1
    tenant: Name
    project: Name
    box: Name
    enrolment_key: HexKey
    """The box's public X25519 key."""
    generation: PositiveInt
    officer: HexKey
    """The officer's public Ed25519 key."""


class SealedKeys(Frozen):
    """The file that the officer hands out, one for each box and generation."""

    kind: Literal["gatehouse-sealed-project-keys"] = "gatehouse-sealed-project-keys"
    sealed_for: SealedFor
    sealed: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}){48,4096}$")]
    """HPKE's encapsulated key and ciphertext, in hex; inside is `PurposeKeys` as JSON."""
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
    """Ed25519 over `officer_signing_input`, in hex."""


def sealing_info(sealed_for: SealedFor) -> bytes:
    """Return the `info` of the seal: one made for another box, project or generation doesn't open."""
    return b"gatehouse/v1/project-keys\n" + canonical(sealed_for.model_dump(mode="json"))


def officer_signing_input(sealed_for: SealedFor, sealed: str) -> bytes:
    """Return the bytes that the officer's signature covers."""
    body = {"sealed_for": sealed_for.model_dump(mode="json"), "sealed": sealed}
    return b"gatehouse/v1/project-keys-signature\n" + canonical(body)
