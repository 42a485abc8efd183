"""The project's keys as the box holds them: read, made for itself, or taken from the officer's sealed file.

A newer generation goes before the older ones and never replaces them. Nothing here prints or logs a key.
"""

import contextlib
import json
import secrets
from dataclasses import dataclass
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, model_validator

from edge.domain.errors import InvalidInput
from edge.store.tokens import SUPPRESSION, TokenKeys
from edge.wire.base import HexKey
from edge.wire.project import (
    MAX_SEALED_FILE,
    TOKEN_PURPOSES,
    PurposeKeys,
    SealedFor,
    SealedKeys,
    officer_signing_input,
    sealing_info,
)

_IMPORT = "import project keys"
_FIRST = ("registration", "channel_risk", "recording")
"""The purposes that every generation has; those of before generations had no other."""


class _Held(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class HeldGeneration(_Held):
    """The keys of one generation, by purpose. Number 0 was made by the box for itself."""

    generation: NonNegativeInt
    keys: dict[Literal["registration", "channel_risk", "recording", "id_card"], HexKey] = Field(repr=False)

    @model_validator(mode="after")
    def _complete(self) -> "HeldGeneration":
        if not set(_FIRST) <= set(self.keys):
            raise ValueError("a purpose has no key")
        return self


class ProjectKeys(_Held):
    """The whole of `project-keys.json`: newest generation first. Without an officer: the box's own."""

    v: Literal[2] = 2
    tenant: str | None = None
    project: str | None = None
    officer: HexKey | None = None
    suppression: HexKey = Field(repr=False)
    generations: Annotated[tuple[HeldGeneration, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _newest_first(self) -> "ProjectKeys":
        numbers = [one.generation for one in self.generations]
        if numbers != sorted(set(numbers), reverse=True):
            raise ValueError("generations are not newest first")
        return self

    @staticmethod
    def make() -> "ProjectKeys":
        """Return keys that this box made for itself: generation 0, of no officer."""
        keys = {name: secrets.token_hex(32) for name in TOKEN_PURPOSES}
        own = HeldGeneration.model_validate({"generation": 0, "keys": keys})
        return ProjectKeys(suppression=secrets.token_hex(32), generations=(own,))

    @staticmethod
    def parse(content: bytes) -> "ProjectKeys":
        """Read the file; that of before there were generations counts as generation 0. ValidationError."""
        held: object = None
        with contextlib.suppress(ValueError):
            held = json.loads(content)
        if isinstance(held, dict) and "v" not in held:
            keys = {name: value for name, value in held.items() if name != SUPPRESSION}
            first = {"generation": 0, "keys": keys}
            held = {"v": 2, SUPPRESSION: held.get(SUPPRESSION), "generations": [first]}
        return ProjectKeys.model_validate_json(json.dumps(held))

    def content(self) -> bytes:
        """Return the file's bytes."""
        return self.model_dump_json(indent=1).encode()

    def tokens(self) -> TokenKeys:
        """Return what makes tokens."""
        raw = (
            (one.generation, {str(purpose): bytes.fromhex(key) for purpose, key in one.keys.items()})
            for one in self.generations
        )
        return TokenKeys(tuple(raw), bytes.fromhex(self.suppression))


@dataclass(frozen=True, slots=True)
class Expected:
    """What the box knows of itself, and which officer the installer was told of."""

    tenant: str
    box: str
    enrolment: X25519PrivateKey
    officer: str | None = None
    replace_officer: bool = False


def read_sealed(content: bytes) -> SealedKeys:
    """Parse the officer's file; InvalidInput `not_sealed_keys` on anything else."""
    with contextlib.suppress(ValidationError):
        if len(content) <= MAX_SEALED_FILE:
            return SealedKeys.model_validate_json(content)
    raise InvalidInput(_IMPORT, "not_sealed_keys", "expected the file of `gatehouse-cloud project-keys seal`")


def imported(held: ProjectKeys, sealed: SealedKeys, expected: Expected) -> ProjectKeys:
    """Return what the box holds with the sealed generation in it; `held` itself if it has it already.

    Raises InvalidInput, its code one of another_tenant, another_box, another_enrolment_key,
    unknown_officer, another_officer, bad_signature, does_not_open, another_project, older_generation,
    other_keys. Nothing is trusted before the officer's signature.
    """
    given = sealed.sealed_for
    _check_address(given, expected)
    _check_officer(held, given, expected)
    _check_signature(sealed)
    keys = _open(sealed, expected.enrolment)
    if held.project not in (None, given.project):
        raise InvalidInput(_IMPORT, "another_project", "a box belongs to one project for good")
    newest = held.generations[0]
    if given.generation == newest.generation and held.officer is not None:
        if newest.keys != keys:
            raise InvalidInput(_IMPORT, "other_keys", "this generation is held with other keys")
        return held
    if given.generation <= newest.generation:
        raise InvalidInput(_IMPORT, "older_generation", f"the box holds {newest.generation}")
    new = HeldGeneration.model_validate({"generation": given.generation, "keys": keys})
    return ProjectKeys(
        tenant=given.tenant,
        project=given.project,
        officer=given.officer,
        suppression=held.suppression,
        generations=(new, *held.generations),
    )


def _check_address(given: SealedFor, expected: Expected) -> None:
    if given.tenant != expected.tenant:
        raise InvalidInput(_IMPORT, "another_tenant", f"the file is for {given.tenant}")
    if given.box != expected.box:
        raise InvalidInput(_IMPORT, "another_box", f"the file is for {given.box}")
    if given.enrolment_key != expected.enrolment.public_key().public_bytes_raw().hex():
        raise InvalidInput(_IMPORT, "another_enrolment_key", "seal it to the key that this box prints")


def _check_officer(held: ProjectKeys, given: SealedFor, expected: Expected) -> None:
    """Anybody could seal keys that they know to a box: whose file counts is said by the installer, once."""
    pinned = held.officer if not expected.replace_officer else None
    trusted = pinned or expected.officer
    if trusted is None:
        raise InvalidInput(
            _IMPORT, "unknown_officer", "the first time: --officer with the officer's public key"
        )
    if trusted != given.officer or expected.officer not in (None, given.officer):
        raise InvalidInput(_IMPORT, "another_officer", "--replace-officer, if theirs was lost")


def _check_signature(sealed: SealedKeys) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(sealed.sealed_for.officer))
    signed = officer_signing_input(sealed.sealed_for, sealed.sealed)
    try:
        key.verify(bytes.fromhex(sealed.signature), signed)
    except InvalidSignature:
        raise InvalidInput(
            _IMPORT, "bad_signature", "the officer didn't sign this; ask for a new file"
        ) from None


def _open(sealed: SealedKeys, enrolment: X25519PrivateKey) -> dict[str, str]:
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    try:
        plain = suite.decrypt(bytes.fromhex(sealed.sealed), enrolment, sealing_info(sealed.sealed_for))
        return PurposeKeys.model_validate_json(plain).model_dump()
    except (InvalidTag, ValidationError):
        raise InvalidInput(_IMPORT, "does_not_open", "ask the officer to seal it again") from None
