"""Rows of what was typed wrongly and put right: a visit's size, its end, its person; never reads for a page.

A visit that is moved takes along what was given with it, sealed anew under its person's own keys; so does
all of a record that is another one's person too.
"""

import json
from dataclasses import dataclass

from edge.consent.policy import State
from edge.domain.amending import SAME_ACT_MS
from edge.domain.errors import InvalidInput
from edge.domain.facts import (
    NOTHING_BESIDE,
    NumberTakenBack,
    PersonId,
    PersonRenumbered,
    PersonsMerged,
    VisitCorrected,
    VisitMoved,
    VisitReopened,
    VisitTakenBack,
)
from edge.store.database import Row
from edge.store.facts_consent import LATEST, exchange_token
from edge.store.outbox import drop_waiting, void_taken
from edge.store.tables import Tables
from edge.store.writing import Ground, write
from edge.wire import Scope


@write.register
def _visit_reopened(fact: VisitReopened, _ground: Ground, to: Tables) -> None:
    reopened = to.database.run(
        "UPDATE visits SET revision = revision + 1, departed_ms = NULL, departure_estimated = 0"
        " WHERE visit = ? AND person = ? AND departed_ms IS NOT NULL",
        (fact.visit, fact.person),
    )
    if not reopened:
        raise InvalidInput("reopen a visit", "no_such_closed_visit")


@write.register
def _visit_corrected(fact: VisitCorrected, _ground: Ground, to: Tables) -> None:
    corrected = to.database.run(
        "UPDATE visits SET revision = revision + 1, party_size = ?1,"
        " departed_ms = coalesce(?2, departed_ms),"
        " departure_estimated = departure_estimated AND ?2 IS NULL"
        " WHERE visit = ?3 AND person = ?4 AND (?2 IS NULL OR arrived_ms <= ?2)",
        (fact.party_size, fact.departed_ms, fact.visit, fact.person),
    )
    if not corrected:
        raise InvalidInput("correct a visit", "no_such_visit")


# -- moving ----------------------------------------------------------------------------------


_EVER = 1 << 62


@dataclass(frozen=True, slots=True)
class _Span:
    """Whose rows become whose: those made from `since_ms` to before `until_ms`."""

    person: PersonId
    was: PersonId
    since_ms: int
    until_ms: int


@write.register
def _visit_moved(fact: VisitMoved, ground: Ground, to: Tables) -> None:
    moved = to.database.run(
        "UPDATE visits SET person = ?, revision = revision + 1, is_returning = ?"
        " WHERE visit = ? AND person = ?",
        (fact.person, int(fact.returning), fact.visit, fact.was),
    )
    if not moved:
        raise InvalidInput("move a visit", "no_such_visit")
    bases = json.dumps([f"consent:{scope}" for scope in _active(fact.person, to)])
    to.database.run(
        "DELETE FROM evidence WHERE visit = ? AND basis NOT IN (SELECT value FROM json_each(?))",
        (fact.visit, bases),
    )
    to.database.run("UPDATE sources SET person = ? WHERE visit = ?", (fact.person, fact.visit))
    to.database.run(
        "DELETE FROM sources WHERE visit = ? AND basis NOT IN (SELECT value FROM json_each(?))",
        (fact.visit, bases),
    )
    to.database.run(
        "UPDATE appointments SET person = ?1 WHERE person = ?2 AND ?3 IN (made_in, coalesce(kept_in, ''))",
        (fact.person, fact.was, fact.visit),
    )
    _bring_along(_Span(fact.person, fact.was, fact.since_ms, fact.until_ms), ground, to)


def _bring_along(span: _Span, ground: Ground, to: Tables) -> None:
    _one_of_each(span, "names", Scope.REGISTRATION, ground, to)
    _one_of_each(span, "cards", Scope.ID_CARD, ground, to)
    _templates(span, to)
    _links(span, to)


def _active(person: PersonId, to: Tables) -> frozenset[Scope]:
    rows = {scope: to.database.one(LATEST, (person, scope)) for scope in Scope}
    return frozenset(
        scope
        for scope, row in rows.items()
        if row is not None and row.text("state") == State.ACTIVE and not row.integer("is_outdated")
    )


def _one_of_each(span: _Span, table: str, scope: Scope, ground: Ground, to: Tables) -> None:
    """Bring along what there is one of for each person, in place of what they had, as registering does."""
    row = to.database.one(
        f"SELECT * FROM {table} WHERE person = ? AND at_ms >= ? AND at_ms < ?",  # noqa: S608 — constants
        (span.was, span.since_ms, span.until_ms),
    )
    if row is None:
        return
    if scope in _active(span.person, to):
        plain = to.keys.open((span.was, scope), table, span.was, row.blob("sealed"))
        to.database.insert(
            table,
            "ON CONFLICT DO UPDATE SET sealed = excluded.sealed, at_ms = excluded.at_ms"
            " WHERE excluded.at_ms >= at_ms",
            person=span.person,
            sealed=to.keys.seal((span.person, scope), table, span.person, plain),
            at_ms=row.integer("at_ms"),
            basis=row.text("basis"),
            purpose=row.text("purpose"),
        )
    to.database.run(f"DELETE FROM {table} WHERE person = ?", (span.was,))  # noqa: S608 — constants


