"""The key file: a key opens one person's rows of one scope in one place, until it is destroyed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.errors import StoreError
from edge.store.database import Database
from edge.store.keys import KeyFile
from edge.store.migrate import KEYS, migrate

PERSON, OTHER = "a" * 32, "b" * 32
NAME = (PERSON, "face_match")
KEK = b"k" * 32


def wrapped_in(keys: KeyFile) -> dict[str, bytes]:
    rows = keys._database.query("SELECT subject, wrapped FROM wrapped_keys")
    return {row.text("subject"): row.blob("wrapped") for row in rows}


def plain_copy(database: Database, path: Path) -> bytes:
    """What somebody with the file's own key sees of it."""
    database.run(f"ATTACH DATABASE '{path}' AS plain KEY ''")
    database.query("SELECT sqlcipher_export('plain')")
    database.run("DETACH DATABASE plain")
    return path.read_bytes()


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[KeyFile]:
    made = KeyFile(tmp_path / "keys.db", bytes(32), (KEK,))
    yield made
    made.close()


def test_a_key_is_made_once_and_is_its_owners_alone(keys: KeyFile) -> None:
    assert keys.create(NAME, (OTHER, "face_match")) == (NAME, (OTHER, "face_match"))
    first = keys.key(*NAME)
    assert keys.create(NAME, NAME) == ()
    assert keys.key(*NAME) == first
    assert first is not None and len(first) == 32 and first != keys.key(OTHER, "face_match")
    assert keys.key(PERSON, "id_card") is None


def test_what_is_sealed_opens_only_in_its_own_place(keys: KeyFile) -> None:
    keys.create(NAME, (OTHER, "face_match"))
    sealed = keys.seal(NAME, "templates", "1", b"vector")
    assert b"vector" not in sealed
    assert keys.open(NAME, "templates", "1", sealed) == b"vector"
    for name, table, row in [
        ((OTHER, "face_match"), "templates", "1"),
        (NAME, "contacts", "1"),
        (NAME, "templates", "2"),
    ]:
        with pytest.raises(StoreError):
            keys.open(name, table, row, sealed)


@settings(max_examples=50, deadline=None)
@given(plain=st.binary(max_size=200), at=st.integers(min_value=0), bit=st.integers(0, 7))
def test_p4_one_changed_bit_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, plain: bytes, at: int, bit: int
) -> None:
    keys = KeyFile(tmp_path_factory.mktemp("k") / "keys.db", bytes(32), (KEK,))
    keys.create(NAME)
    sealed = bytearray(keys.seal(NAME, "contacts", PERSON, plain))
    sealed[at % len(sealed)] ^= 1 << bit
    with pytest.raises(StoreError, match="authentication"):
        keys.open(NAME, "contacts", PERSON, bytes(sealed))
    keys.close()


def test_destroyed_is_gone_even_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    keys = KeyFile(path, bytes(32), (KEK,))
    keys.create(NAME, (PERSON, "id_card"), (OTHER, "id_card"))
    sealed = keys.seal(NAME, "templates", "1", b"vector")
    assert keys.held(PERSON) == 2
    assert keys.destroy_all([PERSON]) == 2
    assert keys.destroy_all([PERSON]) == 0
    keys.close()
    again = KeyFile(path, bytes(32), (KEK,))
    assert again.names() == {(OTHER, "id_card")}
    with pytest.raises(StoreError, match="destroyed"):
        again.open(NAME, "templates", "1", sealed)
    again.create(NAME)
    with pytest.raises(StoreError, match="authentication"):
        again.open(NAME, "templates", "1", sealed)
    assert again.destroy([NAME, (OTHER, "nothing")]) == 1
    again.close()


def test_the_key_file_needs_its_own_key(tmp_path: Path) -> None:
    KeyFile(tmp_path / "keys.db", bytes(32), (KEK,)).close()
    with pytest.raises(StoreError, match="wrong key"):
        KeyFile(tmp_path / "keys.db", b"x" * 32, (KEK,))


def test_destroying_zeroes_the_page_that_held_the_key(tmp_path: Path) -> None:
    """Seen with the file's own key: the page's free space holds no trace of a destroyed key."""
    keys = KeyFile(tmp_path / "keys.db", bytes(32), (KEK,))
    keys.create(NAME, (OTHER, "face_match"))
    gone, kept = keys.key(*NAME), keys.key(OTHER, "face_match")
    wrapped = wrapped_in(keys)
    assert gone is not None and kept is not None
    keys.destroy([NAME])
    image = plain_copy(keys._database, tmp_path / "plain.db")
    assert wrapped[OTHER] in image
    assert wrapped[PERSON] not in image
    assert kept not in image and gone not in image
    keys.close()


def test_no_raw_key_lies_in_the_file(tmp_path: Path) -> None:
    """The file and its own key open nothing: each key is under the KEK of the credentials."""
    keys = KeyFile(tmp_path / "keys.db", bytes(32), (KEK,))
    keys.create(NAME)
    raw = keys.key(*NAME)
    assert raw is not None
    assert raw not in wrapped_in(keys)[PERSON]
    keys.close()
    with pytest.raises(StoreError, match="isn't there"):
        KeyFile(tmp_path / "keys.db", bytes(32), (b"x" * 32,))


def test_a_wrapped_key_opens_only_under_its_own_name(keys: KeyFile) -> None:
    keys.create(NAME, (OTHER, "face_match"))
    keys._database.run(
        "UPDATE wrapped_keys SET wrapped = (SELECT wrapped FROM wrapped_keys WHERE subject = ?)", (OTHER,)
    )
    assert keys.key(OTHER, "face_match") is not None
    with pytest.raises(StoreError, match="authentication"):
        keys.key(*NAME)


def test_a_new_kek_wraps_everything_anew_and_the_old_one_opens_nothing(tmp_path: Path) -> None:
    path, new = tmp_path / "keys.db", b"n" * 32
    keys = KeyFile(path, bytes(32), (KEK,))
    keys.create(NAME, (OTHER, "face_match"))
    before, under_old = keys.key(*NAME), wrapped_in(keys)
    keys.close()
    keys = KeyFile(path, bytes(32), (new, KEK))
    assert keys.key(*NAME) == before
    assert not set(wrapped_in(keys).values()) & set(under_old.values())
    keys.close()
    keys = KeyFile(path, bytes(32), (new,))
    assert keys.key(*NAME) == before
    keys.close()
    with pytest.raises(StoreError, match="isn't there"):
        KeyFile(path, bytes(32), (KEK,))


def test_the_raw_keys_of_the_first_schema_are_wrapped_and_leave_no_trace(tmp_path: Path) -> None:
    path, raw = tmp_path / "keys.db", b"RAW KEY OF THE FIRST SCHEMA 0123"
    old = Database(path, bytes(32), "TRUNCATE")
    migrate(old, KEYS, upto=1)
    old.run("INSERT INTO keys VALUES (?, ?, ?)", (*NAME, raw))
    assert raw in plain_copy(old, tmp_path / "before.db")
    old.close()
    keys = KeyFile(path, bytes(32), (KEK,))
    assert keys.key(*NAME) == raw
    assert raw not in plain_copy(keys._database, tmp_path / "after.db")
    assert raw not in path.read_bytes()
    keys.close()
