#!/usr/bin/env python3
"""Measures how long a card takes from the lease to its parsed fields, over a line slowed to its rate.

    scripts/bench_card.py [--runs 20] [--baud 115200] [--think-ms 150] [--json]

The terminal is the tests' double: it sends no faster than `baud`, and thinks for `think-ms` at each read.
In a lease: find, select, two reads that must agree, the newest address. All four layouts take part by turns.
Exit code 1 if the median passes the limit.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from edge.devices import card_serial
from edge.ipc.driver import Driver, Frame
from edge.ipc.messages import CardFailed, CardLease, CardPresent, CardRead, DeviceState, FromWorker
from scripts.site.card_terminal import Terminal

LIMIT_S = 1.5
WAIT_S = 30.0
COMMON = {"name": "张小满", "sex": "2", "valid_from": "20230915", "valid_until": "20330914"}
CITIZEN = COMMON | {"birth": "19491231", "address": "北京市朝阳区某路1号", "issuer": "北京市公安局"}
FOREIGN = COMMON | {"birth": "19810803", "english_name": "ZHENGJIAN, YANGBEN", "country": "CAN"}
CARDS = (
    CITIZEN | {"nation": "01", "number": "11010519491231002X", "new_address": "上海市黄浦区某路9号"},
    CITIZEN | {"number": "810000194912310028", "pass_number": "H12345678", "type": "J"},
    FOREIGN | {"number": "CAN110081080310", "type": "I"},
    FOREIGN | {"number": "911124198108030024", "type": "Y"},
)


class Ear:
    """Hears what the driver says, and lets the measurement wait for it."""

    def __init__(self) -> None:
        self._heard: list[tuple[FromWorker, float]] = []
        self._news = threading.Condition()

    def observe(self, message: FromWorker) -> None:
        with self._news:
            self._heard.append((message, time.monotonic()))
            self._news.notify_all()

    def frame(self, device: str, frame: Frame) -> None:
        """A terminal has none."""

    def next(self, *kinds: type) -> tuple[FromWorker, float]:
        """Return the next message of these kinds that isn't taken yet, and when it came."""

        def found() -> tuple[FromWorker, float] | None:
            return next((one for one in self._heard if isinstance(one[0], kinds)), None)

        with self._news:
            if not self._news.wait_for(found, WAIT_S):
                sys.exit("bench: the terminal fell silent")
            one = found()
            assert one is not None
            self._heard.remove(one)
            return one


def measure(runs: int, baud: int, think_ms: int) -> list[float]:
    """Return the seconds from lease to fields of each run."""
    with tempfile.TemporaryDirectory() as directory:
        link = Path(directory) / "line"
        with Terminal(link, baud=baud, slow=True, think_s=think_ms / 1000) as terminal:
            config = {"id": "card", "port": str(link), "baud": baud, "poll_ms": 300}
            driver, ear = card_serial.open(card_serial.Config.model_validate(config)), Ear()
            session = threading.Thread(target=driver.run, args=(ear,))
            session.start()
            try:
                ear.next(DeviceState)
                return [one_card(driver, ear, terminal, n) for n in range(runs)]
            finally:
                driver.close()
                session.join()


def one_card(driver: Driver, ear: Ear, terminal: Terminal, n: int) -> float:
    """Lay a card down, wait until it was noticed, and measure one lease."""
    terminal.place(CARDS[n % len(CARDS)])
    ear.next(CardPresent)
    began = time.monotonic()
    driver.handle(CardLease(lease=f"{n:032x}", device="card", seconds=20), lambda: -1)
    message, ended = ear.next(CardRead, CardFailed)
    if not isinstance(message, CardRead) or not message.confirmed_twice:
        sys.exit(f"bench: no sure card: {message.type}")
    terminal.lift()
    return ended - began


def main() -> int:
    """Measure, print, return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--baud", type=int, default=115200)
    parser.add_argument("--think-ms", type=int, default=150)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    seconds = sorted(measure(max(1, given.runs), given.baud, given.think_ms))
    result = {
        "baud": given.baud,
        "think_ms": given.think_ms,
        "runs": len(seconds),
        "median_s": round(statistics.median(seconds), 3),
        "p95_s": round(seconds[max(0, -(-95 * len(seconds) // 100) - 1)], 3),
        "max_s": round(seconds[-1], 3),
        "limit_s": LIMIT_S,
        "ok": statistics.median(seconds) <= LIMIT_S,
    }
    if given.json:
        print(json.dumps(result))
    else:
        print(
            f"card at {given.baud} baud: median {result['median_s']} s from lease to fields, n={len(seconds)}"
        )
        print(f"p95 {result['p95_s']} s, worst {result['max_s']} s, limit {LIMIT_S} s")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