def _templates(span: _Span, to: Tables) -> None:
    """A face that was enrolled in this visit is its person's, unless they have one or don't agree to it."""
    rows = to.database.query(
        "SELECT * FROM templates WHERE person = ? AND at_ms >= ? AND at_ms < ?",
        (span.was, span.since_ms, span.until_ms),
    )
    has_one = to.database.one("SELECT 1 FROM templates WHERE person = ?", (span.person,)) is not None
    wanted = not has_one and Scope.FACE_MATCH in _active(span.person, to)
    for row in rows:
        template = row.text("template")
        plain = to.keys.open((span.was, Scope.FACE_MATCH), "templates", template, row.blob("sealed"))
        to.database.run("DELETE FROM templates WHERE template = ?", (template,))
        if wanted:
            to.database.insert(
                "templates",
                template=template,
                person=span.person,
                model=row.text("model"),
                sealed=to.keys.seal((span.person, Scope.FACE_MATCH), "templates", template, plain),
                at_ms=row.integer("at_ms"),
                basis=row.text("basis"),
                purpose=row.text("purpose"),
            )


def _links(span: _Span, to: Tables) -> None:
    """The code that was given out in this visit shows its person's data from now on."""
    given = to.database.query(
        "SELECT * FROM rights_links WHERE person = ? AND since_ms >= ? AND since_ms < ? ORDER BY since_ms",
        (span.was, span.since_ms, span.until_ms),
    )
    for row in given:
        _end_earlier(span.person, row.integer("since_ms"), to)
        _reseal(row, "rights_links", "link", span, to)
        _card_marks(row.text("link"), span, to)
        for asked in to.database.query("SELECT * FROM rights_requests WHERE link = ?", (row.text("link"),)):
            _reseal(asked, "rights_requests", "request", span, to)
        # It had ended the view of the codes before it, which were another person's.
        to.database.run(
            "UPDATE rights_links SET until_ms = NULL, dirty = 1"
            " WHERE person = ?1 AND verified = 0 AND until_ms = ?2 AND since_ms < ?2",
            (span.was, row.integer("since_ms")),
        )
    to.database.run(
        "UPDATE rights_links SET dirty = 1 WHERE person IN (?, ?) AND dirty = 0", (span.person, span.was)
    )


def _card_marks(link: str, span: _Span, to: Tables) -> None:
    """The card that was kept with a code opens it still, as far as its person agrees to `id_card`."""
    if Scope.ID_CARD in _active(span.person, to):
        to.database.run("UPDATE card_marks SET person = ? WHERE link = ?", (span.person, link))
    else:
        to.database.run("DELETE FROM card_marks WHERE link = ?", (link,))


def _end_earlier(person: PersonId, since_ms: int, to: Tables) -> None:
    to.database.run(
        "UPDATE rights_links SET until_ms = ? WHERE person = ? AND verified = 0 AND until_ms IS NULL"
        " AND since_ms < ?",
        (since_ms, person, since_ms),
    )


def _reseal(row: Row, table: str, name: str, span: _Span, to: Tables) -> None:
    sealed = row.maybe_blob("sealed")
    if sealed is not None:
        plain = to.keys.open((span.was, Scope.REGISTRATION), table, row.text(name), sealed)
        sealed = to.keys.seal((span.person, Scope.REGISTRATION), table, row.text(name), plain)
    to.database.run(
        f"UPDATE {table} SET person = ?, sealed = ? WHERE {name} = ?",  # noqa: S608 — constants
        (span.person, sealed, row.text(name)),
    )


# -- merging ---------------------------------------------------------------------------------

_OTHERS_NEXT = (
    "max(since_ms, min(?4, coalesce((SELECT min(v.arrived_ms) - ?1 FROM visits v"
    " WHERE v.person = CASE rights_links.person WHEN ?2 THEN ?3 ELSE ?2 END AND v.arrived_ms >= since_ms),"
    " ?4)))"
)


@write.register
def _persons_merged(fact: PersonsMerged, ground: Ground, to: Tables) -> None:
    _narrow_codes(fact, to)
    _bring_along(_Span(fact.person, fact.was, 0, _EVER), ground, to)
    to.database.run("UPDATE person_tokens SET person = ? WHERE person = ?", (fact.person, fact.was))
    to.database.run("UPDATE appointments SET person = ? WHERE person = ?", (fact.person, fact.was))
    to.database.run("UPDATE outbox SET person = ? WHERE person = ?", (fact.person, fact.was))
    for old, new in fact.exchanged:
        exchange_token(fact.person, old, new, fact.beside, to)


def _narrow_codes(fact: PersonsMerged, to: Tables) -> None:
    """Let no code that was given before show what the other record holds: nobody proved to be both.

    Each ends where the other record goes on, and now at the latest: whoever comes by either number is this
    record's from here. One whose bearer proved to be a record's person, and saw all of it, shows nothing any
    more: the officer gives a new one.
    """
    values = (SAME_ACT_MS, fact.person, fact.was, fact.at_ms)
    to.database.run(
        f"UPDATE rights_links SET until_ms = {_OTHERS_NEXT}, dirty = 1 WHERE person IN (?2, ?3)"  # noqa: S608 — constants
        f" AND verified = 0 AND coalesce(until_ms, {_EVER}) > {_OTHERS_NEXT}",
        values,
    )
    to.database.run(
        "UPDATE rights_links SET verified = 0, since_ms = 0, until_ms = 0, dirty = 1"
        " WHERE person IN (?, ?) AND verified = 1",
        (fact.person, fact.was),
    )


# -- taking back -----------------------------------------------------------------------------


@write.register
def _visit_taken_back(fact: VisitTakenBack, _ground: Ground, to: Tables) -> None:
    scopes = json.dumps(fact.scopes)
    to.database.run(
        "DELETE FROM signed_consents WHERE person = ?1 AND (scope, version) IN ("
        "SELECT scope, version FROM consents WHERE person = ?1 AND at_ms BETWEEN ?3 AND ?4"
        " AND scope IN (SELECT value FROM json_each(?2)))",
        (fact.person, scopes, fact.since_ms, fact.until_ms),
    )
    condition = (
        "person = ? AND (json_extract(record, '$.visit_id') = ? OR (kind = 'consent'"
        " AND json_extract(record, '$.scope') IN (SELECT value FROM json_each(?))"
        " AND json_extract(record, '$.at_ms') BETWEEN ? AND ?))"
    )
    values = (fact.person, fact.visit, scopes, fact.since_ms, fact.until_ms)
    drop_waiting(to.database, condition, values)
    void_taken(to.database, fact.at_ms, fact.quality, condition, values)
    if fact.whole:
        to.database.run("DELETE FROM person_tokens WHERE person = ?", (fact.person,))


# -- another number --------------------------------------------------------------------------


@write.register
def _number_taken_back(fact: NumberTakenBack, _ground: Ground, to: Tables) -> None:
    """What waits is told again under the new number; what is on its way is voided."""
    condition, values = "person = ? AND kind IN ('visit', 'consent')", (fact.person,)
    drop_waiting(to.database, condition, values)
    void_taken(to.database, fact.at_ms, fact.quality, condition, values)


@write.register
def _person_renumbered(fact: PersonRenumbered, _ground: Ground, to: Tables) -> None:
    """No token of the old number is left, of no generation of keys: it may be somebody else's by now.

    The new rows are held on the old ones' bases. Whoever has a code because they typed the old number sees
    nothing of what comes under the new one; who proved to be the person sees all, as before.
    """
    to.database.run(
        f"UPDATE rights_links SET until_ms = max(since_ms, ?2), dirty = 1 WHERE person = ?1 AND verified = 0"  # noqa: S608 — constant
        f" AND coalesce(until_ms, {_EVER}) > ?2",
        (fact.person, fact.at_ms),
    )
    held = to.database.query(
        "SELECT DISTINCT scope, basis, purpose FROM person_tokens WHERE person = ?", (fact.person,)
    )
    to.database.run("DELETE FROM person_tokens WHERE person = ?", (fact.person,))
    tokens = dict(fact.tokens)
    for row in held:
        beside = fact.beside if row.text("scope") == Scope.CHANNEL_RISK else NOTHING_BESIDE
        to.database.insert(
            "person_tokens",
            token=tokens[Scope(row.text("scope"))],
            person=fact.person,
            scope=row.text("scope"),
            at_ms=fact.at_ms,
            generation=to.tokens.generation,
            corrected=1,
            mask=beside.mask,
            caller=beside.caller,
            basis=row.text("basis"),
            purpose=row.text("purpose"),
        )
    for row in to.database.query("SELECT scope FROM contacts WHERE person = ?", (fact.person,)):
        name = (fact.person, Scope(row.text("scope")))
        to.database.run(
            "UPDATE contacts SET sealed = ?, at_ms = ? WHERE person = ? AND scope = ?",
            (to.keys.seal(name, "contacts", fact.person, fact.phone.encode()), fact.at_ms, *name),
        )
