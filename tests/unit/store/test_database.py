"""The encrypted file: what it refuses, what it survives, and that it says so in words."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from edge.domain.errors import InvalidInput, StoreError
from edge.store.database import Database, Row
from edge.store.migrate import available, migrate, statements

KEY = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "box.db"


def opened(path: Path, key: bytes = KEY) -> Database:
    database = Database(path, key, "WAL")
    migrate(database)
    return database


def test_it_runs_as_promised(path: Path) -> None:
    database = opened(path)
    settings = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "temp_store": 2,
        "trusted_schema": 0,
    }
    found = {name: next(iter(_values(database.one(f"PRAGMA {name}")))) for name in settings}
    assert found == settings
    assert path.stat().st_mode & 0o777 == 0o600
    assert Path(f"{path}-wal").stat().st_mode & 0o077 == 0
    database.close()


def _values(row: Row | None) -> list[object]:
    assert row is not None
    return list(row._values.values())


def test_a_wrong_key_says_so_and_shows_none(path: Path) -> None:
    opened(path).close()
    with pytest.raises(StoreError, match="wrong key") as refused:
        opened(path, bytes(32))
    assert refused.value.hint and "00" * 8 not in str(refused.value)
    opened(path).close()


def test_a_truncated_or_overwritten_file_is_refused(path: Path) -> None:
    opened(path).close()
    whole = path.read_bytes()
    path.write_bytes(b"\xff" * 4096 + whole[4096:])
    with pytest.raises(StoreError, match="damaged"):
        opened(path)
    path.write_bytes(whole)
    opened(path).close()


def test_p4_a_flipped_bit_is_found(path: Path) -> None:
    database = opened(path)
    database.check()
    database.checkpoint()
    database.close()
    damaged = bytearray(path.read_bytes())
    damaged[5 * 4096 + 100] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(StoreError):
        again = opened(path)
        again.check()


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    database = opened(path)
    database.run("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="number 99") as refused:
        opened(path)
    assert "newer" in refused.value.hint
    assert Database(path, KEY, "WAL").count("PRAGMA user_version") == 99


def test_a_migration_is_all_or_nothing(path: Path, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "001_first.sql").write_text("CREATE TABLE a (x INTEGER);\n")
    (tmp_path / "m" / "002_second.sql").write_text(
        "CREATE TABLE b (x INTEGER);\nINSERT INTO nowhere VALUES (1);\n"
    )
    database = Database(path, KEY, "WAL")
    with pytest.raises(StoreError):
        migrate(database, tmp_path / "m")
    database.close()
    again = Database(path, KEY, "WAL")
    assert again.count("PRAGMA user_version") == 1
    assert [r.text("name") for r in again.query("SELECT name FROM sqlite_master")] == ["a"]
    (tmp_path / "m" / "002_second.sql").write_text("CREATE TABLE b (x INTEGER);\n")
    assert migrate(again, tmp_path / "m") == 2
    again.close()


def test_migrations_have_no_gap(tmp_path: Path) -> None:
    (tmp_path / "001_a.sql").touch()
    (tmp_path / "003_c.sql").touch()
    with pytest.raises(StoreError, match=r"\[1, 3\]"):
        available(tmp_path)


def test_statements_are_split_where_they_end() -> None:
    script = (
        "-- a; comment\nCREATE TABLE a (x); CREATE TRIGGER t BEFORE UPDATE ON a\nBEGIN\n SELECT 1;\nEND;\n"
    )
    assert len(list(statements("CREATE TABLE a (x);\nCREATE TABLE b (y);\n"))) == 2
    assert "".join(statements(script)) == script
    with pytest.raises(StoreError):
        list(statements("CREATE TABLE a (x)"))


def test_a_savepoint_undoes_itself_alone(path: Path) -> None:
    database = opened(path)
    with database.transaction():
        database.insert("meta", name="a", value="1")
        with pytest.raises(InvalidInput), database.transaction():
            database.insert("meta", name="b", value="2")
            database.insert("meta", name="a", value="again")
    assert [r.text("name") for r in database.query("SELECT name FROM meta")] == ["a"]
    with pytest.raises(KeyboardInterrupt), database.transaction():
        database.insert("meta", name="c", value="3")
        raise KeyboardInterrupt
    assert not database.in_transaction
    assert database.count("SELECT count(*) FROM meta") == 1
    database.close()


def test_a_broken_rule_is_bad_input_and_names_no_value(path: Path) -> None:
    database = opened(path)
    with pytest.raises(InvalidInput) as refused:
        database.insert(
            "commands",
            command_id="+8613800138000",
            kind="x",
            outcome="y",
            at_ms=1,
            basis="duty",
            purpose="rights",
        )
    assert "138" not in str(refused.value)
    assert database.count("SELECT count(*) FROM commands") == 0
    database.close()


def test_a_full_disk_ends_the_store_and_loses_nothing_acknowledged(path: Path) -> None:
    """A real write error: the process may not let the file grow. Nothing is retried after it."""
    script = textwrap.dedent(
        """
        import resource, signal, sys
        from pathlib import Path
        from edge.domain.errors import StoreError
        from edge.store.database import Database
        from edge.store.migrate import migrate
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        database = Database(Path(sys.argv[1]), bytes(range(32)), "WAL")
        migrate(database)
        database.insert("meta", name="acknowledged", value="1")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        failed = 0
        for n in range(2000):
            try:
                database.insert("meta", name=f"n{n}", value="x" * 1000)
                assert not failed, "it went on after an I/O error"
                print(n, flush=True)
            except StoreError as error:
                failed += 1
                if failed == 3:
                    print(error)
                    sys.exit(7)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 7, done.stderr
    *acknowledged, text = done.stdout.split("\n")[:-1]
    assert "failed before" in text
    database = opened(path)
    held = {r.text("name") for r in database.query("SELECT name FROM meta")}
    assert {"acknowledged", *(f"n{n}" for n in acknowledged)} <= held
    assert acknowledged
    database.check()
    database.close()
