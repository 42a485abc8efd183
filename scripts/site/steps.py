"""What a step of the visit script is: what the peer knows, and what headquarters must show for it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from scripts.site.place import Place, now_ms

Row = dict[str, Any]
Look = Callable[[list[Row]], Row | None]
"""Finds, among headquarters' rows, the one that the peer's own knowledge demands; None: not there (yet)."""

MATCH_WITHIN_S = 40.0
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


def match_all(place: Place, steps: Iterable[Step], on_change: Callable[[], None]) -> None:
    """Ask headquarters until every step matched or its time is over."""
    waiting = [step for step in steps if not step.ok]
    until = time.monotonic() + MATCH_WITHIN_S
    while waiting and time.monotonic() < until:
        rows = place.ledger()
        for step in waiting:
            step.try_match(rows)
        waiting = [step for step in waiting if not step.ok]
        on_change()
        time.sleep(POLL_S)


def records(rows: list[Row], kind: str) -> list[Row]:
    """Return the records of one kind that headquarters committed."""
    return [r["record"] for r in rows if r["kind"] == kind and r["outcome"] == "committed" and r["record"]]


def within(value: int | None, span: tuple[int, int]) -> bool:
    """Return whether an instant lies in the span that the peer saw, both ends included."""
    return value is not None and span[0] <= value <= span[1]


def near(value: int, expected: int, tolerance: int) -> bool:
    """Return whether two lengths of time agree to within `tolerance`, in the same unit."""
    return abs(value - expected) <= tolerance
