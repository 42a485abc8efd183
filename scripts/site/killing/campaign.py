"""The kill campaign: people go on using the office while parts of the system are killed with -9; then the
books are compared. Never looks into the box's store.

    python -m scripts.site.killing.campaign --kills 30 --seed 7
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edge.domain.errors import LinkDown, ProtocolError
from edge.ipc import operator
from edge.ipc.client import ControlClient
from scripts.site.killing.book import Book
from scripts.site.killing.clients import Caller, Desk, Kiosk, Operator, Peer, Rights, people_of
from scripts.site.killing.killer import Killer
from scripts.site.killing.oracle import Token, audit
from scripts.site.place import Options, Place
from scripts.site.play import CARD
from scripts.site.processes import until
from scripts.site.steps import Row

DRAIN_S = 150.0
"""The longest wait of a link that has failed often is 60 s; then a backlog goes within seconds."""


@dataclass
class Outcome:
    """How a campaign ended. `rows` and `status` are headquarters', `faults` the oracle's."""

    seed: int
    faults: list[str]
    book: Book = field(repr=False)
    rows: list[Row] = field(repr=False)
    status: Row = field(repr=False)
    token: Token = field(repr=False)
    figures: dict[str, Any]


def campaign(root: Path, seed: int, kills: int, say: Callable[[str], None]) -> Outcome:
    """Run one campaign in the new directory `root`; blocks until it is judged."""
    began = time.monotonic()
    films = {"entrance": "entrance", "desk": "desk-a-1"}
    book = Book()
    with Place(root, Options(interval_s=10, kiosk=False, films=films), say) as place:
        place.wait_ready(90)
        started = time.monotonic() - began
        killer = Killer(place, book, seed, kills, say)
        peers = _peers(place, book, seed)
        for peer in peers:
            peer.start()
        try:
            killer.run()
        finally:
            for peer in peers:
                peer.stop()
            for peer in peers:
                peer.join()
        acted = time.monotonic() - began - started
        say("draining")
        drained = drain(place)
        for peer in peers:
            if isinstance(peer, Rights):
                peer.come_again()
        drained += drain(place)
        status = json.loads(place.cloud("status", "--json"))
        rows = place.ledger()
        _keep(book, root / "book.json")
    faults = audit(rows, status, book, place.token)
    times = {"start_s": started, "run_s": acted, "drain_s": drained, "all_s": time.monotonic() - began}
    return Outcome(
        seed, faults, book, rows, status, place.token, _figures(book, killer, rows) | _rounded(times)
    )


def _peers(place: Place, book: Book, seed: int) -> list[Peer]:
    desk = Desk("desk", 3, place, book, seed, CARD)
    visitors: list[Peer] = [*(Kiosk(f"kiosk-{n}", n, place, book, seed) for n in (5, 6, 8)), desk]
    people = people_of(visitors)
    random.Random(seed).shuffle(people)
    return [
        *visitors,
        Operator("operator", 0, place, book, seed, people[:60]),
        Rights("rights", 1, place, book, seed),
        *(Caller(f"caller-{n}", n, place, book, seed) for n in (4, 7, 9)),
    ]


def drain(place: Place) -> float:
    """Wait until the box has nothing left to send and every device is up; return the seconds."""
    client = ControlClient(place.box_directory / "run" / "control.sock", 10.0)

    def empty() -> bool:
        try:
            waiting = client.ask(operator.GetOutbox(), operator.OutboxState).depth
        except (LinkDown, ProtocolError):
            return False
        return waiting == 0 and json.loads(place.cloud("status", "--json"))["open_commands"] == 0

    began = time.monotonic()
    place.wait_ready(90)
    until("the outbox empty", empty, DRAIN_S)
    return time.monotonic() - began


def _keep(book: Book, file: Path) -> None:
    """Write the peers' ledger beside the logs of the run, for whoever looks into a fault."""
    written = {
        "acts": [asdict(act) for act in book.acts],
        "rings": [asdict(ring) for ring in book.rings],
        "kills": [asdict(kill) for kill in book.kills],
    }
    file.write_text(json.dumps(written, default=sorted))
    file.chmod(0o600)


def _figures(book: Book, killer: Killer, rows: list[Row]) -> dict[str, Any]:
    measured = vars(killer.figures)
    return {
        "acts": len(book.acts),
        "by_act": dict(Counter(f"{a.kind} {a.end}" for a in sorted(book.acts, key=lambda a: a.kind))),
        "met_half_way": book.met(),
        "calls": len(book.rings),
        "calls_answered": sum(r.word is not None and r.word.answered for r in book.rings),
        "kills": dict(Counter(k.victim for k in book.kills)),
        "rows": dict(Counter(r["kind"] for r in rows)),
        "epochs": len({r["epoch"] for r in rows}),
        **{f"{name}_s": _rounded({"most": max(all_), "mean": sum(all_) / len(all_)})
           for name, all_ in measured.items() if all_},
    }  # fmt: skip


def _rounded(times: dict[str, float]) -> dict[str, float]:
    return {name: round(seconds, 2) for name, seconds in times.items()}


def main() -> int:
    """Run campaigns from the command line; exit code 1 if one of them found a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one")
    parser.add_argument("--keep", type=Path, help="keep everything in this new directory")
    options = parser.parse_args()
    seed = random.randrange(1 << 31) if options.seed is None else options.seed
    root = options.keep or Path(tempfile.mkdtemp(prefix="gatehouse-kill-"))
    try:
        outcome = campaign(root, seed, options.kills, lambda line: print(f"· {line}", flush=True))
    finally:
        if options.keep is None:
            shutil.rmtree(root, ignore_errors=True)
    print(json.dumps({"seed": seed, "faults": outcome.faults[:40], **outcome.figures}, indent=1))
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
