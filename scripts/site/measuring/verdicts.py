"""Measures what judging costs on a box that holds a project's books: all of it anew, and one new fact.

    python -m scripts.site.measuring.verdicts [--reports 100000] [--deals 20000] [--facts 200]

A real store in a new directory, filled by the real gate: visitors register, reports and deals are lodged.
That isn't measured. Then, in processor seconds of this one process: every finding from nothing, with store,
evidence and outbox; a new report, deal and registration each; the rules alone; and as a floor the bytes of
the same findings, plainly inserted into SQLCipher. Exit code 1 if a limit is passed.
"""

import argparse
import base64
import json
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from edge.consent.gate import Gate
from edge.domain import facts
from edge.domain.facts import type_of_subject
from edge.domain.judging.choice import strongest
from edge.domain.judging.judge import judge
from edge.domain.judging.ruleset import read_rules
from edge.ipc.kiosk import Register
from edge.runtime import notice as notices
from edge.runtime.books import DAY_MS, Books, Keeps
from edge.runtime.clock import Clock
from edge.runtime.desk import Desk
from edge.runtime.links import Links
from edge.runtime.office import Office, new_id
from edge.runtime.rights import Rights
from edge.runtime.risk import Risk
from edge.runtime.sweep import Sweep
from edge.store.credentials import Credentials
from edge.store.database import Database
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore
from edge.wire import FactsCommand, Scope, Token
from edge.wire.facts import DealRow, FactRow, ReportRow, padded, row_info
from scripts.site.measuring.figures import machine, percentile

COLD_LIMIT_S, ONE_LIMIT_MS = 60.0, 50.0
T, HOUR_MS = 1_790_000_000_000, 3_600_000
BOX = BoxIdentity(tenant="riverside", site="hefei-01", box="box-01")
CHANNELS = ("alpha", "beta", "gamma", "delta")
AGREED = frozenset({Scope.REGISTRATION, Scope.CHANNEL_RISK})
CHUNK, SAMPLE = 500, 2_000
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class Standing(Clock):
    """The box's clock, put where a visitor comes."""

    at_ms = T

    def now_ms(self) -> int:
        """Return when it is said to be."""
        return self.at_ms


class Box:
    """The services that judge, over one store, and who comes and is reported."""

    def __init__(self, directory: Path) -> None:
        held = Credentials.create(directory / "credentials")
        self.clock, examples = Standing("hypervisor"), Path(str(resources.files("edge")))
        store = SqlStore.open(directory / "state", held, BOX)
        notice = notices.load(examples / "notice.example.toml")
        self.office = Office(store, Gate(store), held.tokens, self.clock, notice, held.sign)
        self.rules = read_rules((examples / "rules.example.toml").read_text("utf-8"))
        self.risk, links = Risk(self.office, self.rules), Links(self.office, None)
        self._desk = Desk(self.office, self.risk, Rights(self.office, self.risk, BOX.box, links), links)
        self._key = X25519PrivateKey.generate()
        self.sweep = Sweep(self.office, self.risk)
        self._books = Books(self.office, self.risk, self.sweep, self._key, Keeps(3650, 3650, 3650))

    def come(self, number: str, at_ms: int) -> None:
        """Register a visitor at the desk."""
        self.clock.at_ms = at_ms
        self._desk.register(
            Register(
                session=new_id(), notice_hash=self.office.notice.hash, scopes=AGREED,
                phone=number, source="agent",
            )
        )  # fmt: skip

    def judge_all(self) -> None:
        """Judge everything, as the box does when its list of owners came."""
        self.sweep.ask()
        while self.sweep.step():
            pass

    def lodge(self, fact: facts.Fact) -> None:
        """Keep a row of the books, and judge nothing yet."""
        self.office.store.apply(self.office.gate.on_other_basis(fact))

    def token(self, number: str) -> Token:
        """Return by what the books know a customer."""
        return self.office.tokens.token("channel_risk", number)

    def sealed(self, row: FactRow) -> FactsCommand:
        """Return an order of headquarters with one row."""
        public = self._key.public_key()
        info = row_info(BOX.tenant, BOX.box, public.public_bytes_raw().hex())
        seal = base64.b64encode(SUITE.encrypt(padded(row), public, info)).decode()
        return FactsCommand(command_id=new_id(), box=BOX.box, issued_ms=self.clock.at_ms, rows=(seal,))

    def take(self, order: FactsCommand) -> None:
        """Open the row, keep it, judge what it touches and answer."""
        self._books.take(order)


