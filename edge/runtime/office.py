"""What every service of the core works with: gate, store, tokens, clock, notice, signer; decides nothing."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from edge.consent.gate import Gate
from edge.domain.facts import ConsentGiven, PersonId
from edge.ipc.control import Notice
from edge.ports import TokenKeys
from edge.runtime.clock import Clock
from edge.store.store import SqlStore
from edge.wire import ConsentRecorded, Scope, TimeQuality, Token, canonical


class Stamp(TypedDict):
    """When a fact happened and how far the clock can be trusted."""

    at_ms: int
    quality: TimeQuality


def new_id() -> str:
    """Return 128 random bits in hex."""
    return secrets.token_hex(16)


TOKEN_PURPOSE: dict[Scope, str] = {
    Scope.REGISTRATION: "registration",
    Scope.CHANNEL_RISK: "channel_risk",
    Scope.RECORDING: "recording",
}
"""The scopes under which a person is found again by number, and the key purpose of each."""


@dataclass(frozen=True)
class Office:
    """Used only in the store's thread."""

    store: SqlStore
    gate: Gate
    tokens: TokenKeys
    clock: Clock
    notice: Notice
    sign: Callable[[bytes], bytes]

    def stamp(self) -> Stamp:
        """Return now, with its quality."""
        return {"at_ms": self.clock.now_ms(), "quality": self.clock.quality()}

    def agree(self, person: PersonId, scope: Scope, act: str, who: Token) -> None:
        """Keep the signed proof that a person agreed to `scope` by `act`; it is ACTIVE afterwards."""
        stamp = self.stamp()
        version = self.store.consent(person, scope).version + 1
        record = ConsentRecorded.model_validate(
            {
                "who": who,
                "scope": scope,
                "consent_version": version,
                "notice_version": self.notice.version,
                "notice_hash": self.notice.hash,
                "act": act,
                "at_ms": stamp["at_ms"],
            }
        )
        fact = ConsentGiven(
            **stamp,
            person=person,
            scope=scope,
            version=version,
            notice_version=self.notice.version,
            notice_hash=self.notice.hash,
            act=record.act,
            proof=self.sign(b"gatehouse/v1/consent\n" + canonical(record.model_dump(mode="json"))),
            records=(record,),
        )
        self.store.apply(self.gate.agreed(fact))
