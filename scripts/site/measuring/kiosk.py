"""Measures the kiosk under load: people who register, refuse, leave and withdraw, at a given rate.

    python -m scripts.site.measuring.kiosk --rate 30 --seconds 300

The real kiosk (uvicorn) before the real core with its store, broker and headquarters; the visitors are HTTP
clients that keep their connection, fetch what the page names, and take a moment to read. They come at random
(Poisson), whether or not the one before has finished. Measured: the time of every answer, and the processor
seconds of core and kiosk, with and without visitors.
"""

import argparse
import itertools
import json
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from scripts.site.measuring.figures import cpu_s, machine, spread
from scripts.site.place import Options, Place

P95_MS = 300.0
IDLE_S = 20.0
KINDS = ("register", "decline", "leave", "withdraw", "mistyped")
WEIGHTS = (70, 12, 12, 3, 3)
"""What visitors do, in percent; the rate counts those who register."""


@dataclass
class Times:
    """Seconds of each answer by page, and what visitors did; written by many threads."""

    by_page: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    done: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Tablet:
    """One browser without a screen: cookies, a kept connection, the pages' own tokens."""

    def __init__(self, base: str, times: Times, chance: random.Random) -> None:
        self._client = httpx.Client(base_url=base, follow_redirects=True, timeout=30)
        self._times = times
        self._chance = chance
        self._html = ""

    def act(self, kind: str, number: str) -> None:
        """Do one thing from the first page to the last."""
        with self._client:
            self._get("/")
            for file in ("/static/kiosk.css", "/static/kiosk.js", "/static/icons.svg"):
                self._client.get(file)
            getattr(self, f"_{kind}")(number)
        with self._times.lock:
            self._times.done[kind] += 1

    def _register(self, number: str) -> None:
        self._post("/begin")
        self._read()
        self._post("/register", **self._choices(), phone=number, party_size=str(self._chance.randint(1, 4)))
        self._must('data-outcome="registered"')
        self._read()
        self._post("/finish")

    def _mistyped(self, number: str) -> None:
        self._post("/begin")
        self._post("/register", **self._choices(), phone=number[:6], party_size="1")
        self._read()
        self._post("/register", **self._choices(), phone=number, party_size="1")
        self._must('data-outcome="registered"')
        self._post("/finish")

    def _decline(self, _number: str) -> None:
        self._post("/decline")

    def _leave(self, number: str) -> None:
        self._get("/leave")
        self._read()
        self._post("/leave", phone=number)

    def _withdraw(self, number: str) -> None:
        self._get("/withdraw")
        self._read()
        self._post("/withdraw", phone=number, scope_channel_risk="yes")

    def _choices(self) -> dict[str, str]:
        said = {"scope_registration": "yes", "scope_channel_risk": self._chance.choice(("yes", "no"))}
        return said | {"notice_hash": self._token("notice_hash")}

    def _get(self, path: str) -> None:
        began = time.monotonic()
        self._take(f"GET {path}", began, self._client.get(path))

    def _post(self, path: str, **fields: str) -> None:
        began = time.monotonic()
        self._take(
            f"POST {path}", began, self._client.post(path, data=fields | {"csrf": self._token("csrf")})
        )

    def _take(self, page: str, began: float, answer: httpx.Response) -> None:
        """Note how long it took until the page was there, redirects and all."""
        self._html = answer.text
        with self._times.lock:
            self._times.by_page[page].append(time.monotonic() - began)
            if answer.status_code >= 500:
                self._times.faults.append(f"{page}: {answer.status_code}")

    def _token(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self._html)
        return found[1] if found else ""

    def _must(self, words: str) -> None:
        if words not in self._html:
            with self._times.lock:
                self._times.faults.append(f"a page without {words}")

    def _read(self) -> None:
        time.sleep(self._chance.uniform(0.3, 1.2))


def measure(place: Place, rate: float, seconds: float, seed: int) -> dict[str, Any]:
    """Let visitors come for `seconds`, `rate` of them a minute registering; return the figures."""
    pids = (place.core.pid, place.kiosk.pid)
    before = cpu_s(*pids)
    time.sleep(IDLE_S)
    idle = (cpu_s(*pids) - before) / IDLE_S
    chance, times = random.Random(seed), Times()
    people, visitors, before = itertools.count(), list[threading.Thread](), cpu_s(*pids)
    began = time.monotonic()
    every = 60 / (rate / ((WEIGHTS[0] + WEIGHTS[-1]) / sum(WEIGHTS)))
    while time.monotonic() - began < seconds:
        number = f"137{next(people) % 400:08d}"  # some come back
        tablet = Tablet(place.kiosk_url, times, random.Random(chance.random()))
        kind = chance.choices(KINDS, WEIGHTS)[0]
        visitors.append(threading.Thread(target=tablet.act, args=(kind, number)))
        visitors[-1].start()
        time.sleep(chance.expovariate(1 / every))
    for visitor in visitors:
        visitor.join()
    took = time.monotonic() - began
    return _figures(times, took, cpu_s(*pids) - before, idle) | {"asked_rate": rate}


def _figures(times: Times, took: float, cpu: float, idle: float) -> dict[str, Any]:
    everything = [one for page in times.by_page.values() for one in page]
    registered = times.done["register"] + times.done["mistyped"]
    all_ms = spread(everything)
    return {
        "registrations": registered,
        "registrations_a_minute": round(registered / took * 60, 1),
        "did": dict(times.done),
        "answers_ms": all_ms,
        "by_page_ms": {page: spread(one) for page, one in sorted(times.by_page.items())},
        "cpu_s_each_registration": round((cpu - idle * took) / max(1, registered), 4),
        "processors_used": round(cpu / took, 3),
        "processors_used_idle": round(idle, 3),
        "faults": times.faults[:20],
        "limit_p95_ms": P95_MS,
        **machine(),
        "ok": not times.faults and all_ms["p95"] <= P95_MS,
    }


def main() -> int:
    """Measure from the command line; exit code 1 if the limit is passed or a page failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=30.0, help="registrations a minute")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="gatehouse-kiosk-"))
    try:
        with Place(root, Options(cameras=False, terminal=False, phone=False)) as place:
            result = measure(place, given.rate, given.seconds, given.seed)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(json.dumps(result, indent=1, ensure_ascii=False))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
