"""What every service of the core works with: gate, store, tokens, clock, notice, signer; decides nothing."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from edge.archive import AGREED
from edge.consent.gate import Gate
from edge.consent.policy import Event, State, usable
from edge.domain.facts import (
    Beside,
    CommandDone,
    ConsentChanged,
    ConsentGiven,
    GuardianProof,
    PersonId,
    type_of_act,
)
from edge.domain.phone import report_mask
from edge.ipc.kiosk import Notice
from edge.ports import Cleared, Permit, TokenKeys
from edge.runtime.clock import Clock
from edge.store.store import SqlStore
from edge.wire import Command, ConsentRecorded, ConsentWithdrawn, Record, Scope, TimeQuality, Token, canonical


class Stamp(TypedDict):
    """When a fact happened and how far the clock can be trusted."""

    at_ms: int
    quality: TimeQuality


def new_id() -> str:
    """Return 128 random bits in hex."""
    return secrets.token_hex(16)


Act = type_of_act

TOKEN_PURPOSE: dict[Scope, str] = {
    Scope.REGISTRATION: "registration",
    Scope.CHANNEL_RISK: "channel_risk",
    Scope.RECORDING: "recording",
}
"""The scopes under which a person is found again by number, and the key purpose of each."""


@dataclass(frozen=True, slots=True)
class Told:
    """Which notice a person was given: its version and the SHA-256 of all that it said, in hex."""

    version: str
    hash: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What a guardian showed: fields of their card, or their signature."""

    by: Literal["card", "signature"]
    what: dict[str, Any] = field(repr=False)


@dataclass
class Office:
    """Used only in the store's thread."""

    store: SqlStore
    gate: Gate
    tokens: TokenKeys
    clock: Clock
    notice: Notice
    """The one in force; `Notices` alone puts another in its place."""
    sign: Callable[[bytes], bytes]

    def stamp(self) -> Stamp:
        """Return now, with its quality."""
        return {"at_ms": self.clock.now_ms(), "quality": self.clock.quality()}

    def agree(
        self,
        person: PersonId,
        scope: Scope,
        act: Act,
        who: Token | None,
        told: Told | None = None,
        guardian: Shown | None = None,
        when: Stamp | None = None,
        entered_ms: int | None = None,
        covers_ms: int | None = None,
    ) -> None:
        """Keep the signed proof that a person agreed to `scope` by `act`; it is ACTIVE afterwards.

        `who` None: somebody without a number, of whom nothing leaves the box; the proof is signed
        over the same words with `who` null. `told` is the notice that they were given; None: the one
        that the kiosk shows. `guardian`: what was shown by who agrees for a child; the box signs its hash.
        `when` None: they agree now. `entered_ms`: of a form on paper, when it was typed in. `covers_ms`: from
        when on it may be used, where nobody showed that the number is theirs; the box's own limit, no part of
        their words.
        """
        told = told or Told(self.notice.version, self.notice.hash)
        stamp = when or self.stamp()
        version = self.store.consent(person, scope).version + 1
        said = {
            "kind": "consent",
            "v": 1,
            "who": who,
            "scope": str(scope),
            "consent_version": version,
            "notice_version": told.version,
            "notice_hash": told.hash,
            "act": act,
            "at_ms": stamp["at_ms"],
        } | ({} if entered_ms is None else {"entered_ms": entered_ms})
        shown = canonical(guardian.what) if guardian is not None else b""
        words = said | (
            {"guardian": {"by": guardian.by, "sha256": hashlib.sha256(shown).hexdigest()}} if guardian else {}
        )
        fact = ConsentGiven(
            **stamp,
            person=person,
            scope=scope,
            version=version,
            notice_version=told.version,
            notice_hash=told.hash,
            act=act,
            proof=self.sign(AGREED + canonical(words)),
            entered_ms=entered_ms,
            covers_ms=covers_ms,
            guardian=GuardianProof(new_id(), guardian.by, canonical(words).decode(), shown)
            if guardian
            else None,
            records=(ConsentRecorded.model_validate(said),) if who is not None else (),
        )
        self.store.apply(self.gate.agreed(fact))

    def every_token(self, number: str) -> tuple[Token, ...]:
        """Return the tokens of `number` for each purpose, under each of the project's keys."""
        return tuple(t for purpose in TOKEN_PURPOSE.values() for t in self.tokens.tokens(purpose, number))

    def mask(self, number: str) -> tuple[Token, ...]:
        """Return the tokens of `number` as masked reports name it, newest first; none for a foreign one."""
        seen = report_mask(number)
        return self.tokens.masked(TOKEN_PURPOSE[Scope.CHANNEL_RISK], seen) if seen is not None else ()

    def mask_token(self, number: str) -> Token | None:
        """Return the newest of them."""
        return next(iter(self.mask(number)), None)

    def beside(self, number: str) -> Beside:
        """Return what lies beside the newest token of `channel_risk` of `number`."""
        return Beside(self.mask_token(number), self.tokens.token(TOKEN_PURPOSE[Scope.RECORDING], number))

    def find(self, permit: Permit, purpose: str, number: str) -> PersonId | None:
        """Return whom `number` belongs to, under whichever of the project's keys they were kept."""
        found = (self.store.person_by_token(permit, t) for t in self.tokens.tokens(purpose, number))
        return next((person for person in found if person is not None), None)

    def told_of(self, number: str) -> None:
        """What is kept of `number` beside its visitor's own record has changed: their page is told anew.

        No trigger can do it: a caller and a visitor are two persons, whom their rights alone join.
        """
        person = self.find(self.gate.permit_rights(), TOKEN_PURPOSE[Scope.REGISTRATION], number)
        if person is not None:
            self.store.outdate_links(self.gate.permit_rights(person))

    def active(self, person: PersonId, scope: Scope) -> bool:
        """Return whether this scope may be relied on now."""
        return usable(State(self.store.consent(person, scope).stands))

    def change(
        self,
        person: PersonId,
        scope: Scope,
        event: Event,
        state: State,
        record: ConsentWithdrawn | None = None,
        when: Stamp | None = None,
    ) -> None:
        """Keep a change of a consent that is none: refused, withdrawn, to be asked again; `when` None: now.

        A person's own word leaves before all others.
        """
        fact = ConsentChanged(
            **(when or self.stamp()),
            person=person,
            scope=scope,
            version=self.store.consent(person, scope).version + 1,
            state=state,
            records=(record,) if record else (),
            urgent=record is not None and event is Event.WITHDRAW,
        )
        self.store.apply(self.gate.changed(fact, event))

    def done(self, command: Command, outcome: str, *records: Record) -> Cleared[CommandDone]:
        """Return the cleared answer to an order, urgent."""
        fact = CommandDone(**self.stamp(), command=command, outcome=outcome, records=records, urgent=True)
        return self.gate.on_other_basis(fact)
