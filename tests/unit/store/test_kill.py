"""kill -9 of a writing process, again and again on the same files: nothing acknowledged is lost."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from edge.wire import VisitRecorded
from tests.unit.store.world import World


class Oracle:
    """What the writer said that it did."""

    def __init__(self) -> None:
        self.people: dict[str, str] = {}
        self.visits: set[str] = set()
        self.erased: set[str] = set()
        self.unsure: set[str] = set()
        """Persons and visits that an erasure under way may or may not have taken."""
        self.receipted: set[str] = set()

    def hear(self, line: str) -> None:
        word, *rest = line.split()
        if word == "person":
            self.people[rest[0]] = rest[1]
        elif word == "visit":
            self.visits.add(rest[0])
        elif word == "erasing":
            self.unsure |= set(rest)
        elif word == "erased":
            self.erased.add(rest[0])
        elif word == "receipted":
            self.receipted |= set(rest)


def run_and_kill(directory: Path, seed: int, oracle: Oracle) -> None:
    """Let the writer say a random number of lines after it opened the store, then kill it at once."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.store.writer", str(directory), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert writer.stdout is not None
    with writer, writer.stdout as lines:
        assert lines.readline() == "open\n"
        for _ in range(random.Random(seed).randrange(20, 100)):
            oracle.hear(lines.readline())
        writer.kill()
        for line in lines:
            if line.endswith("\n"):
                oracle.hear(line)


def check(world: World, oracle: Oracle) -> None:
    store, database = world.store, world.store._database
    held = {r.text("visit") for r in database.query("SELECT visit FROM visits")}
    sure = oracle.visits - oracle.unsure
    assert sure <= held
    queued: list[str] = []
    for row in database.query("SELECT record FROM outbox WHERE kind = 'visit'"):
        queued.append(VisitRecorded.model_validate_json(row.text("record")).visit_id)
    assert len(queued) == len(set(queued))
    assert sure - oracle.receipted <= set(queued)
    assert set(queued) <= held  # no record without its visit
    assert held - set(queued) <= oracle.receipted  # no visit without its record, unless it was receipted
    living = {p for p in oracle.people if p not in oracle.unsure}
    found = {p: store.person_by_token(world.rights(), t) for p, t in oracle.people.items()}
    assert all(found[p] == p for p in living)
    assert not any(found[p] for p in oracle.erased)
    for person in oracle.people:  # keys and rows: both or neither
        rows = database.count("SELECT count(*) FROM templates WHERE person = ?", (person,))
        assert store._keys.held(person) == (2 if rows else 0)
        assert bool(rows) == (found[person] is not None)
    assert store._keys.names() == {
        (r.text("person"), s)
        for r in database.query("SELECT DISTINCT person FROM templates")
        for s in ("registration", "face_match")
    }
    store.check()


def campaign(directory: Path, rounds: int, seed: int) -> None:
    oracle = Oracle()
    sys.stdout.write(f"seed={seed}\n")  # shown if it fails
    for n in range(rounds):
        run_and_kill(directory, seed + n, oracle)
        world = World(directory)
        check(world, oracle)
        world.store.close()
    assert oracle.visits and oracle.erased and oracle.receipted


def test_kill_at_random_points(tmp_path: Path) -> None:
    campaign(tmp_path, rounds=4, seed=random.randrange(1000))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_kill_at_random_points_long(tmp_path: Path) -> None:
    campaign(tmp_path, rounds=120, seed=random.randrange(1000))
