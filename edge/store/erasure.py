"""Erasure: keys first, then rows, recordings and queued records; never leaves one half done.

An erasure is written down before it begins, so that one that a crash interrupted is finished at the
next start. What remains of a person is consents' skeleton (`duty`) and a keyed hash (`suppression`).
"""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.consent.policy import State
from edge.domain.errors import Refused, StoreError
from edge.domain.facts import CommandDone, PersonId
from edge.ports import Cleared, Permit
from edge.store.database import Row
from edge.store.keys import INQUIRY
from edge.store.outbox import OutboxTable
from edge.store.rows import Erased, PastErasure
from edge.store.writing import Writing
from edge.wire import BasisKind, Purpose, TimeQuality, Token

_THEIRS = "token IN (SELECT value FROM json_each(?1))"
_CLAIMS = (
    f"SELECT report_ref FROM reports WHERE {_THEIRS}"  # noqa: S608 — constants
    f" UNION SELECT report_ref FROM completions WHERE {_THEIRS}"
)
"""A claim by a masked number is theirs once it was completed on them, whatever came later."""
_CLAIMED = f"report_ref IN ({_CLAIMS})"
_BOOKS = {
    "verdicts": "UPDATE verdicts SET verdict = NULL, reasons = NULL, inputs = NULL, since_ms = NULL,"  # noqa: S608 — constants
    f" named = NULL WHERE inputs IS NOT NULL AND CASE about WHEN 'report'"
    f" THEN ref IN ({_CLAIMS})"
    f" ELSE ref IN (SELECT deal_ref FROM deal_buyers WHERE {_THEIRS}) END",
    "follow_ups": f"DELETE FROM follow_ups WHERE {_CLAIMED}",  # noqa: S608 — constants
    "extensions": f"DELETE FROM extensions WHERE {_CLAIMED}",  # noqa: S608 — constants
    "reports": f"DELETE FROM reports WHERE {_CLAIMED}",  # noqa: S608 — constants
    "known_customers": f"DELETE FROM known_customers WHERE {_THEIRS}",  # noqa: S608 — constants
    "deal_buyers": f"DELETE FROM deal_buyers WHERE {_THEIRS}",  # noqa: S608 — constants
    "deals": "DELETE FROM deals WHERE deal_ref NOT IN (SELECT deal_ref FROM deal_buyers) AND json_valid(?1)",
}
"""What the books say of those with one of the tokens (?1), in the order in which it goes.

Of a finding hash and date remain; of a deal with several buyers the others stay.
"""
_OF_PERSON = (
    "person_tokens",
    "signed_consents",
    "contacts",
    "names",
    "templates",
    "cards",
    "sources",
    "appointments",
    "card_marks",
    "rights_requests",
    "rights_links",
)
_CLASS = {"person_tokens": "tokens"}
_NEWEST = """
WITH whose AS (SELECT value AS person FROM json_each(?1)), mine AS (SELECT value AS token FROM json_each(?2))
SELECT coalesce(max(at_ms), 0) FROM (
    SELECT at_ms FROM consents JOIN whose USING (person)
    UNION ALL SELECT max(arrived_ms, coalesce(departed_ms, 0)) FROM visits JOIN whose USING (person)
    UNION ALL SELECT e.at_ms FROM evidence e JOIN visits USING (visit) JOIN whose USING (person)
    UNION ALL SELECT c.at_ms FROM calls c JOIN recordings USING (call) JOIN whose USING (person)
    UNION ALL SELECT v.at_ms FROM verdicts v JOIN reports r ON v.about = 'report' AND v.ref = r.report_ref
        JOIN mine USING (token)
    UNION ALL SELECT v.at_ms FROM verdicts v JOIN completions c ON v.about = 'report' AND v.ref = c.report_ref
        JOIN mine USING (token)
    UNION ALL SELECT v.at_ms FROM verdicts v JOIN deal_buyers b ON v.about = 'deal' AND v.ref = b.deal_ref
        JOIN mine USING (token)
)
"""
"""Each of these times left the box on a record."""


