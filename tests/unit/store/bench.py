"""Measures the store: `python -m tests.unit.store.bench [directory]` prints one line per figure."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edge.domain.facts import Noted
from edge.wire import DeviceHealth
from tests.unit.store.world import World, committed, new_id

BACKLOG = 150_000


def measured(name: str, act: Callable[[], object]) -> None:
    start = time.perf_counter()
    act()
    sys.stdout.write(f"{name}: {(time.perf_counter() - start) * 1000:.1f} ms\n")


def main(directory: Path) -> None:
    world = World(directory)
    who = world.register("+8613800138000")
    cleared = [world.opened(who, new_id()) for _ in range(1000)]
    start = time.perf_counter()
    for one in cleared:
        world.store.apply(one)
    sys.stdout.write(f"visit with record: {len(cleared) / (time.perf_counter() - start):.0f} commits/s\n")
    health = DeviceHealth(device="camera", state="up", code="started", since_ms=1)
    many = world.gate.impersonal(Noted(**world.stamp(), records=(health,) * 500))
    while world.store.depth() < BACKLOG:
        world.store.apply(many)
    for name in ("depth", "oldest_ms", "waiting"):
        measured(f"{name} of {BACKLOG}", getattr(world.store, name))
    for _ in range(3):
        measured(f"take_batch(500) of {BACKLOG}", lambda: world.store.take_batch(500))
    measured("pending_batches, 3 of 500", world.store.pending_batches)
    batch = world.store.pending_batches()[0]
    measured("apply_receipt of 500", lambda: world.store.apply_receipt(committed(batch)))
    measured("registration with contact", lambda: world.register("+8613900139000"))
    measured("erasure of a person with 1000 visits", lambda: world.erase(who))
    measured("close and open", world.reopen)
    world.store.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
