"""Kills parts of the system with -9 at random moments and brings up what doesn't come back by itself."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from edge.domain.errors import LinkDown, ProtocolError
from edge.ipc import operator
from edge.ipc.client import ControlClient
from scripts.site.killing.book import Book, Kill
from scripts.site.killing.clients import wait_for_core
from scripts.site.place import Place, now_ms

WORKERS = ("vision", "card", "phone")
VICTIMS = ("core", *WORKERS, "broker", "ingest")
RESPAWN_S = 15.0
"""When it is a fault; a second on a machine that has nothing else to do. What it took is in the figures."""
"""A worker that was killed is there again within this time."""
CORE_STARTS_S = 30.0
ORPHANS_S = 20.0
"""Children of a killed core notice and end within this time, whatever they are doing."""


@dataclass
class _Down:
    victim: str
    at_ms: int
    due: float
    """time.monotonic() at which it is started again."""


@dataclass
class Figures:
    """What was measured, in seconds."""

    respawn: list[float] = field(default_factory=list)
    device_up: list[float] = field(default_factory=list)
    core_answers: list[float] = field(default_factory=list)
    orphans_end: list[float] = field(default_factory=list)


class Killer:
    """Kills `kills` times, every victim equally often, in an order and with pauses drawn from `seed`."""

    def __init__(self, place: Place, book: Book, seed: int, kills: int, say: Callable[[str], None]) -> None:
        self._place = place
        self._book = book
        self._random = random.Random(f"{seed}/killer")
        self._kills = kills
        self._say = say
        self._down: list[_Down] = []
        self._orphans: list[tuple[psutil.Process, float]] = []
        self._coming: dict[str, float] = {}
        self._operator = ControlClient(place.box_directory / "run" / "control.sock", 5.0)
        self.figures = Figures()

    def run(self) -> None:
        """Do all of it; at the end everything runs again."""
        for number, victim in enumerate(self._order(), 1):
            self._wait(self._random.choice((self._random.uniform(0.0, 2.0), self._random.uniform(2.0, 8.0))))
            self._bring_back(victim)
            if victim not in WORKERS:
                self._meet_an_act()
            self._say(f"kill {number} of {self._kills}: {victim}")
            self._kill(victim)
        self._until(lambda: not self._down and not self._orphans, ORPHANS_S + CORE_STARTS_S)
        self._until(lambda: not self._coming, 30.0)

    def _order(self) -> list[str]:
        order: list[str] = []
        while len(order) < self._kills:
            order += self._random.sample(VICTIMS, len(VICTIMS))
        return order[: self._kills]

    def _meet_an_act(self) -> None:
        """Mostly kill while somebody is being served, a little after they asked."""
        if self._random.random() < 0.8:
            self._book.begun.clear()
            self._book.begun.wait(2.0)
            time.sleep(self._random.choice((self._random.uniform(0.0, 0.01), self._random.uniform(0.0, 0.2))))

    # -- killing ---------------------------------------------------------------------------

    def _kill(self, victim: str) -> None:
        if victim in WORKERS:
            self._kill_worker(victim)
            return
        if victim == "core":
            self._orphans += [(child, time.monotonic()) for child in self._children()]
            self._coming.clear()
        at = now_ms()
        if victim == "broker":
            self._place.broker.kill9()
        else:
            {"core": self._place.core, "ingest": self._place.ingest}[victim].kill9()
        away = self._random.choice((0.0, self._random.uniform(0.0, 2.0), self._random.uniform(0.0, 5.0)))
        self._down.append(_Down(victim, at, time.monotonic() + away))
        self._tick()

    def _kill_worker(self, kind: str) -> None:
        self._until(lambda: self._worker(kind) is not None, CORE_STARTS_S)
        process = self._worker(kind)
        if process is None:
            self._book.write(f"worker {kind} does not run")
            return
        at, began = now_ms(), time.monotonic()
        process.kill()
        seconds = self._until(lambda: self._worker(kind) not in (None, process), RESPAWN_S)
        if seconds is None:
            self._book.write(f"worker {kind} was not there again within {RESPAWN_S:.0f} s")
            return
        self._book.write(Kill(kind, at, now_ms()))
        self.figures.respawn.append(seconds)
        for device in {"vision": ("entrance", "desk"), "card": ("card",), "phone": ("phone",)}[kind]:
            self._coming[device] = began

    def _children(self) -> list[psutil.Process]:
        if not self._place.core.running:
            return []
        try:
            return list(psutil.Process(self._place.core.pid).children(recursive=True))
        except psutil.Error:
            return []

    def _worker(self, kind: str) -> psutil.Process | None:
        for process in self._children():
            try:
                if process.cmdline()[-2:] == ["worker", kind]:
                    return process
            except psutil.Error:
                continue  # it ended meanwhile
        return None

    # -- bringing back ---------------------------------------------------------------------

    def _bring_back(self, victim: str) -> None:
        """Have `victim` run, so that it can be killed; workers need the core."""
        needed = {victim} | ({"core"} if victim in WORKERS else set())
        for down in [d for d in self._down if d.victim in needed]:
            down.due = 0.0
        self._tick()

    def _tick(self) -> None:
        for down in [d for d in self._down if d.due <= time.monotonic()]:
            self._down.remove(down)
            self._start(down)
        self._watch_orphans()
        self._watch_devices()
        if not self._place.core.running and not any(d.victim == "core" for d in self._down):
            self._book.write(f"the core ended by itself: {self._place.core.tail(8)}")
            self._down.append(_Down("core", now_ms(), 0.0))

    def _start(self, down: _Down) -> None:
        began = time.monotonic()
        if down.victim == "broker":
            self._place.broker.start()
        elif down.victim == "ingest":
            self._place.ingest.start()
        else:
            self._place.core.start()
            if not wait_for_core(self._place, CORE_STARTS_S):
                self._book.write(f"the core did not start again: {self._place.core.tail(8)}")
            self.figures.core_answers.append(time.monotonic() - began)
        self._book.write(Kill(down.victim, down.at_ms, now_ms()))

    def _watch_orphans(self) -> None:
        for orphan in list(self._orphans):
            process, since = orphan
            try:
                over = not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                over = True
            waited = time.monotonic() - since
            if over:
                self.figures.orphans_end.append(waited)
                self._orphans.remove(orphan)
            elif waited > ORPHANS_S:
                words = " ".join(process.cmdline()[-2:])
                self._book.write(f"a child of a killed core lives on: {words}")
                self._orphans.remove(orphan)
                process.kill()

    def _watch_devices(self) -> None:
        if not self._coming or any(d.victim == "core" for d in self._down):
            return
        try:
            status = self._operator.ask(operator.GetStatus(), operator.Status)
        except (LinkDown, ProtocolError):
            return
        for line in status.devices:
            if line.state == "up" and line.name in self._coming:
                self.figures.device_up.append(time.monotonic() - self._coming.pop(line.name))

    def _wait(self, seconds: float) -> None:
        self._until(lambda: False, seconds)

    def _until(self, true: Callable[[], bool], seconds: float) -> float | None:
        """Keep house until `true()`; return the seconds it took, or None when they were not enough."""
        began = time.monotonic()
        while not true():
            if time.monotonic() - began > seconds:
                return None
            self._tick()
            time.sleep(0.05)
        return time.monotonic() - began
