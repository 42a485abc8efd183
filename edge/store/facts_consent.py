"""Rows of consents, and of what finds and reaches a person; never overwrites a state of a consent."""

from edge.consent.policy import State
from edge.domain.errors import InvalidInput, Refused
from edge.domain.facts import (
    Beside,
    ConsentChanged,
    ConsentGiven,
    ContactKept,
    GuardianProof,
    PersonId,
    PersonIndexed,
    PersonRetokened,
)
from edge.store.database import Row
from edge.store.keys import GUARDIAN, KeyName
from edge.store.tables import Tables
from edge.store.writing import Ground, keys_of, write
from edge.wire import Scope, Token, canonical

LATEST = """
SELECT state, version, at_ms, notice_version, act, covers_ms, EXISTS (
    SELECT 1 FROM outdated o WHERE o.person = c.person AND o.scope = c.scope AND o.version = c.version
) AS is_outdated
FROM consents c WHERE person = ? AND scope = ? ORDER BY version DESC LIMIT 1
"""


@keys_of.register
def _consent_key(fact: ConsentGiven) -> tuple[KeyName, ...]:
    own = (fact.person, fact.scope)
    return (own, (fact.guardian.proof, GUARDIAN)) if fact.guardian is not None else (own,)


@keys_of.register
def _contact_key(fact: ContactKept) -> tuple[KeyName, ...]:
    return ((fact.person, fact.scope),)


@write.register
def _consent_given(fact: ConsentGiven, ground: Ground, to: Tables) -> None:
    _next_version(fact.person, fact.scope, fact.version, to)
    to.database.insert(
        "consents",
        person=fact.person,
        scope=fact.scope,
        version=fact.version,
        state=State.ACTIVE,
        at_ms=fact.at_ms,
        quality=fact.quality,
        notice_version=fact.notice_version,
        notice_hash=fact.notice_hash,
        act=fact.act,
        proof=fact.proof,
        entered_ms=fact.entered_ms,
        covers_ms=fact.covers_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )
    if fact.guardian is not None:
        _guardian_proved(fact, fact.guardian, ground, to)
    for record in fact.records:
        to.database.insert(
            "signed_consents",
            person=fact.person,
            scope=fact.scope,
            version=fact.version,
            record=canonical(record.model_dump(mode="json")).decode(),
            basis=ground.basis,
            purpose=ground.purpose,
        )


def _guardian_proved(fact: ConsentGiven, shown: GuardianProof, ground: Ground, to: Tables) -> None:
    to.database.insert(
        "guardian_proofs",
        proof=shown.proof,
        person=fact.person,
        scope=fact.scope,
        version=fact.version,
        by=shown.by,
        words=shown.words,
        sealed=to.keys.seal((shown.proof, GUARDIAN), "guardian_proofs", shown.proof, shown.shown),
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _consent_changed(fact: ConsentChanged, ground: Ground, to: Tables) -> None:
    if State(fact.state) in {State.ACTIVE, State.ERASING, State.TOMBSTONE}:
        raise Refused("change a consent", "not_a_change_of_this_kind")
    before = _next_version(fact.person, fact.scope, fact.version, to)
    if fact.scope is Scope.REGISTRATION and fact.state == State.WITHDRAWN:
        # What was only meant to come has no basis any more, whatever they agree to later.
        to.database.run("DELETE FROM appointments WHERE person = ?", (fact.person,))
    to.database.insert(
        "consents",
        person=fact.person,
        scope=fact.scope,
        version=fact.version,
        state=fact.state,
        at_ms=fact.at_ms,
        quality=fact.quality,
        notice_version=before.text("notice_version") if before else "",
        covers_ms=before.maybe_integer("covers_ms") if before else None,
        basis=ground.basis,
        purpose=ground.purpose,
    )


def _next_version(person: PersonId, scope: Scope, version: int, to: Tables) -> Row | None:
    """Return the latest state; Refused unless `version` is the next, or if the person was erased."""
    gone = "SELECT 1 FROM consents WHERE person = ? AND state IN (?, ?)"
    if to.database.one(gone, (person, State.ERASING, State.TOMBSTONE)):
        raise Refused("keep a consent", "erased", "the person registers anew")
    latest = to.database.one(LATEST, (person, scope))
    if version != (latest.integer("version") if latest else 0) + 1:
        raise Refused("keep a consent", "consent_changed", "ask the gate again")
    return latest


@write.register
def _person_indexed(fact: PersonIndexed, ground: Ground, to: Tables) -> None:
    for token in fact.tokens:
        changed = to.database.insert(
            "person_tokens",
            "ON CONFLICT (token) DO UPDATE SET at_ms = excluded.at_ms WHERE person = excluded.person",
            token=token,
            person=fact.person,
            scope=fact.scope,
            at_ms=fact.at_ms,
            generation=to.tokens.generation,
            mask=fact.beside.mask,
            caller=fact.beside.caller,
            basis=ground.basis,
            purpose=ground.purpose,
        )
        if not changed:
            raise InvalidInput("index a person", "token_of_another_person")


@write.register
def _person_retokened(fact: PersonRetokened, _ground: Ground, to: Tables) -> None:
    exchange_token(fact.person, fact.old, fact.new, fact.beside, to)


def exchange_token(person: PersonId, old: Token, new: Token, beside: Beside, to: Tables) -> None:
    """Let `new` find a person too, on the old one's basis: orders and claims may still name that one."""
    to.database.run(
        "INSERT INTO person_tokens"
        " (token, person, scope, at_ms, generation, corrected, mask, caller, basis, purpose)"
        " SELECT ?1, person, scope, at_ms, ?2, corrected, CASE scope WHEN 'channel_risk' THEN ?3 END,"
        " CASE scope WHEN 'channel_risk' THEN ?4 END, basis, purpose"
        " FROM person_tokens WHERE token = ?5 AND person = ?6 ON CONFLICT (token) DO NOTHING",
        (new, to.tokens.generation, beside.mask, beside.caller, old, person),
    )
    if not to.database.run(
        "UPDATE person_tokens SET successor = ? WHERE token = ? AND person = ? AND successor IS NULL",
        (new, old, person),
    ):
        raise InvalidInput("exchange a token", "not_waiting")


@write.register
def _contact_kept(fact: ContactKept, ground: Ground, to: Tables) -> None:
    sealed = to.keys.seal((fact.person, fact.scope), "contacts", fact.person, fact.phone.encode())
    to.database.insert(
        "contacts",
        "ON CONFLICT DO UPDATE SET sealed = excluded.sealed, at_ms = excluded.at_ms",
        person=fact.person,
        scope=fact.scope,
        sealed=sealed,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )
