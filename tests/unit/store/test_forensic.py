"""P41: of erased people nothing is found in any byte of the box, and the same search finds all others.

1,000 people with everything that the box can keep of them, of whom 100 are erased, with `--long`; else
200 and 20. Searched are the decrypted pages (free ones and slack too), logs and journals, the spool,
temporary directories, and the memory of a process that opened the store anew.
"""

import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

import pytest

from edge.wire import Purpose, Scope
from tests.unit.store.forensics import Finder, journal, memory, pages, wal
from tests.unit.store.world import Someone, World, committed

SCOPES = (Scope.CHANNEL_RISK, Scope.FACE_MATCH, Scope.ID_CARD, Scope.RECORDING)
SURNAMES, GIVEN = "王李张刘陈杨赵黄周吴", "娜静敏丽强磊洋勇艳杰涛明超秀霞平刚桂英华"
NAMES = [surname + "".join(given) for surname in SURNAMES for given in permutations(GIVEN, 3)]
VOICE = 400
SKELETON = {"consents", "audit"}
"""Where the random id of an erased person stands still: proofs of what was agreed to, and the audit."""


@dataclass
class Person:
    who: Someone
    audio: bytes
    tokens: list[str]
    raw: dict[str, bytes] = field(default_factory=dict)
    """Keys, unwrapped and wrapped, and what was sealed under them."""

    def needles(self) -> dict[str, bytes]:
        """All that must not be found of them; a number's last digits find it in any spelling."""
        told = {
            "phone": self.who.phone[3:].encode(),
            "name": self.who.name.encode(),
            "card": self.who.number.encode(),
            "face": self.who.vector[16:48],
            "voice": self.audio[64:96],
            **{f"token {n}": token[-64:].encode() for n, token in enumerate(self.tokens)},
            **{f"visit {n}": visit.encode() for n, visit in enumerate(self.who.visits)},
            **{f"call {n}": call.encode() for n, call in enumerate(self.who.calls)},
        }
        return {f"{name} of {self.who.person}": value for name, value in (told | self.raw).items()}


