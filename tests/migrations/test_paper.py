"""The consents' table is made anew for forms on paper: whatever hangs on its rows stays as it was."""

from pathlib import Path

import pytest

from edge.domain.errors import InvalidInput
from edge.store.database import Database, Value
from edge.store.migrate import migrate

PERSON, PROOF, LINK, T = "a" * 32, "b" * 32, "c" * 32, 1_700_000_000_000
DUTY = ("duty", "rights")
TABLES = ("consents", "signed_consents", "guardian_proofs", "rights_links")


@pytest.fixture
def before(tmp_path: Path) -> Database:
    """A store of the release before, with a child's consent, its proof, a signed text and a code."""
    database = Database(tmp_path / "box.db", bytes(32), "WAL")
    migrate(database, upto=11)
    held = (PERSON, "registration", 1)
    given = ("ACTIVE", T, "synchronised", "n1", "0" * 64, "guardian", b"proof", *DUTY)
    link = (LINK, PERSON, b"sealed", T, None, 0, 1, 0, T, *DUTY)
    proof = (PROOF, *held, "signature", "{}", b"sealed", T, *DUTY)
    for table, values in (
        ("consents", (*held, *given)),
        ("signed_consents", (*held, "{}", *DUTY)),
        ("guardian_proofs", proof),
        ("rights_links", link),
    ):
        database.run(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
    database.run("UPDATE rights_links SET dirty = 0")
    return database


def test_every_row_is_there_as_it_was(before: Database) -> None:
    was = {table: before.query(f"SELECT * FROM {table}") for table in TABLES}
    migrate(before)
    for table, rows in was.items():
        now = before.query(f"SELECT * FROM {table}")
        assert all(r.values().items() <= n.values().items() for r, n in zip(rows, now, strict=True)), table
    assert before.count("SELECT count(*) FROM pragma_foreign_key_check") == 0
    before.close()


def test_consents_are_append_only_still_and_take_their_proofs_along(before: Database) -> None:
    migrate(before)
    with pytest.raises(InvalidInput):
        before.run("UPDATE consents SET state = 'WITHDRAWN'")
    before.run("DELETE FROM consents")
    assert [before.count(f"SELECT count(*) FROM {table}") for table in TABLES[:3]] == [0, 0, 0]
    before.close()


def kept(database: Database, row: dict[str, Value]) -> None:
    places = ", ".join("?" * len(row))
    database.run(f"INSERT INTO consents ({', '.join(row)}) VALUES ({places})", tuple(row.values()))


def test_a_form_on_paper_has_both_times_and_no_clock(before: Database) -> None:
    migrate(before)
    paper: dict[str, Value] = {
        "person": PERSON, "scope": "follow_up", "version": 1, "state": "ACTIVE", "at_ms": T,
        "quality": "unknown", "notice_version": "n1", "notice_hash": "0" * 64, "act": "paper",
        "proof": b"proof", "entered_ms": T, "basis": "duty", "purpose": "rights",
    }  # fmt: skip
    wrong: tuple[dict[str, Value], ...] = (
        {"entered_ms": None}, {"entered_ms": T - 1}, {"quality": "synchronised"}, {"act": "tap"},
        {"scope": "face_match"},
    )  # fmt: skip
    for change in wrong:
        with pytest.raises(InvalidInput):
            kept(before, paper | change)
    kept(before, paper)
    before.close()
