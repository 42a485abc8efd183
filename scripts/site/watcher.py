"""Sees every process that a program starts, and what files they write; for tests, never part of the product.

From /proc, every 20 ms: an interpreter lives several times as long before its first line runs.
"""

import contextlib
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

EVERY_S = 0.02
FILES_EVERY = 10
"""Open files are looked at each so many rounds."""


@dataclass
class Sighting:
    """One process: its command line as last seen, and its time in monotonic seconds."""

    pid: int
    command: str
    first: float
    last: float


@dataclass
class Watcher:
    """Watches `root`'s descendants from `with` on; `seen` and `written` grow."""

    root: int
    seen: dict[int, Sighting] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    """Regular files that one of them had open for writing."""
    rounds: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="watcher")

    def of_kind(self, kind: str) -> list[Sighting]:
        """Return the sightings of workers of one kind."""
        return [one for one in list(self.seen.values()) if f"worker {kind}" in one.command]

    def lives(self, sighting: Sighting) -> bool:
        """Tell whether a process that was seen is still the same and alive."""
        return sighting.command == _command(sighting.pid)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.rounds += 1
            found = [self.root, *_children(self.root)]
            for pid in found[1:]:
                self._note(pid)
            if self.rounds % FILES_EVERY == 0:
                for pid in found:
                    self.written |= _written(pid)

    def _note(self, pid: int) -> None:
        now, command = time.monotonic(), _command(pid)
        known = self.seen.setdefault(pid, Sighting(pid, command, now, now))
        known.last, known.command = now, command or known.command


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *_children(int(child))]
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _written(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for target in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                told = Path(f"/proc/{pid}/fdinfo/{target.name}").read_text()
                flags = told.split("flags:")[1].split()[0]
                if int(flags, 8) & os.O_ACCMODE != os.O_RDONLY and target.is_file():
                    found.add(str(target.readlink()))
    return found