def number(customer: int) -> str:
    """Return a customer's telephone number."""
    return f"+86139{customer:08d}"


def fill(box: Box, reports: int, deals: int) -> int:
    """Fill a box: of five reports one is a rival's; some come early, some late, some never; return customers.

    Of ten deals two have two buyers, one names a channel that never reported.
    """
    chance, customers = Random(4), max(1, reports * 4 // 5)
    for some in _chunks(range(customers)):
        with box.office.store.transaction():
            for one in some:
                early, late = chance.random() < 0.15, chance.random() < 0.5
                if early:
                    box.come(number(one), T - chance.randrange(1, 40) * DAY_MS)
                if late:
                    box.come(number(one), T + chance.randrange(1, 40 * 24 * 60) * 60_000)
    for some in _chunks(range(reports)):
        with box.office.store.transaction():
            for one in some:
                box.lodge(_report(box, one, one % customers, rival=one >= customers))
    for some in _chunks(range(deals)):
        with box.office.store.transaction():
            for one in some:
                box.lodge(_deal(box, one, customers))
    box.clock.at_ms = T + 100 * DAY_MS
    return customers


def _chunks(all_of: range) -> Iterator[range]:
    return (all_of[at : at + CHUNK] for at in range(0, len(all_of), CHUNK))


def _channel(customer: int) -> str:
    return CHANNELS[customer % (len(CHANNELS) - 1)]


def _report(box: Box, nth: int, customer: int, *, rival: bool) -> facts.ReportLodged:
    at_ms = T + (nth % 97) * HOUR_MS
    return facts.ReportLodged(
        **box.office.stamp(), changed_ms=at_ms, report_ref=f"R-{nth}", token=box.token(number(customer)),
        channel=CHANNELS[-1] if rival else _channel(customer), agent="", reported_ms=at_ms,
        lapses_ms=at_ms + 3650 * DAY_MS,
    )  # fmt: skip


def _deal(box: Box, nth: int, customers: int) -> facts.DealMade:
    first = nth * 3 % customers
    buyers = [first] if nth % 5 else [first, (first + 1) % customers]
    at_ms = T + (45 + nth % 31) * DAY_MS
    return facts.DealMade(
        **box.office.stamp(), changed_ms=at_ms, deal_ref=f"D-{nth}",
        channel="omega" if nth % 10 == 3 else _channel(first),
        buyers=tuple((box.token(number(one)),) for one in dict.fromkeys(buyers)),
        subscribed_ms=at_ms, contracted_ms=at_ms + 5 * DAY_MS, owner="channel",
        lapses_ms=at_ms + 3650 * DAY_MS,
    )  # fmt: skip


def cpu_of(act: Callable[[], object]) -> float:
    """Return the processor seconds of this process that an act took."""
    began = time.process_time()
    act()
    return time.process_time() - began


def new_facts(box: Box, customers: int, count: int) -> dict[str, list[float]]:
    """Measure one new fact on the full store, `count` of each kind by turns; each on another customer."""
    chance, now = Random(7), box.clock.at_ms
    seconds: dict[str, list[float]] = {"report": [], "deal": [], "registration": []}
    for nth, customer in enumerate(chance.sample(range(customers), min(count, customers))):
        whose = number(customer)
        said = ReportRow(
            ref=f"NR-{nth}", changed_ms=now, phone=whose, channel=CHANNELS[nth % 4], reported_ms=T + HOUR_MS
        )
        report = box.sealed(said)
        seconds["report"].append(cpu_of(partial(box.take, report)))
        sold = DealRow(
            ref=f"ND-{nth}", changed_ms=now, channel=CHANNELS[nth % 4], buyers=(whose,), contracted_ms=now
        )
        deal = box.sealed(sold)
        seconds["deal"].append(cpu_of(partial(box.take, deal)))
        seconds["registration"].append(cpu_of(partial(box.come, whose, now)))
    return seconds


def findings(box: Box) -> Iterator[tuple[type_of_subject, str, str, str]]:
    """Yield the newest finding on each report and deal: its verdict, and what it rests on."""
    kinds: tuple[type_of_subject, ...] = ("report", "deal")
    for about in kinds:
        after = ""
        while rows := box.office.store.newest_verdicts(about, after, CHUNK):
            yield from ((about, ref, row.verdict or "", row.inputs or "") for ref, row in rows)
            after = rows[-1][0]


def floor_s(directory: Path, rested_on: Iterable[str]) -> float:
    """Return what inserting the same inputs twice (finding and outbox), and nothing else, takes."""
    database = Database(directory / "floor.db", secrets.token_bytes(32), "WAL")
    database.run("CREATE TABLE floor (id INTEGER PRIMARY KEY, finding TEXT NOT NULL)")
    every = list(rested_on)

    def insert() -> None:
        for at in range(0, len(every), CHUNK):
            with database.transaction():
                for one in every[at : at + CHUNK]:
                    for _ in range(2):
                        database.run("INSERT INTO floor (finding) VALUES (?)", (one,))

    try:
        return cpu_of(insert)
    finally:
        database.close()


def rules_alone_us(box: Box, about: list[tuple[type_of_subject, str]]) -> float:
    """Return the microseconds in which the rules alone, without a store, come to one finding."""
    cases = [box.risk.cases_of(*one) for one in about]

    def all_of_them() -> None:
        for some in cases:
            judge(*strongest(some, box.rules))

    return cpu_of(all_of_them) / len(cases) * 1e6


def measure(directory: Path, reports: int, deals: int, count: int) -> dict[str, Any]:
    """Fill a box and measure; return the figures."""
    box = Box(directory)
    try:
        began = time.monotonic()
        customers = fill(box, reports, deals)
        filled_s = time.monotonic() - began
        cold_s = cpu_of(box.judge_all)
        made = list(findings(box))
        again_s = cpu_of(box.judge_all)
        floor = floor_s(directory, (inputs for *_, inputs in made))
        chosen = Random(9).sample(made, min(SAMPLE, len(made)))
        alone_us = rules_alone_us(box, [(about, ref) for about, ref, *_ in chosen])
        facts_s = new_facts(box, customers, count)
    finally:
        box.office.store.close()
    every = [one * 1000 for kind in facts_s.values() for one in kind]
    kinds = {
        kind: {"median": round(percentile(s, 0.5) * 1000, 2), "p99": round(percentile(s, 0.99) * 1000, 2)}
        for kind, s in facts_s.items()
    }
    return {
        "reports": reports, "deals": deals, "customers": customers, "findings": len(made),
        "verdicts": dict(Counter(verdict for _, _, verdict, _ in made)),
        "inputs_mean_bytes": round(sum(len(i) for *_, i in made) / len(made)),
        "verdicts_cold_s": round(cold_s, 4), "cold_limit_s": COLD_LIMIT_S,
        "judged_again_unchanged_s": round(again_s, 4),
        "floor_s": round(floor, 4), "cold_to_floor": round(cold_s / floor, 1),
        "verdict_incremental_ms": {
            "n": len(every), "median": round(percentile(every, 0.5), 2),
            "p99": round(percentile(every, 0.99), 2), "of": kinds,
        },
        "incremental_limit_ms": ONE_LIMIT_MS,
        "rules_alone_us": round(alone_us, 1),
        "filled_wall_s": round(filled_s, 1),
        **machine(),
        "ok": cold_s <= COLD_LIMIT_S and percentile(every, 0.99) <= ONE_LIMIT_MS,
    }  # fmt: skip


def main() -> int:
    """Measure, print JSON, return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reports", type=int, default=100_000)
    parser.add_argument("--deals", type=int, help="a fifth of the reports, if it isn't said")
    parser.add_argument("--facts", type=int, default=200, help="new facts of each kind")
    given = parser.parse_args()
    reports = max(5, given.reports)
    deals = reports // 5 if given.deals is None else given.deals
    with tempfile.TemporaryDirectory() as directory:
        result = measure(Path(directory), reports, deals, max(1, given.facts))
    print(json.dumps(result, indent=1))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
