"""Reads about persons: consents for the gate, all else only with a permit; never writes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from edge.consent.policy import State
from edge.domain.errors import Refused
from edge.domain.facts import PersonId, type_of_act
from edge.domain.idcard import CardKind
from edge.domain.phone import report_mask
from edge.ports import ConsentRow, Permit
from edge.store.database import Row
from edge.store.facts_consent import LATEST
from edge.store.rows import CardRow, GivenRow
from edge.store.tables import Part, Tables
from edge.wire import Purpose, Scope, TimeQuality, Token

_TOKEN_PURPOSE = {
    Purpose.RECEPTION: "registration",
    Purpose.CHANNEL_RISK: "channel_risk",
    Purpose.CALL_HANDLING: "recording",
}
_ACTS: dict[str, type_of_act] = {act: act for act in get_args(type_of_act)}
_CONTACT_PURPOSES = {
    Scope.REGISTRATION: Purpose.RECEPTION,
    Scope.CHANNEL_RISK: Purpose.CHANNEL_RISK,
    Scope.RECORDING: Purpose.CALL_HANDLING,
    Scope.FOLLOW_UP: Purpose.CALL_BACK,
}


class PeopleReads(Part):
    """Implements ports.ConsentReader."""

    def consent(self, person: PersonId, scope: Scope) -> ConsentRow:
        """Return where one consent stands; version 0 and SILENT if it was never asked for."""
        row = self._database.one(LATEST, (person, scope))
        if row is None:
            return ConsentRow(State.SILENT, 0, 0, "")
        return replace(_consent(row), outdated=bool(row.integer("is_outdated")))

    def known_minor(self, person: PersonId) -> bool:
        """Return whether a child was ever found behind this person, or a guardian ever agreed for them."""
        return bool(
            self._database.count(
                "SELECT count(*) FROM consents WHERE person = ? AND (act = 'guardian' OR state = ?)",
                (person, State.MINOR),
            )
        )

    def consents(self, person: PersonId) -> dict[Scope, ConsentRow]:
        """Return every scope that was ever asked for, as it stands."""
        rows = self._database.query(
            "SELECT scope, state, max(version) AS version, at_ms, notice_version, act, covers_ms"
            " FROM consents WHERE person = ? GROUP BY scope",
            (person,),
        )
        return {Scope(row.text("scope")): _consent(row) for row in rows}

    def given_between(self, permit: Permit, since_ms: int, until_ms: int) -> tuple[GivenRow, ...]:
        """Return what the permit's person agreed to from `since_ms` to `until_ms` and stands by its row."""
        person = self._subject(permit)
        rows = self._database.query(
            "SELECT * FROM consents c WHERE person = ? AND state = ? AND at_ms BETWEEN ? AND ? AND version ="
            " (SELECT max(version) FROM consents n WHERE n.person = c.person AND n.scope = c.scope)"
            " ORDER BY scope <> ?, scope",
            (person, State.ACTIVE, since_ms, until_ms, Scope.REGISTRATION),
        )
        return tuple(map(_given, rows))

    def ended_yes(self, permit: Permit, scope: Scope) -> GivenRow | None:
        """Return the last yes of the permit's person to `scope` that they withdrew later."""
        row = self._database.one(
            "SELECT * FROM consents c WHERE person = ? AND scope = ? AND state = ? AND EXISTS ("
            "SELECT 1 FROM consents w WHERE w.person = c.person AND w.scope = c.scope AND w.state = ?"
            " AND w.version > c.version) ORDER BY version DESC LIMIT 1",
            (self._subject(permit), scope, State.ACTIVE, State.WITHDRAWN),
        )
        return _given(row) if row else None

    def first_consent_ms(self, permit: Permit) -> int:
        """Return when the first word of the permit's person to any scope was kept; 0 if there is none."""
        return self._database.count(
            "SELECT coalesce(min(at_ms), 0) FROM consents WHERE person = ?", (self._subject(permit),)
        )

    def person_by_token(self, permit: Permit, token: Token) -> PersonId | None:
        """Return whose token this is on this box; for other than rights, only one of the same purpose."""
        self._allow(permit, *_TOKEN_PURPOSE)
        wanted = _TOKEN_PURPOSE.get(permit.purpose)
        if wanted is not None and token.partition(":")[0] != wanted:
            raise Refused("look up a token", "not_for_this_purpose")
        row = self._database.one("SELECT person FROM person_tokens WHERE token = ?", (token,))
        return PersonId(row.text("person")) if row else None

    def tokens_of(self, permit: Permit) -> tuple[tuple[Scope, Token], ...]:
        """Return the tokens by which the permit's person is found, the one in use first."""
        person = self._subject(permit, Purpose.RECEPTION)
        rows = self._database.query(
            "SELECT scope, token FROM person_tokens WHERE person = ?"
            " ORDER BY successor IS NOT NULL, generation DESC, scope, token",
            (person,),
        )
        return tuple((Scope(row.text("scope")), row.text("token")) for row in rows)

    def standing_tokens(self, permit: Permit) -> tuple[Token, ...]:
        """Return the tokens of the permit's person that no other took the place of."""
        rows = self._database.query(
            "SELECT token FROM person_tokens WHERE person = ? AND successor IS NULL ORDER BY token",
            (self._subject(permit),),
        )
        return tuple(row.text("token") for row in rows)

    def waiting_tokens(self, permit: Permit, after: Token, limit: int) -> tuple[tuple[PersonId, Token], ...]:
        """Return up to `limit` tokens of older keys that nothing took the place of, from `after` on.

        Of the permit's person, if it names one.
        """
        self._allow(permit)
        older = "SELECT person, token FROM person_tokens WHERE successor IS NULL AND generation < ?1"
        asked: tuple[int | str, ...] = (self._tables.tokens.generation, after, limit)
        if permit.person is None:
            rows = self._database.query(f"{older} AND token > ?2 ORDER BY token LIMIT ?3", asked)
        else:  # by the person's own few tokens (+), never through everybody's: each registration asks
            own = f"{older} AND person = ?4 AND +token > ?2 ORDER BY +token LIMIT ?3"
            rows = self._database.query(own, (*asked, permit.person))
        return tuple((PersonId(row.text("person")), row.text("token")) for row in rows)

    def count_waiting_tokens(self) -> int:
        """Return how many tokens of older keys nothing took the place of; about nobody in particular."""
        return self._database.count(
            "SELECT count(*) FROM person_tokens WHERE successor IS NULL AND generation < ?",
            (self._tables.tokens.generation,),
        )

    def contact(self, permit: Permit, scope: Scope) -> str | None:
        """Return the number (E.164) that the permit's person gave under `scope`."""
        purposes = (_CONTACT_PURPOSES[scope],) if scope in _CONTACT_PURPOSES else ()
        person = self._subject(permit, *purposes)
        row = self._database.one(
            "SELECT sealed FROM contacts WHERE person = ? AND scope = ?", (person, scope)
        )
        if row is None:
            return None
        return self._keys.open((person, scope), "contacts", person, row.blob("sealed")).decode()

    def mask_numbers(self) -> int:
        """Give each number of `channel_risk` that was kept before masks were its own, once; return how many.

        Of a number whose key is lost, or that no mask can name, there is none.
        """
        name = "mark_numbers_masked"
        if self._database.one("SELECT 1 FROM meta WHERE name = ?", (name,)):
            return 0
        done = 0
        with self._database.transaction():
            for row in self._database.query(
                "SELECT t.token, c.person, c.sealed FROM person_tokens t JOIN contacts c USING (person)"
                " WHERE t.scope = 'channel_risk' AND t.mask IS NULL AND c.scope = 'registration'"
            ):
                done += self._mask(row)
            self._database.insert("meta", name=name, value="1")
        return done

    def _mask(self, row: Row) -> int:
        owner = (row.text("person"), Scope.REGISTRATION)
        if self._keys.key(*owner) is None:
            return 0
        number = self._keys.open(owner, "contacts", owner[0], row.blob("sealed")).decode()
        keys, mask = self._tables.tokens, report_mask(number)
        masks = keys.masked("channel_risk", mask) if mask is not None else ()
        mine = dict(zip(keys.tokens("channel_risk", number), masks, strict=False)).get(row.text("token"))
        return self._database.run(
            "UPDATE person_tokens SET mask = ? WHERE token = ?", (mine, row.text("token"))
        )

    def name(self, permit: Permit) -> str | None:
        """Return what the permit's person wants to be called."""
        person = self._subject(permit, Purpose.RECEPTION)
        row = self._database.one("SELECT sealed FROM names WHERE person = ?", (person,))
        if row is None:
            return None
        return self._keys.open((person, Scope.REGISTRATION), "names", person, row.blob("sealed")).decode()

    def templates(self, permit: Permit) -> list[tuple[str, bytes]]:
        """Return (model, float32 little-endian vector) of each template, newest first."""
        person = self._subject(permit, Purpose.FACE_CONFIRMATION)
        rows = self._database.query(
            "SELECT template, model, sealed FROM templates WHERE person = ? ORDER BY at_ms DESC, template",
            (person,),
        )
        name = (person, Scope.FACE_MATCH)
        return [
            (row.text("model"), self._keys.open(name, "templates", row.text("template"), row.blob("sealed")))
            for row in rows
        ]

    def card(self, permit: Permit) -> CardRow | None:
        """Return what is kept of the permit's person's card."""
        person = self._subject(permit, Purpose.IDENTITY_CHECK)
        row = self._database.one("SELECT sealed FROM cards WHERE person = ?", (person,))
        if row is None:
            return None
        plain = self._keys.open((person, Scope.ID_CARD), "cards", person, row.blob("sealed"))
        name, number, valid_until, *kind = json.loads(plain)
        return CardRow(name, number, valid_until, *(CardKind(one) for one in kind))

    def faces(self) -> int:
        """Return how many people have a template (P53)."""
        return self._database.count("SELECT count(DISTINCT person) FROM templates")

    def enrolled(self) -> tuple[PersonId, ...]:
        """Return who has a template; random ids, no data (for the gallery, and the count of P53)."""
        rows = self._database.query("SELECT DISTINCT person FROM templates ORDER BY person")
        return tuple(PersonId(row.text("person")) for row in rows)

    def said_no_since(self, person: PersonId, since_ms: int, *tokens: Token) -> bool:
        """Return whether somebody's registration ended, or they were erased, at or after `since_ms`.

        Whatever they said after that: what is older isn't entered again. `tokens`: their registration's.
        """
        ended = self._database.one(
            "SELECT 1 FROM consents WHERE person = ? AND scope = ? AND state IN (?, ?, ?) AND at_ms >= ?",
            (person, Scope.REGISTRATION, State.WITHDRAWN, State.DECLINED, State.EXPIRED, since_ms),
        )
        marks = json.dumps([self._tables.tokens.mark(token) for token in tokens])
        erased = self._database.one(
            "SELECT 1 FROM tombstones WHERE mark IN (SELECT value FROM json_each(?)) AND at_ms >= ?",
            (marks, since_ms),
        )
        return ended is not None or erased is not None

    def suppressed(self, *tokens: Token) -> bool:
        """Return whether an import must not re-enter somebody (P29): erased, and not come back since.

        `tokens` are one number's of one purpose, under each of the project's keys.
        """
        return suppressed(self._tables, tokens)


