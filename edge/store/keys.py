"""The key file: one random key per person and scope, apart from the data; never gives out its own key.

A key is durable before the first row that needs it and destroyed before its rows are deleted, so
that what was erased can't be read from any copy of the database.
"""

import secrets
from collections.abc import Iterable
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.secret import Aead

from edge.domain.errors import StoreError
from edge.store.database import Database
from edge.store.migrate import KEYS, migrate
from edge.wire import canonical

INQUIRY = "inquiry"
"""The scope of a call's own key; its subject is the call."""

KeyName = tuple[str, str]
"""(subject, scope): a person and a scope, or a call and INQUIRY."""


class KeyFile:
    """An open key file. Every change is durable when the method returns."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._database = Database(path, key, "TRUNCATE")
        migrate(self._database, KEYS)

    def key(self, subject: str, scope: str) -> bytes | None:
        """Return the key, or None if it was never made or is destroyed."""
        row = self._database.one("SELECT key FROM keys WHERE subject = ? AND scope = ?", (subject, scope))
        return row.blob("key") if row else None

    def create(self, *names: KeyName) -> tuple[KeyName, ...]:
        """Make the keys that are missing, all durable at return; return which were made."""
        missing = tuple(dict.fromkeys(n for n in names if self.key(*n) is None))
        if missing:
            rows = [(*name, secrets.token_bytes(Aead.KEY_SIZE)) for name in missing]
            with self._database.transaction():
                self._database.run_many("INSERT INTO keys (subject, scope, key) VALUES (?, ?, ?)", rows)
        return missing

    def destroy(self, names: Iterable[KeyName]) -> int:
        """Destroy single keys and return how many there were."""
        with self._database.transaction():
            return sum(
                self._database.run("DELETE FROM keys WHERE subject = ? AND scope = ?", name) for name in names
            )

    def destroy_all(self, subjects: Iterable[str]) -> int:
        """Destroy every key of these subjects, for good, and return how many there were."""
        with self._database.transaction():
            return sum(self._destroy_subject(subject) for subject in subjects)

    def _destroy_subject(self, subject: str) -> int:
        self._database.insert("destroyed", "ON CONFLICT DO NOTHING", subject=subject)
        return self._database.run("DELETE FROM keys WHERE subject = ?", (subject,))

    def destroyed(self) -> set[str]:
        """Return every subject that `destroy_all` ended."""
        return {row.text("subject") for row in self._database.query("SELECT subject FROM destroyed")}

    def held(self, subject: str) -> int:
        """Return how many keys a subject has."""
        return self._database.count("SELECT count(*) FROM keys WHERE subject = ?", (subject,))

    def names(self) -> set[KeyName]:
        """Return the name of every key."""
        rows = self._database.query("SELECT subject, scope FROM keys")
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

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _bound(name: KeyName, table: str, row: str) -> bytes:
    return canonical([*name, table, row])
