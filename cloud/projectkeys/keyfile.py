"""The officer's key file: the newest generation of a project's keys, and the key that signs them.

Mode 0600, encrypted if the officer gave a passphrase (scrypt, ChaCha20-Poly1305). Never on a machine of
headquarters' service: whoever has it turns every token of the project back into its number.
"""

import os
import secrets
import stat
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import ConfigDict, Field, PositiveInt, StringConstraints, ValidationError

from cloud.errors import ConfigError
from edge.wire.base import Frozen, HexKey, Name
from edge.wire.project import TOKEN_PURPOSES, PurposeKeys

_READ = "read the project's key file"
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 16, 8, 1
"""64 MiB and about a fifth of a second for each guess."""
_BOUND = b"gatehouse/v1/project-key-file"


class KeyFile(Frozen):
    """One project, and its newest generation of keys; the officer's own signing key (an Ed25519 seed)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["gatehouse-project-keys"] = "gatehouse-project-keys"
    tenant: Name
    project: Name
    generation: PositiveInt
    keys: PurposeKeys = Field(repr=False)
    signing: HexKey = Field(repr=False)

    @property
    def signer(self) -> Ed25519PrivateKey:
        """The officer's signing key."""
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self.signing))

    @property
    def officer(self) -> str:
        """The officer's public key, as boxes pin it: 64 hex digits."""
        return self.signer.public_key().public_bytes_raw().hex()

    @staticmethod
    def new(tenant: str, project: str, generation: int) -> "KeyFile":
        """Make a project's first keys, and an officer's signing key."""
        return KeyFile(
            tenant=tenant,
            project=project,
            generation=generation,
            keys=_new_keys(),
            signing=secrets.token_hex(32),
        )

    def rotated(self) -> "KeyFile":
        """Return the next generation: new keys, the same officer; the old keys aren't in it."""
        return self.model_copy(update={"generation": self.generation + 1, "keys": _new_keys()})


class _Encrypted(Frozen):
    kind: Literal["gatehouse-project-keys-encrypted"] = "gatehouse-project-keys-encrypted"
    salt: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
    sealed: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]+$")]


def is_encrypted(path: Path) -> bool:
    """Tell whether the file asks for a passphrase. Raises ConfigError as `load` does."""
    try:
        _Encrypted.model_validate_json(_content(path))
    except ValidationError:
        return False
    return True


def load(path: Path, passphrase: str | None) -> KeyFile:
    """Read the file; ConfigError if it is missing, others may read it, or the passphrase is wrong."""
    content = _content(path)
    try:
        if passphrase is not None:
            content = _decrypted(_Encrypted.model_validate_json(content), passphrase)
        return KeyFile.model_validate_json(content)
    except ValidationError:
        raise ConfigError(_READ, "it is none", f"expected what `project-keys new` wrote: {path}") from None


def save(path: Path, file: KeyFile, passphrase: str | None, *, replace: bool) -> None:
    """Write the file durably and all at once, mode 0600; without `replace` never over another."""
    content = file.model_dump_json(indent=1).encode()
    if passphrase is not None:
        content = _encrypted(content, passphrase)
    write_private(path, content, replace=replace)


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write `path` durably and all at once, mode 0600; ConfigError if it is there and not to be replaced."""
    operation, draft = f"write {path}", path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as open_file:
                open_file.write(content)
                open_file.flush()
                os.fsync(open_file.fileno())
            if replace:
                draft.rename(path)
            else:
                path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError:
        raise ConfigError(operation, "it exists", "choose another name; nothing is overwritten") from None
    except OSError as error:
        raise ConfigError(operation, str(error.strerror)) from None
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise ConfigError(_READ, f"others may read it (mode {mode:04o})", f"chmod 600 {path}")
            return file.read(1 << 16)
    except OSError as error:
        raise ConfigError(_READ, f"{path}: {error.strerror}") from None


def _new_keys() -> PurposeKeys:
    return PurposeKeys.model_validate({purpose: secrets.token_hex(32) for purpose in TOKEN_PURPOSES})


def _cipher(passphrase: str, salt: bytes) -> ChaCha20Poly1305:
    kdf = Scrypt(salt=salt, length=32, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P)
    return ChaCha20Poly1305(kdf.derive(passphrase.encode()))


def _encrypted(content: bytes, passphrase: str) -> bytes:
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = _cipher(passphrase, salt).encrypt(nonce, content, _BOUND)
    return _Encrypted(salt=salt.hex(), nonce=nonce.hex(), sealed=sealed.hex()).model_dump_json().encode()


def _decrypted(held: _Encrypted, passphrase: str) -> bytes:
    try:
        cipher = _cipher(passphrase, bytes.fromhex(held.salt))
        return cipher.decrypt(bytes.fromhex(held.nonce), bytes.fromhex(held.sealed), _BOUND)
    except (InvalidTag, ValueError):
        raise ConfigError(_READ, "the passphrase is wrong, or the file is damaged") from None