def suppressed(tables: Tables, tokens: Sequence[Token]) -> bool:
    """Return whether somebody with one of these was erased; their own later act, an index, ends it."""
    marks = json.dumps([tables.tokens.mark(token) for token in tokens])
    within = "IN (SELECT value FROM json_each(?))"
    erased = tables.database.one(f"SELECT 1 FROM tombstones WHERE mark {within}", (marks,))  # noqa: S608 — constant
    back = tables.database.one(
        f"SELECT 1 FROM person_tokens WHERE token {within}",  # noqa: S608 — constant
        (json.dumps(tokens),),
    )
    return erased is not None and back is None


def _consent(row: Row) -> ConsentRow:
    return ConsentRow(
        row.text("state"),
        row.integer("version"),
        row.integer("at_ms"),
        row.text("notice_version"),
        row.maybe_text("act") or "",
        covers_ms=row.maybe_integer("covers_ms"),
    )


def _given(row: Row) -> GivenRow:
    return GivenRow(
        scope=Scope(row.text("scope")),
        at_ms=row.integer("at_ms"),
        quality=TimeQuality(row.text("quality")),
        notice_version=row.text("notice_version"),
        notice_hash=row.text("notice_hash"),
        act=_ACTS[row.text("act")],
        entered_ms=row.maybe_integer("entered_ms"),
        covers_ms=row.maybe_integer("covers_ms"),
    )
