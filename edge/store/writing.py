"""Keeps cleared facts: business rows and outbox rows in one transaction; takes nothing uncleared."""

from dataclasses import dataclass
from functools import singledispatch

from edge.domain.errors import InvalidInput, Refused, StoreError
from edge.domain.facts import (
    CommandDone,
    ConsentChanged,
    ConsentGiven,
    Fact,
    PackageMade,
    PersonRetokened,
)
from edge.ports import Cleared
from edge.store.keys import KeyName
from edge.store.tables import Part, Tables, basis_text
from edge.wire import BasisKind, Record, VerdictIssued, canonical

MAX_RECORD = 1 << 17
"""Bytes of one record; a batch has room for several."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Basis and purpose as they stand in each row."""

    basis: str
    purpose: str


@singledispatch
def write(fact: Fact, ground: Ground, to: Tables) -> None:
    """Write the rows of one fact; one registered function per kind (facts_*.py)."""
    raise StoreError("keep a fact", f"no table for {type(fact).__name__}")


@singledispatch
def keys_of(_fact: Fact) -> tuple[KeyName, ...]:
    """Return the keys that the rows of a fact are sealed with."""
    return ()


class Writing(Part):
    """The only way in."""

    def apply(self, *changes: Cleared[Fact]) -> None:
        """Keep all of `changes` and queue their records, or nothing of it.

        Raises Refused if a consent that one relies on has changed since the gate looked, InvalidInput
        if a fact contradicts what is held. Durable at return, unless inside `transaction()`.
        """
        with self._database.transaction():
            self._make_keys(changes)
            for change in changes:
                self._keep(change)

    def _make_keys(self, changes: tuple[Cleared[Fact], ...]) -> None:
        """Durable before the first row that needs them; destroyed again if the rows never come."""
        made = self._keys.create(*(name for change in changes for name in keys_of(change.fact)))
        if made:
            self._database.on_rollback.append(lambda: self._keys.destroy(made))

    def _keep(self, change: Cleared[Fact]) -> None:
        self._check(change)
        ground = Ground(basis_text(change.basis), str(change.purpose))
        write(change.fact, ground, self._tables)
        for record in change.fact.records:
            self._queue(change, ground, record)

    def _check(self, change: Cleared[Fact]) -> None:
        """Look again, inside the transaction: what the gate saw must still be so."""
        relied = change.relies_on
        if relied is None:
            if change.basis.kind is BasisKind.CONSENT:
                raise Refused("keep a fact", "no_consent_named")
            return
        if relied.scope is not change.basis.scope:
            raise Refused("keep a fact", "another_scope")
        if not self._tables.current(relied):
            raise Refused("keep a fact", "consent_changed", "ask the gate again")

    def _queue(self, change: Cleared[Fact], ground: Ground, record: Record) -> None:
        fact, text = change.fact, canonical(record.model_dump(mode="json")).decode()
        if len(text.encode()) > MAX_RECORD:
            raise InvalidInput("queue a record", "record_too_large")
        self._database.insert(
            "outbox",
            urgent=int(fact.urgent),
            several=int(isinstance(record, VerdictIssued) and bool(record.also)),
            kind=record.kind,
            person=_person(change),
            who=_who(fact, record),
            at_ms=fact.at_ms,
            quality=fact.quality,
            record=text,
            basis=ground.basis,
            purpose=ground.purpose,
        )


def _person(change: Cleared[Fact]) -> str | None:
    """Return whom a later erasure has to connect the record with."""
    if change.relies_on is not None:
        return change.relies_on.person
    fact = change.fact
    if isinstance(fact, PackageMade):
        return None if fact.last else fact.person  # the last one says that the erasure began
    return fact.person if isinstance(fact, ConsentGiven | ConsentChanged | PersonRetokened) else None


def _who(fact: Fact, record: Record) -> str | None:
    """Return the token that a later erasure looks for; an answer to headquarters has to arrive."""
    who = getattr(record, "who", None)
    return who if isinstance(who, str) and not isinstance(fact, CommandDone) else None