class Town:
    """Everybody, and the store they are kept in."""

    def __init__(self, directory: Path, people: int, erased: int) -> None:
        self.world = World(directory)
        self.chance = random.Random(41)
        numbers, cards = self.chance.sample(range(10**8), people), self.chance.sample(range(10**7), people)
        names = self.chance.sample(NAMES, people)  # no two alike: one erased must not be found as another
        with self.world.store.transaction():
            self.people = [self._comes(*one) for one in zip(numbers, cards, names, strict=True)]
        self._waits_for_headquarters(first=people * 3)
        for person in self.people:
            person.raw = self._raw(person.who)
        doomed = set(self.chance.sample(range(people), erased))
        self.erased = [p for n, p in enumerate(self.people) if n in doomed]
        self.kept = [p for n, p in enumerate(self.people) if n not in doomed]

    def _comes(self, number: int, card: int, name: str) -> Person:
        world, chance = self.world, self.chance
        who = world.register(f"+86139{number:08d}", *SCOPES)
        world.index(who, Scope.RECORDING)
        for _ in range(2):
            visit = world.visit(who)
        world.evidence(who, visit, "id_card", Scope.ID_CARD)
        world.tell(who, visit, "agent")
        world.enrol(who, chance.randbytes(512))
        world.keep_card(who, name, f"1101011990{card:07d}X")
        audio = chance.randbytes(VOICE)
        world.record_call(who, audio)
        world.report(who, f"R{number}")
        world.judge(who, f"R{number}")
        world.store.audit("lease_granted", who.person, world.now)
        return Person(who, audio, [t for _, t in world.store.tokens_of(world.rights(who))])

    def _waits_for_headquarters(self, first: int) -> None:
        """Some records are receipted, some lie in a batch without a receipt, the rest waits."""
        for _ in range(first // 400):
            batch = self.world.store.take_batch(400)
            assert batch is not None
            self.world.store.apply_receipt(committed(batch))
        for _ in range(3):
            self.world.store.take_batch(400)

    def _raw(self, who: Someone) -> dict[str, bytes]:
        store, found = self.world.store, {}
        for row in store._keys._database.query(
            "SELECT scope, wrapped FROM wrapped_keys WHERE subject = ?", (who.person,)
        ):
            scope = row.text("scope")
            found[f"wrapped {scope}"] = row.blob("wrapped")[24:]
            found[f"key {scope}"] = store._keys.key(who.person, scope) or b""
        for table, column in (("contacts", "sealed"), ("templates", "sealed"), ("cards", "sealed")):
            sql = f"SELECT {column} FROM {table} WHERE person = ?"
            found |= {f"{table} {n}": row.blob(column)[:64] for n, row in enumerate(
                store._database.query(sql, (who.person,)))}  # fmt: skip
        recordings = store._database.query("SELECT wrapped FROM recordings WHERE person = ?", (who.person,))
        return found | {"recording": recordings[0].blob("wrapped")[:64]}

    def erase(self) -> None:
        for person in self.erased:
            self.world.erase(person.who)

    def receipt_everything(self) -> None:
        """The answers have to name whom they are about until headquarters has signed for them."""
        for pending in self.world.store.pending_batches():
            self.world.store.apply_receipt(committed(pending))
        while (batch := self.world.store.take_batch(400)) is not None:
            self.world.store.apply_receipt(committed(batch))
        assert self.world.store.rewrite_daily(self.world.now)


def images(town: Town) -> dict[str, bytes]:
    """Every byte of the store in the clear, by where it lies."""
    state, own = town.world.state, town.world.credentials
    found = {
        "box.db": pages(state / "box.db", own.store_key),
        "box.db-wal": wal(state / "box.db-wal", own.store_key),
        "keys.db": pages(state / "keys.db", own.keys_key),
        "keys.db-journal": journal(state / "keys.db-journal", own.keys_key),
    }
    for file in (p for p in town.world.directory.rglob("*") if p.is_file()):
        found[f"raw {file.relative_to(town.world.directory)}"] = file.name.encode() + file.read_bytes()
    return found


def temporary(since: float) -> bytes:
    """Every byte of what was written to the temporary directories of this process since."""
    places = {Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm")}
    found = b""
    for place in places:
        for file in place.glob("*"):
            if file.is_file() and file.stat().st_mtime >= since and file.stat().st_uid == os.getuid():
                found += file.name.encode() + file.read_bytes()[: 1 << 22]
    return found


@contextmanager
def reopened(town: Town) -> Iterator[int]:
    """The store in a process of its own, which has read everything that it can."""
    town.world.store.close()
    command = [sys.executable, "-m", "tests.unit.store.reopener", str(town.world.directory)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().split() == ["ready", str(len(town.people))]
        yield process.pid
    finally:
        process.kill()
        process.communicate()
        town.world.open()


@pytest.fixture(scope="module")
def sizes(long: bool) -> tuple[int, int]:
    return (1000, 100) if long else (200, 20)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, sizes: tuple[int, int]) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"), *sizes)
    yield made
    made.world.store.close()


@pytest.mark.timeout(1800)
def test_p41_nothing_of_the_erased_is_found_and_everything_of_the_others(town: Town) -> None:
    begun = time.time() - 1
    gone = Finder({name: v for p in town.erased for name, v in p.needles().items()})
    living = {name: v for p in town.kept for name, v in p.needles().items()}
    everything = {name for p in town.erased for name in p.needles()}

    # The search can find: before the erasure all of them lie in the pages, in the clear for its key.
    town.world.store._database.checkpoint()
    before = images(town)
    seen = set().union(*(gone.found(image) for image in before.values()))
    sealed = {name for name in everything if name.split()[0] in {"phone", "name", "card", "face", "key"}}
    assert everything - seen == sealed  # these lie under their own keys alone

    town.erase()
    voided = [e for b in town.world.store.pending_batches() for e in b.entries if e.record.kind == "voided"]
    assert voided
    town.receipt_everything()
    _intact(town)

    after = images(town)
    for name, image in after.items():
        assert gone.found(image) == set(), name
    assert gone.found(temporary(begun)) == set()
    others = Finder(living)
    found = set().union(*(others.found(image) for image in after.values()))
    outer = {name for name in living if name.split()[0] not in {"phone", "name", "card", "face", "key"}}
    assert found == outer

    with reopened(town) as pid:
        dump = memory(pid)
    assert gone.found(dump) == set()
    held = others.found(dump)
    for what in ("phone", "name", "card", "face"):
        assert sum(name.startswith(f"{what} of") for name in held) == len(town.kept), what


def _intact(town: Town) -> None:
    """Everything of everybody else is readable, byte by byte; the erased are skeletons."""
    world = town.world
    for person in town.kept:
        who, rights = person.who, world.rights(person.who)
        assert world.store.contact(rights, Scope.REGISTRATION) == who.phone
        card = world.store.card(rights)
        assert card is not None and (card.name, card.number) == (who.name, who.number)
        permit = world.permit(Purpose.FACE_CONFIRMATION, who)
        assert world.store.templates(permit) == [("sface", who.vector)]
        assert {v.visit for v in world.store.visits(rights)} == set(who.visits)
        recording = world.store.recording(rights, who.calls[0])
        assert recording is not None and recording.path.read_bytes() == person.audio
        assert {t for _, t in world.store.tokens_of(rights)} == set(person.tokens)
    ids = {person.who.person for person in town.erased}
    for row in world.store._database.query("SELECT name FROM sqlite_master WHERE type = 'table'"):
        table = row.text("name")
        values = [
            v for r in world.store._database.query(f"SELECT * FROM {table}") for v in r._values.values()
        ]
        if table not in SKELETON:
            assert not ids & {v for v in values if isinstance(v, str)}, table
    assert world.store._keys.destroyed() == ids


def test_p9_biometrics_lie_in_tables_apart_from_identity(town: Town) -> None:
    """No table of templates has a column that names anybody, and none of identity one of templates."""
    database = town.world.store._database
    columns = {
        table: {r.text("name") for r in database.query(f"PRAGMA table_info({table})")}
        for table in ("templates", "contacts", "cards", "person_tokens")
    }
    assert columns["templates"] == {"template", "person", "model", "sealed", "at_ms", "basis", "purpose"}
    for table in ("contacts", "cards", "person_tokens"):
        assert not columns[table] & {"template", "model", "vector"}
    who = town.kept[0].who
    scopes = {scope for subject, scope in town.world.store._keys.names() if subject == who.person}
    assert len(scopes) == 5
    keys = {town.world.store._keys.key(who.person, scope) for scope in scopes}
    assert len(keys) == 5


def test_freed_pages_are_given_back(town: Town) -> None:
    """Whatever ran before: after housekeeping no free page is left, in steps of a bounded size."""
    database = town.world.store._database
    with town.world.store.transaction():
        database.run("CREATE TABLE filler (x BLOB)")
        database.run_many("INSERT INTO filler VALUES (?)", [(secrets.token_bytes(4000),) for _ in range(100)])
        database.run("DROP TABLE filler")
    free = database.count("PRAGMA freelist_count")
    assert free >= 100
    assert town.world.store.reclaim(10) == 10
    assert database.count("PRAGMA freelist_count") == free - 10
    town.world.store.reclaim(1 << 20)
    assert database.count("PRAGMA freelist_count") == 0


def test_both_files_are_written_anew_once_a_day(town: Town) -> None:
    """Whatever the clock does: after a day again, and after a day that lay in the future at once."""
    store, last = town.world.store, town.world.store.marked("rewritten")
    assert last is not None
    day = 24 * 3600 * 1000
    assert not store.rewrite_daily(last + day - 1)
    assert store.rewrite_daily(last + day)
    assert store.rewrite_daily(last)
    _intact(town)
