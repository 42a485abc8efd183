"""What every part of the store works on, and the check of a permit before a read; decides nothing itself."""

from dataclasses import dataclass
from pathlib import Path

from edge.domain.errors import Refused
from edge.domain.facts import PersonId
from edge.ports import ConsentVersion, Permit
from edge.store.database import Database
from edge.store.identity import BoxIdentity
from edge.store.keys import KeyFile
from edge.store.tokens import TokenKeys
from edge.wire import Basis, Purpose


@dataclass(frozen=True, slots=True)
class Tables:
    """The open database, its key file, the spool directory, and what this run is called."""

    database: Database
    keys: KeyFile
    tokens: TokenKeys
    spool: Path
    identity: BoxIdentity
    epoch: str
    """Random for each start; in use from the first batch that it numbers."""

    def current(self, relied: ConsentVersion) -> bool:
        """Return whether a consent still is the version that something relies on, to words in force."""
        outdated = "SELECT 1 FROM outdated WHERE person = ? AND scope = ? AND version = ?"
        return self.database.one(
            outdated, (relied.person, relied.scope, relied.version)
        ) is None and relied.version == self.database.count(
            "SELECT coalesce(max(version), 0) FROM consents WHERE person = ? AND scope = ?",
            (relied.person, relied.scope),
        )


class Part:
    """One part of the store over the same tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._database = tables.database
        self._keys = tables.keys

    def _allow(self, permit: Permit, *purposes: Purpose) -> None:
        """Raise Refused unless `permit` is for one of `purposes` (or a person's rights) and still holds."""
        if permit.purpose is not Purpose.RIGHTS and permit.purpose not in purposes:
            raise Refused("read the store", "not_for_this_purpose")
        if permit.relies_on is not None and not self._tables.current(permit.relies_on):
            raise Refused("read the store", "consent_changed", "ask the gate again")

    def _subject(self, permit: Permit, *purposes: Purpose) -> PersonId:
        """Return whom `permit` is about; Refused if it names nobody."""
        self._allow(permit, *purposes)
        if permit.person is None:
            raise Refused("read the store", "names_nobody")
        return permit.person


def basis_text(basis: Basis) -> str:
    """Return the spelling in basis columns: `duty`, `consent:registration`."""
    return str(basis)


def basis_value(text: str) -> dict[str, str | None]:
    """Return what a basis column holds, in the form of the wire."""
    kind, _, scope = text.partition(":")
    return {"kind": kind, "scope": scope or None}
