"""What a restore has to know of two database files: who was erased, what can't be read; no more."""

import json
from pathlib import Path

from edge.store.database import Database, Row
from edge.store.keys import INQUIRY, KeyFile
from edge.store.migrate import migrate
from edge.store.retention import SEALED
from edge.store.tokens import TokenKeys

_LAST_ACT = (
    "SELECT t.person, t.token, (SELECT max(c.at_ms) FROM consents c"
    " WHERE c.person = t.person AND c.state = 'ACTIVE') AS at_ms FROM person_tokens t"
)


_COLUMNS = ("mark", "erasure", "at_ms", "keys", "rows", "answered", "basis", "purpose")


def tombstones(present: Database) -> list[Row]:
    """Return every tombstone of the store that is to be replaced."""
    return present.query(f"SELECT {', '.join(_COLUMNS)} FROM tombstones")  # noqa: S608 — constants


def bury_again(
    database: Database, keys: KeyFile, tokens: TokenKeys, destroyed: set[str], stones: list[Row]
) -> int:
    """Destroy in `keys` whom the present store knows as erased; return how many persons lose their rows.

    The rows go when the store opens, before anything is served: it looks for whose keys were destroyed.
    A person who agreed again after a tombstone was set, by their own act, is kept.
    """
    migrate(database)
    for stone in stones:
        database.insert("tombstones", "ON CONFLICT DO NOTHING", **stone.values())
    marks = {stone.text("mark"): stone.integer("at_ms") for stone in stones}
    again = {
        row.text("person")
        for row in database.query(_LAST_ACT)
        if (row.maybe_integer("at_ms") or 0) <= marks.get(tokens.mark(row.text("token")), -1)
    }
    keys.destroy_all(destroyed | again)
    held = {row.text("person") for row in database.query("SELECT DISTINCT person FROM person_tokens")}
    return len(held & keys.destroyed())


def unreadable(database: Database, keys: KeyFile) -> dict[str, int]:
    """Return how many sealed rows have no key, by class; of those who were erased none counts."""
    names, erased = keys.names(), keys.destroyed()
    lost: dict[str, int] = {}
    for table, subject, scope in SEALED:
        rows = database.query(f"SELECT {subject} AS subject, {scope} AS scope FROM {table}")  # noqa: S608 — constants
        found = [(row.text("subject"), row.text("scope")) for row in rows]
        count = sum(name not in names and name[0] not in erased for name in found)
        if count:
            lost[table] = count
    return lost


def without_sound(database: Database, keys: KeyFile, spool: Path) -> int:
    """Delete the rows of recordings whose file isn't there (backups hold none); return how many.

    Those of who was erased don't count: their files went with them.
    """
    rows, erased = database.query("SELECT person, spool FROM recordings"), keys.destroyed()
    gone = [row for row in rows if not (spool / row.text("spool")).exists()]
    database.run(
        "DELETE FROM recordings WHERE spool IN (SELECT value FROM json_each(?))",
        (json.dumps([row.text("spool") for row in gone]),),
    )
    return sum(row.text("person") not in erased for row in gone)


def living(database: Database, keys: KeyFile) -> int:
    """Return how many persons can be found again."""
    held = {row.text("person") for row in database.query("SELECT DISTINCT person FROM person_tokens")}
    named = {subject for subject, scope in keys.names() if scope != INQUIRY}
    return len(held & named)
