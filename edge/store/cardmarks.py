"""Finds whose card lies there by a keyed hash of its number; never keeps, logs or returns the number.

Each use has a key of its own in this box's key file: none of them is the project's, none ever leaves the box,
and no mark of one use is found by the other.
"""

import hashlib
import hmac
import json

from edge.domain.facts import StaffId
from edge.domain.idcard import CardKind
from edge.ports import Permit
from edge.store.keys import KeyName
from edge.store.links import LinkReads
from edge.store.rows import LinkRow
from edge.store.tables import Tables
from edge.wire import Purpose, Scope, canonical

VISITORS: KeyName = ("box", "card_marks")
STAFF: KeyName = ("box", "staff_cards")
BOX_KEYS = frozenset({VISITORS, STAFF})
"""They belong to no person: erasing somebody deletes their mark, not the key that others are found by."""

_INDEXED = "cards_marked"
_UNMARKED = """
SELECT c.person, c.sealed, c.at_ms, c.basis, c.purpose, (
    SELECT l.link FROM rights_links l WHERE l.person = c.person AND l.verified = 0
        AND l.since_ms <= c.at_ms AND (l.until_ms IS NULL OR l.until_ms > c.at_ms)
    ORDER BY l.since_ms DESC LIMIT 1) AS link
FROM cards c WHERE c.person NOT IN (SELECT person FROM card_marks)
"""


def mark_of(tables: Tables, use: KeyName, kind: CardKind, number: str) -> str:
    """Return the mark (HMAC-SHA256, 64 hex digits) of a card for one use."""
    tables.keys.create(use)
    key = tables.keys.key(*use)
    assert key is not None
    return hmac.new(key, canonical([kind, number]), hashlib.sha256).hexdigest()


class CardMarks(LinkReads):
    """Looks up cards; needs a permit of the gate for what their bearers asked for."""

    def links_by_card(self, permit: Permit, kind: CardKind, number: str) -> tuple[LinkRow, ...]:
        """Return the code of each registration at which this card was kept, newest keeping first."""
        self._allow(permit)
        rows = self._database.query(
            "SELECT l.* FROM card_marks m JOIN rights_links l USING (link) WHERE m.mark = ?"
            " ORDER BY m.at_ms DESC, m.link",
            (mark_of(self._tables, VISITORS, kind, number),),
        )
        return tuple(self._link(row) for row in rows)

    def staff_by_card(self, permit: Permit, kind: CardKind, number: str) -> StaffId | None:
        """Return which receptionist signs in with this card; None for one that nobody may sign in with."""
        self._allow(permit, Purpose.STAFFING)
        row = self._database.one(
            "SELECT staff FROM staff_cards JOIN staff USING (staff) WHERE mark = ? AND active = 1",
            (mark_of(self._tables, STAFF, kind, number),),
        )
        return StaffId(row.text("staff")) if row else None

    def has_card(self, permit: Permit, staff: StaffId) -> bool:
        """Return whether a receptionist has a card to sign in with."""
        self._allow(permit, Purpose.STAFFING)
        return self._database.one("SELECT 1 FROM staff_cards WHERE staff = ?", (staff,)) is not None

    def mark_cards(self) -> int:
        """Give each card that was kept before there were marks its own, once; return how many.

        One that was kept while there was no code to show has none, and gets none.
        """
        name = f"mark_{_INDEXED}"
        if self._database.one("SELECT 1 FROM meta WHERE name = ?", (name,)):
            return 0
        rows = [row for row in self._database.query(_UNMARKED) if row.maybe_text("link") is not None]
        with self._database.transaction():
            for row in rows:
                person = row.text("person")
                plain = self._keys.open((person, Scope.ID_CARD), "cards", person, row.blob("sealed"))
                _name, number, _until, *kind = json.loads(plain)
                self._database.insert(
                    "card_marks",
                    mark=mark_of(self._tables, VISITORS, CardKind(*kind or [CardKind.RESIDENT]), number),
                    link=row.text("link"),
                    person=person,
                    at_ms=row.integer("at_ms"),
                    basis=row.text("basis"),
                    purpose=row.text("purpose"),
                )
            self._database.insert("meta", name=name, value="1")
        return len(rows)
