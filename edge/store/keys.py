"""The key file: one random key per person and scope, apart from the data; never holds one unwrapped.

A key is durable before the first row that needs it and destroyed before its rows are deleted, so
that what was erased can't be read from any copy of the database. Each lies wrapped under a
key-encryption key (KEK) of the credentials: the file and its own key open nothing without that.
"""

import hashlib
import logging
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.secret import Aead

from edge.domain.errors import StoreError
from edge.store.database import Database
from edge.store.migrate import KEYS, migrate
from edge.wire import canonical

log = logging.getLogger(__name__)

INQUIRY = "inquiry"
"""The scope of a call's own key; its subject is the call."""

EMPLOYMENT = "employment"
"""The scope of a receptionist's own key."""

_WRAPPED = ("wrapped_keys", "wrapped")

GUARDIAN = "guardian"
"""The scope of the key of one guardian's proof; its subject is the proof."""

KeyName = tuple[str, str]
"""(subject, scope): a person and a scope; a call, a receptionist or a guardian's proof and its own scope."""


class KeyFile:
    """An open key file. Every change is durable when the method returns."""

    def __init__(self, path: Path, key: bytes, keks: Sequence[bytes]) -> None:
        """Open or make `path`. `keks`: the KEK in force, then the one before while it is exchanged.

        What is wrapped under the one before is wrapped anew. StoreError if a key is under neither.
        """
        self._keks = {kek_name(kek): Aead(kek) for kek in keks}
        self._kek = kek_name(keks[0])
        self._database = Database(path, key, "TRUNCATE")
        try:
            upgrade(self._database, keks[0])
            self._wrap_anew()
        except BaseException:
            self._database.close()
            raise

    def _wrap_anew(self) -> None:
        """Wrap what is under another KEK under the one in force, all or nothing."""
        rows = self._database.query(
            "SELECT subject, scope, kek, wrapped FROM wrapped_keys WHERE kek <> ?", (self._kek,)
        )
        if not rows:
            return
        anew = []
        for row in rows:
            name = (row.text("subject"), row.text("scope"))
            plain = self._unwrap(name, row.text("kek"), row.blob("wrapped"))
            anew.append((self._kek, wrap(self._keks[self._kek], *name, plain), *name))
        with self._database.transaction():
            self._database.run_many(
                "UPDATE wrapped_keys SET kek = ?, wrapped = ? WHERE subject = ? AND scope = ?", anew
            )
        log.info("keys wrapped anew count=%d kek=%s", len(anew), self._kek)

    def _unwrap(self, name: KeyName, kek: str, wrapped: bytes) -> bytes:
        if kek not in self._keks:
            hint = "kek.key has to hold the one in force, followed by the one before while it is exchanged"
            raise StoreError("unwrap a key", f"it is under the KEK {kek}, which isn't there", hint)
        try:
            return self._keks[kek].decrypt(wrapped, _bound(name, *_WRAPPED))
        except CryptoError:
            raise StoreError("unwrap a key", "it fails its authentication") from None

    def key(self, subject: str, scope: str) -> bytes | None:
        """Return the key, or None if it was never made or is destroyed."""
        row = self._database.one(
            "SELECT kek, wrapped FROM wrapped_keys WHERE subject = ? AND scope = ?", (subject, scope)
        )
        return self._unwrap((subject, scope), row.text("kek"), row.blob("wrapped")) if row else None

    def create(self, *names: KeyName) -> tuple[KeyName, ...]:
        """Make the keys that are missing, all durable at return; return which were made."""
        missing = tuple(dict.fromkeys(n for n in names if self.key(*n) is None))
        if missing:
            kek = self._keks[self._kek]
            rows = [(*n, self._kek, wrap(kek, *n, secrets.token_bytes(Aead.KEY_SIZE))) for n in missing]
            with self._database.transaction():
                self._database.run_many(
                    "INSERT INTO wrapped_keys (subject, scope, kek, wrapped) VALUES (?, ?, ?, ?)", rows
                )
        return missing

    def destroy(self, names: Iterable[KeyName]) -> int:
        """Destroy single keys and return how many there were."""
        with self._database.transaction():
            return sum(
                self._database.run("DELETE FROM wrapped_keys WHERE subject = ? AND scope = ?", name)
                for name in names
            )

    def destroy_all(self, subjects: Iterable[str]) -> int:
        """Destroy every key of these subjects, for good, and return how many there were."""
        with self._database.transaction():
            return sum(self._destroy_subject(subject) for subject in subjects)

    def _destroy_subject(self, subject: str) -> int:
        self._database.insert("destroyed", "ON CONFLICT DO NOTHING", subject=subject)
        return self._database.run("DELETE FROM wrapped_keys WHERE subject = ?", (subject,))

    def destroyed(self) -> set[str]:
        """Return every subject that `destroy_all` ended."""
        return {row.text("subject") for row in self._database.query("SELECT subject FROM destroyed")}

    def held(self, subject: str) -> int:
        """Return how many keys a subject has."""
        return self._database.count("SELECT count(*) FROM wrapped_keys WHERE subject = ?", (subject,))

    def names(self) -> set[KeyName]:
        """Return the name of every key."""
        rows = self._database.query("SELECT subject, scope FROM wrapped_keys")
        return {(row.text("subject"), row.text("scope")) for row in rows}

    def seal(self, name: KeyName, table: str, row: str, plain: bytes) -> bytes:
        """Seal `plain` (XChaCha20-Poly1305), bound to its key's name, its table and its row."""
        return bytes(self._box(name).encrypt(plain, _bound(name, table, row)))

    def open(self, name: KeyName, table: str, row: str, sealed: bytes) -> bytes:
        """Return what was sealed; StoreError if the key is gone or the bytes were changed or moved."""
        try:
            return self._box(name).decrypt(sealed, _bound(name, table, row))
        except CryptoError:
            raise StoreError(f"open a row of {table}", "it fails its authentication") from None

    def _box(self, name: KeyName) -> Aead:
        key = self.key(*name)
        if key is None:
            raise StoreError("use a key", "the key is destroyed or was never made")
        return Aead(key)

    def pair(self) -> str | None:
        """Return the name that this file shares with its database."""
        row = self._database.one("SELECT value FROM meta WHERE name = 'pair'")
        return row.text("value") if row else None

    def set_pair(self, pair: str) -> None:
        """Bind a new key file to its database."""
        self._database.run("INSERT INTO meta (name, value) VALUES ('pair', ?)", (pair,))

    def copy_to(self, path: Path, key: bytes) -> None:
        """Write a copy as it is now to `path`, under another file key; what is wrapped stays wrapped."""
        self._database.copy_to(path, key)

    def reclaim(self, pages: int) -> int:
        """Give at most `pages` free pages back to the disk; return how many there were."""
        return self._database.reclaim(pages)

    def rewrite(self) -> None:
        """Write the file anew: no page holds what was destroyed."""
        self._database.rewrite()

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def upgrade(database: Database, kek: bytes, upto: int | None = None) -> int:
    """Bring a key file to the newest schema, wrapping raw keys of the first one under `kek`."""
    box = Aead(kek)
    database.function("current_kek", 0, lambda: kek_name(kek))
    database.function("wrapped_key", 3, lambda subject, scope, key: wrap(box, subject, scope, key))
    return migrate(database, KEYS, upto)


def kek_name(kek: bytes) -> str:
    """Return the name of a KEK (32 bytes): 16 hex digits that tell nothing of it."""
    return hashlib.sha256(b"gatehouse/v1/kek\n" + kek).hexdigest()[:16]


def wrap(kek: Aead, subject: str, scope: str, key: bytes) -> bytes:
    """Return `key` under `kek` (XChaCha20-Poly1305, 72 bytes), bound to its name."""
    return bytes(kek.encrypt(key, _bound((subject, scope), *_WRAPPED)))


def _bound(name: KeyName, table: str, row: str) -> bytes:
    return canonical([*name, table, row])
