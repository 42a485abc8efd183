"""Backups open with the escrow's key alone; a restore brings back everybody but who was erased (P42).

1,000 people of whom 100 are erased after the backup, with `--long`; else 60 and 10.
"""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nacl.public import PrivateKey

from edge.config import Backup
from edge.domain.errors import InvalidInput, StoreError
from edge.domain.retention import DAY_MS
from edge.runtime import backupfile
from edge.runtime.backup import KEYS_LIVE_MS, Backups, Made, prune
from edge.runtime.backups import BackupService
from edge.runtime.restore import Restore, Restored, Source
from edge.runtime.storethread import StoreThread
from edge.store import store
from edge.store.credentials import Credentials, exchange_kek
from edge.store.identity import BoxIdentity
from edge.wire import Scope
from tests.unit.store.test_forensic import Town
from tests.unit.store.world import IDENTITY, World

ESCROW = PrivateKey(b"e" * 32)


@dataclass
class Site:
    """A town, its backup place, and what is there."""

    town: Town
    place: Path

    @property
    def world(self) -> World:
        return self.town.world

    def backup(self) -> Made:
        world = self.world
        maker = Backups(
            world.store, IDENTITY, bytes(ESCROW.public_key), world.credentials.keks, world.credentials.sign
        )
        return maker.seal(maker.copy(world.now), self.place)

    def restore(
        self,
        made: Made,
        *,
        with_keys: bool = False,
        now_ms: int | None = None,
        escrow: PrivateKey = ESCROW,
        without_keys: bool = False,
    ) -> Restored:
        self.world.store.close()
        source = Source(made.data, made.keys if with_keys else None, bytes(escrow), without_keys=without_keys)
        try:
            return Restore(self.world.state, self.world.credentials, IDENTITY, source).run(
                now_ms or self.world.now
            )
        finally:
            self.world.open()

    def lose(self, *names: str) -> None:
        """The disk is gone."""
        self.world.store.close()
        for file in self.world.state.iterdir():
            if file.is_file() and (not names or file.name in names):
                file.unlink()
        self.world.open()

    def numbers(self) -> set[str]:
        """Every number that can be read."""
        store, found = self.world.store, set()
        for row in store._database.query("SELECT DISTINCT person FROM contacts"):
            contact = store.contact(self.world.gate.permit_rights(row.text("person")), Scope.REGISTRATION)  # type: ignore[arg-type]  # an id is a text
            found.add(contact)
        return {number for number in found if number}


@pytest.fixture
def site(tmp_path: Path, long: bool) -> Iterator[Site]:
    made = Site(Town(tmp_path / "box", *((1000, 100) if long else (60, 10))), tmp_path / "backups")
    yield made
    made.world.store.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Site]:
    made = Site(Town(tmp_path / "box", 3, 1), tmp_path / "backups")
    yield made
    made.world.store.close()


def kept(site: Site) -> set[str]:
    return {person.who.phone for person in site.town.kept}


def everybody(site: Site) -> set[str]:
    return {person.who.phone for person in site.town.people}


# ---- P42 ------------------------------------------------------------------------------------


def test_p42_a_restored_backup_brings_back_all_but_the_erased(site: Site) -> None:
    """The box's own key file stands: its list of destroyed keys is replayed before anything is served."""
    made = site.backup()
    site.town.erase()
    site.world.register("+8613700000000")
    told = site.restore(made)
    assert (told.erased_again, told.keys_from) == (len(site.town.erased), "present")
    assert told.unreadable == {}
    assert told.persons == len(site.town.kept)
    assert site.numbers() == kept(site)
    for person in site.town.erased:
        assert site.world.store.suppressed(person.tokens[0])
        assert site.world.store.person_by_token(site.world.rights(), person.tokens[0]) is None


def test_p42_with_the_key_file_lost_as_well_the_newest_key_backup_knows_the_erased(small: Site) -> None:
    old = small.backup()
    small.town.erase()
    small.world.now += DAY_MS
    new = small.backup()
    small.lose()
    told = small.restore(Made(old.data, new.keys, 0), with_keys=True)
    assert (told.erased_again, told.keys_from) == (1, "backup")
    assert small.numbers() == kept(small)


def test_p42_the_present_tombstones_count_even_if_the_key_backup_is_older(small: Site) -> None:
    made = small.backup()
    small.town.erase()
    told = small.restore(made, with_keys=True)
    assert told.erased_again == 1
    assert small.numbers() == kept(small)


def test_p42_an_erasure_that_comes_later_finds_who_came_back(small: Site) -> None:
    """All is lost and the keys are older than the erasure: headquarters' order, said again, ends it."""
    made = small.backup()
    small.town.erase()
    small.lose()
    assert small.restore(made, with_keys=True).erased_again == 0
    assert small.numbers() == everybody(small)
    small.world.erase(small.town.erased[0].who)
    assert small.numbers() == kept(small)


def test_who_came_back_by_their_own_act_after_an_erasure_is_kept(small: Site) -> None:
    gone = small.town.erased[0].who
    small.world.erase(gone)
    again = small.world.register(gone.phone)
    made = small.backup()
    told = small.restore(made)
    assert told.erased_again == 0
    assert small.world.store.contact(small.world.rights(again), Scope.REGISTRATION) == gone.phone


# ---- what can't be read ---------------------------------------------------------------------


def test_data_without_its_keys_is_counted_by_class_and_deleted(small: Site) -> None:
    made = small.backup()
    small.lose()
    with pytest.raises(InvalidInput, match="no_keys_that_fit"):
        small.restore(made)
    told = small.restore(made, without_keys=True)
    assert told.unreadable == {
        "contacts": 3, "templates": 3, "cards": 3, "recordings without their sound": 3,
    }  # fmt: skip
    assert small.numbers() == set()
    assert small.world.store._database.count("SELECT count(*) FROM visits") == 6


def test_keys_older_than_the_data_say_what_they_dont_open(small: Site) -> None:
    old = small.backup()
    small.world.now += DAY_MS
    small.world.register("+8613700000001", Scope.ID_CARD)
    new = small.backup()
    small.lose()
    told = small.restore(Made(new.data, old.keys, 0), with_keys=True)
    assert told.unreadable == {"contacts": 1, "recordings without their sound": 3}
    assert small.numbers() == everybody(small)


def test_recordings_are_not_in_a_backup_and_that_is_said(small: Site) -> None:
    made = small.backup()
    for file in small.world.store.spool.iterdir():
        file.unlink()
    told = small.restore(made)
    assert told.unreadable == {"recordings without their sound": 3}
    assert small.world.store._database.count("SELECT count(*) FROM recordings") == 0


def test_a_key_backup_is_refused_after_seven_days(small: Site) -> None:
    made, at = small.backup(), small.world.now
    small.lose()
    for now in (at + KEYS_LIVE_MS, at - 1):
        with pytest.raises(InvalidInput, match="key_backup_too_old"):
            small.restore(made, with_keys=True, now_ms=now)
    assert small.restore(made, with_keys=True, now_ms=at + KEYS_LIVE_MS - 1).persons == 3


def test_p42_a_backup_that_outlived_the_tombstones_is_refused(small: Site) -> None:
    """P42: who was erased since is not known any more; nothing is changed."""
    made, at, reach = small.backup(), small.world.now, 1825 * DAY_MS
    with pytest.raises(InvalidInput, match="backup_outlived_its_tombstones"):
        small.restore(made, now_ms=at + reach)
    assert small.numbers() == everybody(small)
    assert small.restore(made, now_ms=at + reach - 1).persons == 3


def test_keys_restored_are_wrapped_under_the_kek_in_force(small: Site) -> None:
    made = small.backup()
    small.lose("box.db", "box.db-wal", "box.db-shm", "keys.db", "keys.db-journal")
    small.world.store.close()
    shutil.rmtree(small.world.state)
    exchange_kek(small.world.directory / "credentials")
    new = Credentials.load(small.world.directory / "credentials", {})
    only_new = Credentials(
        new.store_key, new.keys_key, new.keks[:1], new.signing_key, new.tokens, new.enrolment_key
    )
    small.world.credentials = only_new
    small.world.open()
    small.restore(made, with_keys=True)
    assert small.numbers() == everybody(small)


# ---- whose it is ----------------------------------------------------------------------------


def test_only_the_escrows_key_opens_it(small: Site) -> None:
    made = small.backup()
    with pytest.raises(InvalidInput, match="another_escrow_key"):
        small.restore(made, escrow=PrivateKey(b"x" * 32))
    assert small.numbers() == everybody(small)


@pytest.mark.parametrize("kind", ["data", "keys"])
@pytest.mark.parametrize("where", [0.02, 0.5, 0.999])
def test_a_changed_or_cut_backup_is_refused_and_changes_nothing(small: Site, kind: str, where: float) -> None:
    made = small.backup()
    path = made.data if kind == "data" else made.keys
    whole = path.read_bytes()
    at = max(20, int(len(whole) * where))
    for spoiled in (whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], whole[:at]):
        path.write_bytes(spoiled)
        with pytest.raises(InvalidInput):
            small.restore(made, with_keys=True)
        assert small.numbers() == everybody(small)


def test_a_backup_that_somebody_else_made_is_refused(small: Site, tmp_path: Path) -> None:
    """The public key is public: anybody can seal a backup, the box alone can sign one."""
    made = small.backup()
    forger = Credentials.create(tmp_path / "forger")
    backups = Backups(
        small.world.store, IDENTITY, bytes(ESCROW.public_key), small.world.credentials.keks, forger.sign
    )
    forged = backups.seal(backups.copy(small.world.now + 1000), tmp_path / "forged")
    with pytest.raises(InvalidInput, match="not_signed_by_this_box"):
        small.restore(forged)
    with pytest.raises(InvalidInput, match="wrong_kind"):
        small.restore(Made(made.keys, made.data, 0))


def test_p31_a_backup_of_another_site_is_refused(small: Site) -> None:
    made = small.backup()
    small.world.store.close()
    other = BoxIdentity("tenant", "site2", "box")
    restore = Restore(
        small.world.state, small.world.credentials, other, Source(made.data, None, bytes(ESCROW))
    )
    with pytest.raises(InvalidInput, match="another_box"):
        restore.run(small.world.now)
    small.world.open()


def test_a_running_core_is_not_overwritten(small: Site) -> None:
    made = small.backup()
    restore = Restore(
        small.world.state, small.world.credentials, IDENTITY, Source(made.data, None, bytes(ESCROW))
    )
    with pytest.raises(StoreError, match="another process"):
        restore.run(small.world.now)


# ---- on the disk ----------------------------------------------------------------------------


def test_p9_no_byte_of_a_backup_tells_anything_and_no_copy_is_left(small: Site) -> None:
    made = small.backup()
    image = made.data.read_bytes() + made.keys.read_bytes()
    for person in small.town.people:
        for needle in (person.who.phone[3:].encode(), person.who.person.encode(), *person.raw.values()):
            assert needle not in image
    assert b"SQLite" not in image
    assert {p.name for p in small.world.state.iterdir()} <= {
        "box.db", "box.db-wal", "box.db-shm", "keys.db", "keys.db-journal", "box.lock", "spool",
    }  # fmt: skip
    assert all(p.stat().st_mode & 0o077 == 0 for p in small.place.rglob("*"))


def test_no_copy_is_begun_on_a_disk_that_is_nearly_full(small: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ROOM_LEFT", 1 << 62)
    with pytest.raises(InvalidInput, match="disk_too_full"):
        small.backup()
    assert not list(small.world.state.glob("backup-*"))


def test_copies_that_a_crash_left_go_at_the_next_start(small: Site) -> None:
    left = small.world.store.scratch("backup")
    (left / "data.db").write_bytes(b"half a copy")
    small.world.reopen()
    assert not left.exists()


def test_old_backups_go_keys_after_seven_days(small: Site) -> None:
    first, at = small.backup(), small.world.now
    small.world.now += 3 * DAY_MS
    second = small.backup()
    assert prune(small.place, at + KEYS_LIVE_MS - 1, 30) == 0
    assert prune(small.place, at + KEYS_LIVE_MS, 30) == 1
    assert (first.keys.exists(), first.data.exists(), second.keys.exists()) == (False, True, True)
    assert prune(small.place, at + 30 * DAY_MS, 30) == 2
    assert second.data.exists()


def test_a_strangers_file_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"GHBACK\x00\x01\x00\x00\x00\x02{}")
    (tmp_path / "b").write_bytes(b"something else")
    for name in "ab":
        with pytest.raises(InvalidInput):
            backupfile.read_header(tmp_path / name)


# ---- the core's service ---------------------------------------------------------------------


def test_the_schedule_makes_one_and_then_waits(small: Site) -> None:
    async def scene() -> None:
        thread = StoreThread()
        config = Backup(escrow_key=bytes(ESCROW.public_key).hex(), directory=small.place)
        service = BackupService(
            config, small.world.store, IDENTITY, small.world.credentials, thread, lambda: small.world.now
        )
        running = asyncio.create_task(service.run())
        while not list(small.place.glob("keys/*.gatehouse-keys")):
            await asyncio.sleep(0.02)
        await service._keep_up(config)
        assert len(list(small.place.glob("data/*"))) == 1
        small.world.now += 24 * 3_600_000
        await service._keep_up(config)
        assert len(list(small.place.glob("data/*"))) == 2
        small.world.now += KEYS_LIVE_MS
        made = await service.make()
        assert (made.pruned, len(list(small.place.glob("keys/*")))) == (2, 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.to_thread(thread.close)

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_without_an_escrow_key_nothing_is_made(small: Site) -> None:
    async def scene() -> None:
        thread = StoreThread()
        own, now = small.world.credentials, lambda: small.world.now
        service = BackupService(None, small.world.store, IDENTITY, own, thread, now)
        await service.run()
        with pytest.raises(InvalidInput, match="no_escrow_key"):
            await service.make(small.place)
        config = Backup(escrow_key=bytes(ESCROW.public_key).hex(), directory=Path("/proc/nowhere"))
        unable = BackupService(config, small.world.store, IDENTITY, own, thread, now)
        with pytest.raises(InvalidInput, match="directory_unusable"):
            await unable.make()
        assert not list(small.world.state.glob("backup-*"))
        await asyncio.to_thread(thread.close)

    asyncio.run(asyncio.wait_for(scene(), 60))
