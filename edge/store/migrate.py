"""Numbered migrations, each in one transaction; never skips one, never opens a newer schema."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from edge.domain.errors import StoreError
from edge.store.database import Database

BOX = Path(__file__).parent / "migrations"
KEYS = BOX / "keys"
_NAME = re.compile(r"(\d{3})_[a-z0-9_]+\.sql")


def migrate(database: Database, directory: Path = BOX, upto: int | None = None) -> int:
    """Bring `database` to the newest schema in `directory` (or to `upto`); return its number."""
    known = available(directory)
    version = database.count("PRAGMA user_version")
    if version > max(known):
        cause = f"its schema is number {version}, this program knows {max(known)}"
        raise StoreError("open the store", cause, "install the newer version again")
    for number in sorted(n for n in known if version < n <= (upto or max(known))):
        _apply(database, number, known[number].read_text(encoding="utf-8"))
        version = number
    return version


def available(directory: Path) -> dict[int, Path]:
    """Return the migrations by number; StoreError if the numbers have a gap."""
    found = {int(m[1]): path for path in directory.iterdir() if (m := _NAME.fullmatch(path.name))}
    if sorted(found) != list(range(1, len(found) + 1)):
        raise StoreError("read the migrations", f"numbers {sorted(found)} are not 1..n")
    return found


def _apply(database: Database, number: int, script: str) -> None:
    with database.transaction():
        for statement in statements(script):
            database.run(statement)
        database.run(f"PRAGMA user_version = {number}")


def statements(script: str) -> Iterator[str]:
    """Split a script at the semicolons that end a statement (a trigger's body holds others)."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if "".join(line for line in pending.splitlines() if not line.startswith("--")).strip():
        raise StoreError("read the migrations", "a statement has no end")


def dump(database: Database) -> str:
    """Return the schema as text, in a stable order, for the test that pins it."""
    rows = database.query(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
        "ORDER BY type, name"
    )
    return "\n\n".join(row.text("sql") + ";" for row in rows) + "\n"
