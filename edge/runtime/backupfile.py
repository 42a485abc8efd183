"""One file of a backup: a signed header, then a sealed stream; never plaintext, never a key in the clear.

Layout: magic and version, a 4-byte length, the header (canonical JSON), the stream of ipc/seal.py. The
header holds the stream's key and what opens its content, sealed (libsodium's sealed box, X25519) to the
escrow's public key, and the box's signature over all of it; the stream's first chunk is the header's hash.
"""

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from edge.domain.errors import InvalidInput
from edge.ipc.seal import MAX_CHUNK, SealedWriter, open_sealed
from edge.wire import Millis, OpaqueId, canonical
from edge.wire.base import Name

MAGIC = b"GHBACK\x00\x01"
_LENGTH = struct.Struct(">I")
_MOST_HEADER = 1 << 16
_CONTEXT = b"gatehouse/v1/backup\n"

Kind = Literal["data", "keys"]
Hex = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$")]


class Header(BaseModel):
    """What a backup is, and of which box; `sealed` opens with the escrow's private key alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Kind
    tenant: Name
    site: Name
    box: Name
    made_ms: Millis
    pair: OpaqueId
    """Which key file and database belong together (keys.py)."""
    sealed: Hex
    signature: Hex = "00"

    def covered(self) -> bytes:
        """Return what the signature covers."""
        return _CONTEXT + canonical(self.model_dump(mode="json", exclude={"signature"}))


class Secrets(BaseModel):
    """What the escrow's key gives: the stream's key, the key of the database in it, its KEKs."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    stream: Hex
    database: Hex
    keks: tuple[Hex, ...] = ()


def seal_secrets(escrow: bytes, secrets: Secrets) -> str:
    """Return `secrets` for the holder of the escrow's private key, in hex."""
    return bytes(SealedBox(PublicKey(escrow)).encrypt(secrets.model_dump_json().encode())).hex()


def open_secrets(header: Header, private: bytes) -> Secrets:
    """Return what is sealed in `header`; InvalidInput if it is for another escrow key."""
    try:
        plain = SealedBox(PrivateKey(private)).decrypt(bytes.fromhex(header.sealed))
        return Secrets.model_validate_json(plain)
    except (CryptoError, ValidationError):
        raise InvalidInput("open a backup", "another_escrow_key", "it was made for another key") from None


def write(path: Path, header: Header, source: Path, stream_key: bytes, sign: Callable[[bytes], bytes]) -> int:
    """Seal the bytes of `source` into `path`, durably and all at once; return its size."""
    signed = header.model_copy(update={"signature": sign(header.covered()).hex()})
    head = canonical(signed.model_dump(mode="json"))
    draft = path.with_name(path.name + ".part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.write(descriptor, MAGIC + _LENGTH.pack(len(head)) + head)
    with SealedWriter(descriptor, stream_key) as writer, source.open("rb") as file:
        writer.write(hashlib.sha256(head).digest())
        while chunk := file.read(MAX_CHUNK):
            writer.write(chunk)
    draft.replace(path)
    return path.stat().st_size


def read_header(path: Path) -> Header:
    """Return the header of `path`, not yet believed; InvalidInput if it isn't a backup."""
    with path.open("rb") as file:
        return _header(file.read(len(MAGIC) + _LENGTH.size + _MOST_HEADER))[0]


def verify(header: Header, public_key: bytes) -> None:
    """Raise InvalidInput unless the box with this Ed25519 key (32 bytes) made the backup."""
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(header.signature), header.covered())
    except InvalidSignature:
        hint = "give the public key of the box that made it, as headquarters knows it: --box-key"
        raise InvalidInput("open a backup", "not_signed_by_this_box", hint) from None


def extract(path: Path, secrets: Secrets, target: Path) -> None:
    """Write what is sealed in `path` to `target` (0600); InvalidInput unless it is whole and unchanged."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        head = _header(os.pread(descriptor, len(MAGIC) + _LENGTH.size + _MOST_HEADER, 0))[1]
        os.lseek(descriptor, len(MAGIC) + _LENGTH.size + len(head), os.SEEK_SET)
        reader = open_sealed(descriptor, bytes.fromhex(secrets.stream))
        if next(reader, b"") != hashlib.sha256(head).digest():
            raise InvalidInput("open a backup", "header_changed")
        _pour(reader, target)
        if not reader.complete:
            raise InvalidInput("open a backup", "backup_cut_short", "take another one")
    finally:
        os.close(descriptor)


def _pour(chunks: Iterator[bytes], target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _header(start: bytes) -> tuple[Header, bytes]:
    at = len(MAGIC) + _LENGTH.size
    if not start.startswith(MAGIC) or len(start) < at:
        raise InvalidInput("open a backup", "not_a_backup", "another file, or a newer version")
    (length,) = _LENGTH.unpack(start[len(MAGIC) : at])
    head = start[at : at + length]
    try:
        if length > _MOST_HEADER or len(head) < length:
            raise ValueError
        return Header.model_validate(json.loads(head)), head
    except ValueError:
        raise InvalidInput("open a backup", "header_unreadable", "another file, or damaged") from None
