"""The store's schema is what schema.sql says; after a new migration, the test tells how to pin it anew."""

import difflib
import os
from pathlib import Path

import pytest

from edge.store.database import Database
from edge.store.keys import upgrade
from edge.store.migrate import BOX, KEYS, available, dump, migrate

HERE = Path(__file__).parent
KEK = b"k" * 32
PINNED = {"schema.sql": BOX, "keys_schema.sql": KEYS}


def brought(database: Database, directory: Path, upto: int | None = None) -> int:
    """Migrate as the program does: the key file's migrations need the KEK."""
    return upgrade(database, KEK, upto) if directory == KEYS else migrate(database, directory, upto)


@pytest.mark.parametrize("name", PINNED)
def test_the_schema_is_pinned(name: str, tmp_path: Path) -> None:
    database = Database(tmp_path / "new.db", bytes(32), "WAL")
    brought(database, PINNED[name])
    now = dump(database)
    database.close()
    pinned = HERE / name
    if os.environ.get("PIN_SCHEMA") == "1":
        pinned.write_text(now, encoding="utf-8")
    diff = difflib.unified_diff(
        pinned.read_text(encoding="utf-8").splitlines(), now.splitlines(), name, "the migrations", lineterm=""
    )
    difference = "\n".join(diff)
    assert not difference, (
        f"{difference}\n\nIf this is meant: never edit a migration that was released, add the next number, "
        "then run  PIN_SCHEMA=1 pytest tests/migrations/test_schema.py  and commit the new schema."
    )


@pytest.mark.parametrize("directory", [BOX, KEYS])
def test_every_step_from_any_older_schema_arrives_at_the_same(directory: Path, tmp_path: Path) -> None:
    newest = max(available(directory))
    dumps = set()
    for start in range(1, newest + 1):
        database = Database(tmp_path / f"{start}.db", bytes(32), "WAL")
        assert brought(database, directory, upto=start) == start
        assert brought(database, directory) == newest
        assert brought(database, directory) == newest
        dumps.add(dump(database))
        database.close()
    assert len(dumps) == 1
