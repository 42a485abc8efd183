"""A process that lives at the store until it is killed, and says what was acknowledged; for test_kill.py.

Each line on stdout is written after the call returned: what it says has to survive.
"""

import random
import sys
from pathlib import Path

from edge.domain.facts import PersonId
from edge.wire import Scope, VisitRecorded
from tests.unit.store.world import Someone, World, committed, new_id


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(directory: Path, seed: int) -> None:
    world, chance = World(directory), random.Random(seed)
    people: list[Someone] = []
    say("open")
    for n in range(100_000):
        act = chance.random()
        if act < 0.25 or not people:
            who = Someone(f"+86138{seed % 1000:03d}{n:05d}", PersonId(new_id()))
            with world.store.transaction():
                world.agree(who, Scope.REGISTRATION, Scope.FACE_MATCH)
                world.index(who, Scope.REGISTRATION)
                world.enrol(who, b"v" * 512)
            people.append(who)
            say("person", who.person, world.token("registration", who))
        elif act < 0.75:
            say("visit", world.visit(chance.choice(people)))
        elif act < 0.85:
            who = people.pop(chance.randrange(len(people)))
            say("erasing", who.person, *who.visits)
            world.erase(who)
            say("erased", who.person)
        elif (batch := world.store.take_batch(chance.randint(1, 20))) is not None:
            visits = [e.record.visit_id for e in batch.entries if isinstance(e.record, VisitRecorded)]
            say("receipted", *visits)
            world.store.apply_receipt(committed(batch))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
