"""What a step of the visit script is: what the peer knows, and what headquarters must show for it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scripts.site.place import Place, now_ms

Row = dict[str, Any]
Look = Callable[[list[Row]], Row | None]
"""Finds, among headquarters' rows, the one that the peer's own knowledge demands; None: not there (yet)."""

MATCH_WITHIN_S = 90.0
POLL_S = 1.0


@dataclass
class Step:
    """One thing that happened in the office. `peer` is the peer's own word, `look` searches headquarters."""

    name: str
    peer: Row
    look: Look
    settle_ms: int = 0
    """Nothing may have come until this long after the act: for steps that demand an absence."""
    done_ms: int = field(default_factory=now_ms)
    headquarters: Row | None = None

    @property
    def ok(self) -> bool:
        """Whether headquarters matched what the peer knows."""
        return self.headquarters is not None

    def try_match(self, rows: list[Row]) -> None:
        """Look once; an absence is judged only after its time."""
        if not self.ok and now_ms() - self.done_ms >= self.settle_ms:
            self.headquarters = self.look(rows)

    def as_json(self) -> Row:
        """Return the step as the demo prints it."""
        return {"name": self.name, "ok": self.ok, "peer": self.peer, "headquarters": self.headquarters}


class Matcher:
    """Asks headquarters every second, while the script plays and after it, until every step matched."""

    def __init__(self, place: Place, steps: list[Step]) -> None:
        self._place = place
        self._steps = steps
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="matcher")
        self._thread.start()

    def finish(self) -> bool:
        """Give what is still open its time; return whether every step matched."""
        until = time.monotonic() + MATCH_WITHIN_S
        while not all(step.ok for step in self._steps) and time.monotonic() < until:
            time.sleep(POLL_S)
        self.close()
        return all(step.ok for step in self._steps)

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(POLL_S):
            waiting = [step for step in list(self._steps) if not step.ok]
            rows = self._place.ledger() if waiting else []
            for step in waiting:
                step.try_match(rows)


def records(rows: list[Row], kind: str) -> list[Row]:
    """Return the records of one kind that headquarters committed."""
    return [r["record"] for r in rows if r["kind"] == kind and r["outcome"] == "committed" and r["record"]]


def within(value: int | None, span: tuple[int, int]) -> bool:
    """Return whether an instant lies in the span that the peer saw, both ends included."""
    return value is not None and span[0] <= value <= span[1]


def near(value: int, expected: int, tolerance: int) -> bool:
    """Return whether two lengths of time agree to within `tolerance`, in the same unit."""
    return abs(value - expected) <= tolerance
