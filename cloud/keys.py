"""Headquarters' signing key and the check of the boxes' signatures; never keeps a box's private key."""

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel

from cloud.errors import ConfigError
from edge.wire import Signed, key_id, signing_input
from edge.wire.batch import Context

SEED_BYTES = 32


class SigningKey:
    """An Ed25519 key from a file of 32 raw bytes that only its owner may read."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = key_id(self.public)

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """Read the key; raise ConfigError if it is missing, open to others, or not 32 bytes."""
        return cls(read_secret(path, exactly=SEED_BYTES))

    def sign(self, context: Context, message: BaseModel) -> Signed:
        """Return `message` with this key's signature for `context`."""
        body = message.model_dump(mode="json")
        signature = self._key.sign(signing_input(context, body)).hex()
        return Signed(body=body, key_id=self.key_id, signature=signature)

    def vouch(self, message: bytes) -> str:
        """Return this key's Ed25519 over `message`, in hex; the caller says in it what it is for."""
        return self._key.sign(message).hex()


def is_public_key(text: str) -> bool:
    """Tell whether `text` is a raw Ed25519 public key in hex."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except ValueError:
        return False
    return len(text) == 2 * SEED_BYTES


def verified(public_key: bytes, context: Context, signed: Signed) -> bool:
    """Tell whether `signed` was made for `context` by the holder of `public_key` (32 bytes, raw).

    Raises ValueError when the body has no canonical form.
    """
    message = signing_input(context, signed.body)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(bytes.fromhex(signed.signature), message)
    except InvalidSignature:
        return False
    return signed.key_id == key_id(public_key)


def create_secret(path: Path) -> None:
    """Write 32 random bytes to a new file for its owner alone; raise FileExistsError if it exists."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(SEED_BYTES))
        file.flush()
        os.fsync(file.fileno())


def read_secret(path: Path, *, exactly: int = SEED_BYTES) -> bytes:
    """Return the bytes of a secret file; raise ConfigError if others may read it or its length is wrong."""
    where = f"read the secret {path}"
    try:
        mode = path.stat().st_mode
        secret = path.read_bytes()
    except OSError as failed:
        raise ConfigError(
            where, failed.strerror or "unreadable", "gatehouse-cloud init DIR makes one"
        ) from failed
    if mode & 0o077:
        raise ConfigError(where, "others may read it", f"chmod 600 {path}")
    if len(secret) != exactly:
        raise ConfigError(where, f"expected {exactly} bytes, found {len(secret)}")
    return secret
