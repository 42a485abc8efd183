"""Rows of names, templates and cards, sealed under the person's own keys; never an image, never plain."""

import secrets

from edge.domain.facts import CardKept, NameKept, TemplateEnrolled
from edge.store.cardmarks import VISITORS, mark_of
from edge.store.keys import KeyName
from edge.store.tables import Tables
from edge.store.writing import Ground, keys_of, write
from edge.wire import Scope, canonical


@keys_of.register
def _template_key(fact: TemplateEnrolled) -> tuple[KeyName, ...]:
    return ((fact.person, Scope.FACE_MATCH),)


@keys_of.register
def _name_key(fact: NameKept) -> tuple[KeyName, ...]:
    return ((fact.person, Scope.REGISTRATION),)


@keys_of.register
def _card_key(fact: CardKept) -> tuple[KeyName, ...]:
    return ((fact.person, Scope.ID_CARD), VISITORS)


@write.register
def _template_enrolled(fact: TemplateEnrolled, ground: Ground, to: Tables) -> None:
    template = secrets.token_hex(16)
    sealed = to.keys.seal((fact.person, Scope.FACE_MATCH), "templates", template, fact.vector)
    to.database.insert(
        "templates",
        template=template,
        person=fact.person,
        model=fact.model,
        sealed=sealed,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _name_kept(fact: NameKept, ground: Ground, to: Tables) -> None:
    sealed = to.keys.seal((fact.person, Scope.REGISTRATION), "names", fact.person, fact.name.encode())
    to.database.insert(
        "names",
        "ON CONFLICT DO UPDATE SET sealed = excluded.sealed, at_ms = excluded.at_ms",
        person=fact.person,
        sealed=sealed,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )


@write.register
def _card_kept(fact: CardKept, ground: Ground, to: Tables) -> None:
    plain = canonical([fact.name, fact.number, fact.valid_until, fact.kind])
    sealed = to.keys.seal((fact.person, Scope.ID_CARD), "cards", fact.person, plain)
    to.database.insert(
        "cards",
        "ON CONFLICT DO UPDATE SET sealed = excluded.sealed, at_ms = excluded.at_ms",
        person=fact.person,
        sealed=sealed,
        at_ms=fact.at_ms,
        basis=ground.basis,
        purpose=ground.purpose,
    )
    if fact.link is not None:
        to.database.insert(
            "card_marks",
            "ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms",
            mark=mark_of(to, VISITORS, fact.kind, fact.number),
            link=fact.link,
            person=fact.person,
            at_ms=fact.at_ms,
            basis=ground.basis,
            purpose=ground.purpose,
        )
