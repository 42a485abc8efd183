"""kill -9 in the middle of an exchange of tokens, again and again: nobody is lost, nothing is sent twice."""

import random
import subprocess
import sys
import time
from pathlib import Path

from edge.ipc.kiosk import Notice
from tests.unit.runtime.test_retoken import Box

ROOT = Path(__file__).parents[3]
PEOPLE = 80


def kill_in_the_middle(directory: Path, seconds: float) -> None:
    program = [sys.executable, "-m", "tests.unit.runtime.retoken_until_killed", str(directory)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(seconds)
        process.kill()


def test_a_kill_in_the_middle_loses_nobody_and_sends_nothing_twice(tmp_path: Path, notice: Notice) -> None:
    chance = random.Random(7)
    box = Box(tmp_path, notice)
    people = {f"+861380013{n:04d}": box.register(f"1380013{n:04d}")[0] for n in range(PEOPLE)}
    old = {(p, n): box.office.tokens.token(p, n) for n in people for p in ("registration", "channel_risk")}
    box.exchange(run=False)
    box.store.close()
    left = []
    for _ in range(6):
        kill_in_the_middle(tmp_path, chance.uniform(0.0, 0.08))
        box = Box.again(tmp_path, notice)
        left.append(box.store.count_waiting_tokens())
        assert len(box.exchanged()) == 2 * PEOPLE - left[-1], "a row and its record, or neither"
        box.store.close()
    assert left == sorted(left, reverse=True) and any(0 < n < 2 * PEOPLE for n in left), left
    box = Box.again(tmp_path, notice)
    box.run()
    new = {key: box.office.tokens.token(*key) for key in old}
    assert sorted(box.exchanged()) == sorted((old[key], new[key]) for key in old)
    for (purpose, number), token in new.items():
        assert box.found(token) == box.found(old[purpose, number]) == people[number]
    box.store.close()