class Erasure(Writing, OutboxTable):
    """Needs the way in, for the answer, and the outbox, to take back what waits."""

    def erase(
        self,
        permit: Permit,
        persons: tuple[PersonId, ...],
        conclude: Callable[[Erased], Cleared[CommandDone]],
        tokens: tuple[Token, ...] = (),
    ) -> None:
        """Destroy all that is held of `persons`, and of whoever is behind `tokens` (claims on them too).

        `conclude` makes the answer out of what was destroyed; it is kept and queued in the same
        transaction as the deletion. An erasure of one of `tokens` that was finished at a start and
        never answered counts in. Raises Refused without a permit for rights.
        """
        if permit.purpose is not Purpose.RIGHTS:
            raise Refused("erase", "not_for_this_purpose")
        if self._database.in_transaction:
            raise StoreError("erase", "inside a transaction", "keys can't be destroyed on trial")
        erasure = self._begin(persons, tokens)
        persons_begun, tokens_begun = self._begun(erasure)
        self._keys.destroy_all(persons_begun)
        with self._database.transaction():
            keys, rows, files = self._delete(erasure, persons_begun, tokens_begun)
            earlier = self._unanswered(tokens_begun)
            erased = Erased(keys + earlier.keys_destroyed, dict(Counter(rows) + Counter(earlier.rows)))
            done = conclude(erased)
            at_ms, quality = done.fact.at_ms, done.fact.quality
            self._bury(erasure, persons_begun, tokens_begun, erased, at_ms, quality, answered=True)
            self._keep(done)
        self._clear_away(files)

    def forget(self, permit: Permit) -> None:
        """Destroy all that is held of the permit's person, who has no token and so never left the box.

        Raises Refused without a permit for that person's rights, or if they have a token: such a
        person is erased by an order, with a receipt.
        """
        self._allow(permit)
        if permit.person is None or self._tokens_of((permit.person,)):
            raise Refused("forget somebody", "has_a_token", "an erasure is ordered")
        if self._database.in_transaction:
            raise StoreError("erase", "inside a transaction", "keys can't be destroyed on trial")
        newest = self._database.count(_NEWEST, (json.dumps([permit.person]), "[]"))
        self._finish(self._begin((permit.person,), ()), newest)

    def begin_forgetting(self, permit: Permit) -> str:
        """Write down, within a transaction, that the permit's person is to be destroyed; return its name.

        For who has no token: as `forget`, finished by the caller once all is durable, or by the next start.
        """
        self._allow(permit)
        if permit.person is None or self._tokens_of((permit.person,)):
            raise Refused("forget somebody", "has_a_token", "an erasure is ordered")
        return self._begin((permit.person,), ())

    def finish_forgetting(self, erasure: str, at_ms: int) -> None:
        """Destroy what `begin_forgetting` wrote down."""
        if self._database.in_transaction:
            raise StoreError("erase", "inside a transaction", "keys can't be destroyed on trial")
        self._finish(erasure, at_ms)

    def finish_erasures(self, now_ms: int) -> int:
        """Finish what a crash interrupted, and repeat what a restored backup undid; return how many.

        Their orders stay unanswered: the next one for the same token gets what was destroyed here.
        """
        revived = self._revived()
        if revived:
            self._begin(revived, ())
        begun = self._database.query("SELECT erasure FROM erasing UNION SELECT erasure FROM erasing_tokens")
        for row in begun:
            self._finish(row.text("erasure"), now_ms)
        return len(begun)

    def _finish(self, erasure: str, now_ms: int) -> None:
        persons, tokens = self._begun(erasure)
        self._keys.destroy_all(persons)
        with self._database.transaction():
            keys, rows, files = self._delete(erasure, persons, tokens)
            erased = Erased(keys, rows)
            self._bury(erasure, persons, tokens, erased, now_ms, TimeQuality.UNKNOWN, answered=False)
        self._clear_away(files)

    def _revived(self) -> list[PersonId]:
        """Return who was erased according to the key file and is in the database all the same (P42)."""
        living = self._database.query(
            "SELECT DISTINCT person FROM consents EXCEPT SELECT person FROM consents WHERE state IN (?, ?)",
            (State.ERASING, State.TOMBSTONE),
        )
        destroyed = self._keys.destroyed()
        return [PersonId(row.text("person")) for row in living if row.text("person") in destroyed]

    def forget_caller(self, permit: Permit, number: str) -> int:
        """Destroy what is kept of `number` (E.164) to call back; return how many calls it was kept of.

        Rights alone join a call's number with anybody. Asking again after a crash finishes it.
        """
        self._allow(permit)
        if self._database.in_transaction:
            raise StoreError("erase", "inside a transaction", "keys can't be destroyed on trial")
        rows = self._database.query("SELECT call, sealed FROM call_numbers")
        calls = [row.text("call") for row in rows if self._caller_of(row) == number]
        self._keys.destroy((call, INQUIRY) for call in calls)
        return self._database.run(
            "DELETE FROM call_numbers WHERE call IN (SELECT value FROM json_each(?))", (json.dumps(calls),)
        )

    def _caller_of(self, row: Row) -> str:
        call = row.text("call")
        return self._keys.open((call, INQUIRY), "call_numbers", call, row.blob("sealed")).decode()

    def newest_ms(self, permit: Permit, persons: Sequence[PersonId], tokens: Sequence[Token]) -> int:
        """Return the latest time on anything held of `persons` and claimed on `tokens`; 0 if there is none.

        A clock that was set back may have put it after now; an erasure has to cover it all the same.
        """
        self._allow(permit)
        return self._database.count(_NEWEST, (json.dumps(persons), json.dumps(tokens)))

    def erasures_of(self, permit: Permit, tokens: Sequence[Token]) -> tuple[PastErasure, ...]:
        """Return the erasures that these tokens' tombstones remember, newest first."""
        self._allow(permit)
        marks = json.dumps([self._tables.tokens.mark(token) for token in tokens])
        rows = self._database.query(
            "SELECT DISTINCT erasure, at_ms, keys, rows FROM tombstones"
            " WHERE mark IN (SELECT value FROM json_each(?)) ORDER BY at_ms DESC, erasure",
            (marks,),
        )
        return tuple(
            PastErasure(r.integer("at_ms"), Erased(r.integer("keys"), json.loads(r.text("rows"))))
            for r in rows
        )

    # -- beginning -------------------------------------------------------------------------

    def _begin(self, persons: Sequence[PersonId], tokens: Sequence[Token]) -> str:
        """Write down what is to be erased, durably; one that failed before is taken over."""
        erasure = secrets.token_hex(16)
        duty = {"basis": BasisKind.DUTY, "purpose": Purpose.RIGHTS}
        with self._database.transaction():
            for person in dict.fromkeys(persons):
                self._database.insert(
                    "erasing",
                    "ON CONFLICT (person) DO UPDATE SET erasure = excluded.erasure",
                    erasure=erasure,
                    person=person,
                    keys=self._keys.held(person),
                    **duty,
                )
                self._end_consents(person, State.ERASING)
            for token in dict.fromkeys([*tokens, *self._tokens_of(persons)]):
                self._database.insert(
                    "erasing_tokens",
                    "ON CONFLICT (token) DO UPDATE SET erasure = excluded.erasure",
                    erasure=erasure,
                    token=token,
                    **duty,
                )
        return erasure

    def _tokens_of(self, persons: Sequence[PersonId]) -> list[str]:
        rows = self._database.query(
            "SELECT token FROM person_tokens WHERE person IN (SELECT value FROM json_each(?))",
            (json.dumps(persons),),
        )
        return [row.text("token") for row in rows]

    def _begun(self, erasure: str) -> tuple[list[str], list[str]]:
        persons = self._database.query("SELECT person FROM erasing WHERE erasure = ?", (erasure,))
        tokens = self._database.query("SELECT token FROM erasing_tokens WHERE erasure = ?", (erasure,))
        return [row.text("person") for row in persons], [row.text("token") for row in tokens]

    def _end_consents(
        self,
        person: str,
        state: State,
        at_ms: int | None = None,
        quality: TimeQuality = TimeQuality.UNKNOWN,
    ) -> None:
        """Append `state` to each of a person's consents; at the time of the last change if none is given."""
        self._database.run(
            "INSERT INTO consents (person, scope, version, state, at_ms, quality, notice_version, basis,"
            " purpose) SELECT person, scope, max(version) + 1, ?, coalesce(?, at_ms), ?, notice_version,"
            " basis, purpose FROM consents WHERE person = ? GROUP BY scope HAVING state NOT IN (?, ?)",
            (state, at_ms, quality, person, state, State.TOMBSTONE),
        )

    # -- deleting --------------------------------------------------------------------------

    def _delete(
        self, erasure: str, persons: Sequence[str], tokens: Sequence[str]
    ) -> tuple[int, dict[str, int], list[Path]]:
        """Delete the rows; return how many keys are gone, rows by class, and the files to remove."""
        keys = self._database.count(
            "SELECT coalesce(sum(keys), 0) FROM erasing WHERE erasure = ?", (erasure,)
        )
        whose, rows = json.dumps(persons), dict[str, int]()
        rows["evidence"] = self._delete_of("evidence", "visit IN (SELECT visit FROM visits WHERE {})", whose)
        for table in _OF_PERSON:
            rows[_CLASS.get(table, table)] = self._delete_of(table, "{}", whose)
        rows["visits"] = self._delete_of("visits", "{}", whose)
        files = self._spool_files(whose)
        rows["calls"] = self._delete_of("calls", "call IN (SELECT call FROM recordings WHERE {})", whose)
        rows["recordings"] = self._delete_of("recordings", "{}", whose)
        rows |= self._delete_claims(json.dumps(tokens))
        rows["outbox"] = self._drop_waiting(persons, tokens)
        return keys, {name: count for name, count in rows.items() if count}, files

    def _delete_of(self, table: str, condition: str, whose: str) -> int:
        where = condition.format("person IN (SELECT value FROM json_each(?))")
        return self._database.run(f"DELETE FROM {table} WHERE {where}", (whose,))  # noqa: S608 — constants

    def _spool_files(self, whose: str) -> list[Path]:
        rows = self._database.query(
            "SELECT spool FROM recordings WHERE person IN (SELECT value FROM json_each(?))", (whose,)
        )
        return [self._tables.spool / row.text("spool") for row in rows]

    def _delete_claims(self, tokens: str) -> dict[str, int]:
        """Delete what the books say of them."""
        return {name: self._database.run(sql, (tokens,)) for name, sql in _BOOKS.items()}

    # -- ending ----------------------------------------------------------------------------

    def _bury(
        self,
        erasure: str,
        persons: Sequence[str],
        tokens: Sequence[str],
        erased: Erased,
        at_ms: int,
        quality: TimeQuality,
        *,
        answered: bool,
    ) -> None:
        """Void what a batch has taken, end the consents, and leave the tombstones."""
        self._void_taken(persons, tokens, at_ms, quality)
        for person in persons:
            self._end_consents(person, State.TOMBSTONE, at_ms, quality)
        for token in tokens:
            self._database.insert(
                "tombstones",
                "ON CONFLICT (mark) DO UPDATE SET erasure = excluded.erasure, at_ms = excluded.at_ms,"
                " keys = excluded.keys, rows = excluded.rows, answered = excluded.answered",
                mark=self._tables.tokens.mark(token),
                erasure=erasure,
                at_ms=at_ms,
                keys=erased.keys_destroyed,
                rows=json.dumps(dict(erased.rows)),
                answered=int(answered),
                basis=BasisKind.SUPPRESSION,
                purpose=Purpose.RIGHTS,
            )
        self._database.run("DELETE FROM erasing WHERE erasure = ?", (erasure,))
        self._database.run("DELETE FROM erasing_tokens WHERE erasure = ?", (erasure,))

    def _unanswered(self, tokens: Sequence[str]) -> Erased:
        """Return, and settle, what was erased at a start for an order that still wants its answer."""
        marks = json.dumps([self._tables.tokens.mark(token) for token in tokens])
        found = self._database.query(
            "SELECT DISTINCT erasure, keys, rows FROM tombstones"
            " WHERE answered = 0 AND mark IN (SELECT value FROM json_each(?))",
            (marks,),
        )
        keys, rows = 0, Counter[str]()
        for row in found:
            keys += row.integer("keys")
            rows.update(json.loads(row.text("rows")))
            self._database.run("UPDATE tombstones SET answered = 1 WHERE erasure = ?", (row.text("erasure"),))
        return Erased(keys, rows)

    def _clear_away(self, files: Sequence[Path]) -> None:
        """Remove recordings (their keys are gone), and the pages that the WAL still holds."""
        for file in files:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise StoreError("remove a recording", str(error.strerror), "check the disk") from None
        self._database.checkpoint()
