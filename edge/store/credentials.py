"""The box's secrets, one file each; never logs, prints or overwrites one.

Files: `store.key` and `keys.key` (32 random bytes each: the database and the key file), `kek.key` (32
random bytes that wrap each key of the key file; 64 while it is exchanged: the new one, then the old),
`signing.key` (Ed25519 seed, 32 bytes), `enrolment.key` (X25519, 32 bytes: opens the project's keys, and the
rows of books that are sealed to this box), `project-keys.json` (the project's token keys by generation).
"""

import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import ValidationError

from edge.domain.errors import ConfigError
from edge.store.projectkeys import Expected, ProjectKeys, imported, read_sealed
from edge.store.tokens import TokenKeys
from edge.wire import key_id

KEY_BYTES = 32
SYSTEMD = "CREDENTIALS_DIRECTORY"
_KEK = "kek.key"
_RAW = ("store.key", "keys.key", _KEK, "signing.key")
_ENROLMENT = "enrolment.key"
_PROJECT = "project-keys.json"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Every secret of the core, in memory. `sign` is raw Ed25519."""

    store_key: bytes = field(repr=False)
    keys_key: bytes = field(repr=False)
    keks: tuple[bytes, ...] = field(repr=False)
    """The key-encryption key in force and, while it is exchanged, the one before."""
    signing_key: Ed25519PrivateKey = field(repr=False)
    tokens: TokenKeys = field(repr=False)
    enrolment_key: X25519PrivateKey = field(repr=False)
    project: str | None = None
    """Of which project the keys are; None: the box made them for itself."""

    @property
    def public_key(self) -> bytes:
        """The raw Ed25519 public key, 32 bytes."""
        return self.signing_key.public_key().public_bytes_raw()

    @property
    def public_key_hex(self) -> str:
        """The public key as it is enrolled at headquarters."""
        return self.public_key.hex()

    @property
    def key_id(self) -> str:
        """The name of the signing key on the wire."""
        return key_id(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of Ed25519 over `message`."""
        return self.signing_key.sign(message)

    @staticmethod
    def load(directory: Path, environ: Mapping[str, str] = os.environ) -> "Credentials":
        """Read the secrets from systemd's credentials if it handed some out, else from `directory`.

        Raises ConfigError if one is missing, malformed, or readable by others.
        """
        given = environ.get(SYSTEMD)
        place, forbidden = (Path(given), 0o007) if given else (directory, 0o077)
        raw = {name: _key(place / name, forbidden) for name in (*_RAW, _ENROLMENT)}
        project = _project_keys(place / _PROJECT, forbidden)
        return Credentials(
            store_key=raw["store.key"],
            keys_key=raw["keys.key"],
            keks=_halves(raw[_KEK]),
            signing_key=Ed25519PrivateKey.from_private_bytes(raw["signing.key"]),
            enrolment_key=X25519PrivateKey.from_private_bytes(raw[_ENROLMENT]),
            tokens=project.tokens(),
            project=project.project,
        )

    @staticmethod
    def create(directory: Path) -> "Credentials":
        """Make what is missing in `directory`, never touch what is there, and return them all."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (*_RAW, _ENROLMENT):
            _write_new(directory / name, secrets.token_bytes(KEY_BYTES))
        _write_new(directory / _PROJECT, ProjectKeys.make().content())
        return Credentials.load(directory, {})


def exchange_kek(directory: Path) -> None:
    """Put a new KEK before the one in force, durably; `settle_kek` ends it once all is wrapped anew.

    An exchange that a crash cut goes on with the KEK that it had begun with.
    """
    held = _key(directory / _KEK, 0o077)
    if len(held) == KEY_BYTES:
        _replace(directory / _KEK, secrets.token_bytes(KEY_BYTES) + held)


def settle_kek(directory: Path) -> None:
    """Forget the KEK before the one in force: only after nothing is wrapped under it any more."""
    _replace(directory / _KEK, _key(directory / _KEK, 0o077)[:KEY_BYTES])


def _halves(raw: bytes) -> tuple[bytes, ...]:
    return tuple(raw[at : at + KEY_BYTES] for at in range(0, len(raw), KEY_BYTES))


def _read(path: Path, forbidden: int) -> bytes:
    """Read a secret; systemd's files carry an ACL whose mask shows as group rights, ours may not."""
    operation = f"read the credential {path.name}"
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & forbidden:
                raise ConfigError(operation, f"others may read it (mode {mode:04o})", f"chmod 600 {path}")
            return file.read(1 << 16)
    except FileNotFoundError:
        raise ConfigError(
            operation, f"{path} is missing", "`gatehouse credentials` makes what is missing"
        ) from None
    except OSError as error:
        raise ConfigError(operation, f"{error.strerror}", f"make {path} readable to this user") from None


def _key(path: Path, forbidden: int) -> bytes:
    raw = _read(path, forbidden)
    if len(raw) != KEY_BYTES and not (path.name == _KEK and len(raw) == 2 * KEY_BYTES):
        raise ConfigError(f"read the credential {path.name}", f"{len(raw)} bytes, expected {KEY_BYTES} raw")
    return raw


def enrolment_key(directory: Path) -> X25519PrivateKey:
    """Return the key to which the project's keys are sealed. Raises ConfigError as `load` does."""
    return X25519PrivateKey.from_private_bytes(_key(directory / _ENROLMENT, 0o077))


def import_keys(
    directory: Path, content: bytes, tenant: str, box: str, officer: str | None, *, replace_officer: bool
) -> ProjectKeys:
    """Take the officer's sealed file into `directory`, all at once, and return what is held now.

    Raises InvalidInput with what is wrong (see projectkeys.imported); then nothing was changed.
    """
    path = directory / _PROJECT
    held = _project_keys(path, 0o077)
    expected = Expected(tenant, box, enrolment_key(directory), officer, replace_officer)
    new = imported(held, read_sealed(content), expected)
    if new is not held:
        _replace(path, new.content())
    return new


def _project_keys(path: Path, forbidden: int) -> ProjectKeys:
    try:
        return ProjectKeys.parse(_read(path, forbidden))
    except ValidationError as error:
        where = ", ".join(".".join(map(str, e["loc"])) or "the file" for e in error.errors())
        operation = f"read the credential {path.name}"
        raise ConfigError(operation, f"wrong: {where}", "each key is 64 hex digits") from None


def _write_new(path: Path, content: bytes) -> None:
    """Write `path` durably and all at once, unless it exists: link(2) refuses to replace."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_draft(draft, content)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
    fsync_directory(path.parent)


def _replace(path: Path, content: bytes) -> None:
    """Put `content` in the place of `path`, durably and all at once, for the account that had it."""
    draft, before = path.with_name(f".{path.name}.{secrets.token_hex(8)}"), path.stat()
    try:
        _write_draft(draft, content)
        os.chown(draft, before.st_uid, before.st_gid)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    fsync_directory(path.parent)


def _write_draft(draft: Path, content: bytes) -> None:
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def fsync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
