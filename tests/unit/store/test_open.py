"""Opening: one process at a time, files that belong together, and the sweep of what a crash left."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from edge.domain.errors import ConfigError, StoreError
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore
from edge.wire import Scope
from tests.unit.store.world import IDENTITY, World


def test_a_second_process_is_refused(world: World) -> None:
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from edge.domain.errors import StoreError
        from edge.store.credentials import Credentials
        from edge.store.identity import BoxIdentity
        from edge.store.store import SqlStore
        here = Path(sys.argv[1])
        try:
            credentials = Credentials.load(here / "credentials", {})
            SqlStore.open(here / "state", credentials, BoxIdentity("tenant", "site", "box"))
        except StoreError as error:
            print(error)
        """
    )
    run = [sys.executable, "-c", script, str(world.directory)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
    assert "another process has it open" in done.stdout
    world.store.close()
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ""
    world.open()


def test_p31_a_store_stays_with_its_tenant_and_site(world: World) -> None:
    world.store.close()
    for other in (("tenant2", "site", "box"), ("tenant", "site2", "box"), ("tenant", "site", "box2")):
        with pytest.raises(StoreError, match="another box"):
            SqlStore.open(world.state, world.credentials, BoxIdentity(*other))
    world.open()


@pytest.mark.parametrize("bad", ["", "Box", "a b", "-a", "a" * 41, "案场"])
def test_a_box_has_a_name(bad: str) -> None:
    with pytest.raises(ConfigError):
        BoxIdentity("tenant", "site", bad)


def test_a_lost_or_foreign_key_file_destroys_nothing(world: World, tmp_path: Path) -> None:
    who = world.register("+8613800138000", Scope.FACE_MATCH)
    world.enrol(who, b"v" * 512)
    world.store.close()
    kept = world.state / "keys.kept"
    (world.state / "keys.db").rename(kept)
    with pytest.raises(StoreError, match=r"keys\.db is missing"):
        world.open()
    foreign = World(tmp_path / "foreign")
    foreign.store.close()
    foreign_keys = Credentials(
        world.credentials.store_key,
        foreign.credentials.keys_key,
        foreign.credentials.keks,
        world.credentials.signing_key,
        world.credentials.tokens,
        world.credentials.enrolment_key,
    )
    shutil.copy(foreign.state / "keys.db", world.state / "keys.db")
    with pytest.raises(StoreError, match="another box"):
        SqlStore.open(world.state, foreign_keys, IDENTITY)
    kept.rename(world.state / "keys.db")
    world.open()
    assert world.store.contact(world.rights(who), Scope.REGISTRATION) == "+8613800138000"


def test_a_lost_database_destroys_no_key(world: World) -> None:
    who = world.register("+8613800138000")
    world.store.close()
    kept = world.state / "box.kept"
    (world.state / "box.db").rename(kept)
    with pytest.raises(StoreError, match=r"box\.db is missing"):
        world.open()
    kept.rename(world.state / "box.db")
    world.open()
    assert world.store.contact(world.rights(who), Scope.REGISTRATION) == "+8613800138000"


def test_keys_that_no_row_needs_are_swept(world: World) -> None:
    who = world.register("+8613800138000")
    world.store._keys.create(("f" * 32, "registration"), ("e" * 32, "inquiry"))
    call = world.count_call("+8613900139000")
    world.reopen()
    assert world.store._keys.names() == {(who.person, "registration"), (call, "inquiry")}
    assert world.store.audit_tail(1)[0].code == "recovered_keys"


def test_rows_whose_key_is_gone_are_swept(world: World) -> None:
    """Destroying a scope's key is its erasure, even if the process dies before the rows go."""
    who = world.register("+8613800138000", Scope.FACE_MATCH, Scope.ID_CARD)
    world.enrol(who, b"v" * 512)
    world.keep_card(who, "王", "11010119900101123X")
    world.store._keys.destroy([(who.person, "face_match")])
    world.reopen()
    assert world.store.enrolled() == ()
    assert world.store.card(world.rights(who)) is not None
    assert world.store.contact(world.rights(who), Scope.REGISTRATION) is not None


def test_recordings_that_no_row_names_are_swept(world: World) -> None:
    who = world.register("+8613800138000", Scope.RECORDING)
    call = world.record_call(who, b"sealed")
    (world.store.spool / ("0" * 32)).write_bytes(b"left by a crash")
    world.reopen()
    recording = world.store.recording(world.rights(who), call)
    assert recording is not None and recording.path.read_bytes() == b"sealed"
    assert list(world.store.spool.iterdir()) == [recording.path]


def test_state_is_the_same_after_a_restart(world: World) -> None:
    who = world.register("+8613800138000", Scope.CHANNEL_RISK, Scope.FACE_MATCH)
    visit = world.visit(who)
    world.enrol(who, b"v" * 512)
    world.withdraw(who, Scope.FACE_MATCH)

    def seen() -> list[object]:
        store, rights = world.store, world.rights(who)
        return [
            store.consents(who.person),
            store.tokens_of(rights),
            store.contact(rights, Scope.REGISTRATION),
            store.visits(rights),
            store.visit(visit),
            store.open_visits(),
            store.waiting(),
            store.oldest_ms(),
        ]

    before = seen()
    world.reopen()
    assert seen() == before


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    credentials = Credentials.create(tmp_path / "credentials")
    with pytest.raises(StoreError, match="Not a directory"):
        SqlStore.open(tmp_path / "file" / "state", credentials, IDENTITY)


def test_no_file_is_readable_by_others(world: World) -> None:
    world.record_call(world.register("+8613800138000", Scope.RECORDING), b"sealed")
    files = [p for p in world.state.rglob("*") if p.is_file() and p.parent != world.store.spool]
    assert {p.name for p in files} >= {"box.db", "box.db-wal", "keys.db", "box.lock"}
    assert all(p.stat().st_mode & 0o077 == 0 for p in [*files, world.store.spool])
