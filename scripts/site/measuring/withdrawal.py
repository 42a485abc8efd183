"""Measures how fast a withdrawal ends use while a backlog waits, and when headquarters has it.

    python -m scripts.site.measuring.withdrawal --withdrawals 200 --backlog 150000

A real box, broker and headquarters. While the broker is away the outbox is filled with real rows, by the
real gate and store. Then visitors whose card is being read withdraw: measured is the time until the box has
answered, until the lease is over, and until the next use is refused. When the broker is back, people go on
withdrawing while the backlog drains; measured is the time until each one stands in headquarters' table.
"""

import argparse
import contextlib
import json
import secrets
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.consent.gate import Gate
from edge.domain import facts
from edge.domain.errors import Refused
from edge.domain.facts import Fact, PersonId
from edge.ipc import kiosk, operator
from edge.ipc.client import ControlClient
from edge.ports import Cleared
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore
from edge.wire import Basis, BasisKind, DeviceHealth, Evidence, Purpose, Scope, TimeQuality, VisitRecorded
from scripts.site.measuring.figures import cpu_s, machine, spread
from scripts.site.place import BOX, SITE, TENANT, Options, Place, now_ms
from scripts.site.processes import until

ON_THE_BOX_S, AT_HEADQUARTERS_S = 5.0, 60.0
SCOPES = frozenset({Scope.REGISTRATION, Scope.ID_CARD, Scope.CHANNEL_RISK})
CHUNK = 500


@dataclass
class Times:
    """Seconds of each withdrawal."""

    answered: list[float] = field(default_factory=list)
    lease_over: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    at_headquarters: list[float] = field(default_factory=list)
    """From the withdrawal, or from the return of the link where that came later."""


@dataclass
class Run:
    """What a run measured."""

    times: Times
    backlog: int
    drained_s: float
    """Until nothing waited any more, if the plan says so."""
    left_when_known: int
    """Rows that still waited when headquarters knew the last withdrawal of the time offline."""
    cpu_s_each: float


class Visitors:
    """People at the desk, over the control socket that the kiosk uses."""

    def __init__(self, place: Place) -> None:
        self._kiosk = ControlClient(place.box_directory / "run" / "kiosk.sock", 60.0)
        self.notice = self._kiosk.ask(kiosk.GetNotice(), kiosk.Notice)

    def register(self, number: str) -> str:
        """Register with three scopes; return the session."""
        session = self._kiosk.ask(kiosk.Begin(), kiosk.Begun).session
        self._kiosk.ask(
            kiosk.Register(session=session, notice_hash=self.notice.hash, scopes=SCOPES, phone=number),
            kiosk.Registered,
        )
        return session

    def withdraw(self, number: str, times: Times) -> None:
        """Withdraw all while one's card is being read; note how long each consequence took."""
        session, over, said = self.register(number), list[float](), list[str]()
        reader = threading.Thread(target=self._read, args=(session, over, said))
        reader.start()
        time.sleep(0.25)  # the lease runs now: no card lies on the terminal
        assert not over, f"the lease was over before withdrawal {len(times.answered)}: {said}"
        began = time.monotonic()
        answer = self._kiosk.ask(kiosk.Withdraw(phone=number, scopes=SCOPES), kiosk.Withdrawn)
        times.answered.append(time.monotonic() - began)
        assert frozenset(answer.scopes) == SCOPES, answer
        reader.join()
        times.lease_over.append(over[0] - began)
        with contextlib.suppress(Refused):
            self._kiosk.ask(kiosk.ReadCard(session=session), kiosk.CardSeen)
            raise AssertionError("the gate lets a withdrawn scope be used")
        times.refused.append(time.monotonic() - began)
        self._kiosk.ask(kiosk.End(session=session), kiosk.Departed)

    def _read(self, session: str, over: list[float], said: list[str]) -> None:
        try:
            said.append(self._kiosk.ask(kiosk.ReadCard(session=session), kiosk.CardSeen).outcome)
        except Refused as error:
            said.append(error.code)
        over.append(time.monotonic())


@dataclass(frozen=True)
class Plan:
    """How many withdraw while the box is offline, how many as the backlog drains, and how large it is."""

    offline: int = 200
    online: int = 40
    backlog: int = 150_000
    drain: bool = True
    """Whether to wait for the end of the backlog."""


def measure(root: Path, plan: Plan, say: Callable[[str], None]) -> Run:
    """Carry out `plan` in the new directory `root`."""
    numbers = [f"139{n:08d}" for n in range(plan.offline + plan.online)]
    options = Options(cameras=False, phone=False, kiosk=False, noise=0.0)
    with Place(root, options, say) as place:
        place.wait_ready()
        say("the broker goes; the outbox is filled")
        place.broker.stop()
        held = numbers[:50]
        visitors = Visitors(place)
        for number in held:
            visitors.register(number)
        place.core.stop()
        with _store(place) as store:
            filled = fill(store, place, held, plan.backlog)
        place.core.start()
        until("the core", (place.box_directory / "run" / "kiosk.sock").exists, 60)
        place.wait_ready(90)
        return _withdraw_all(place, plan, numbers, filled, say)


def _withdraw_all(
    place: Place, plan: Plan, numbers: list[str], filled: int, say: Callable[[str], None]
) -> Run:
    offline = plan.offline
    visitors, times, before = Visitors(place), Times(), cpu_s(place.core.pid)
    say(f"{offline} withdrawals while {filled} rows wait")
    for number in numbers[:offline]:
        visitors.withdraw(number, times)
    each = (cpu_s(place.core.pid) - before) / max(1, offline)
    place.broker.start()
    online = _wait_for_link(place)
    say("online again")
    books = Books(place)
    for number in numbers[:offline]:
        books.wait(place, number, online, times.at_headquarters)
    left = _depth(place)
    say(f"{len(numbers) - offline} withdrawals while it drains, {left} rows wait")
    for number in numbers[offline:]:
        visitors.withdraw(number, times)
        books.wait(place, number, time.monotonic() - times.refused[-1], times.at_headquarters)
    if plan.drain:
        until("the outbox empty", lambda: _depth(place) == 0, 900)
    return Run(times, filled, time.monotonic() - online, left, each)


def _wait_for_link(place: Place) -> float:
    """Wait until the box is online; return the last moment (time.monotonic) at which it said it wasn't."""
    offline = began = time.monotonic()
    while offline - began < 90:
        asked = time.monotonic()
        if any(c["name"] == "headquarters" and c["state"] == "ok" for c in place.status()["checks"]):
            return offline
        offline = asked
    raise TimeoutError("the link did not come back")


def _depth(place: Place) -> int:
    client = ControlClient(place.box_directory / "run" / "control.sock", 30.0)
    return client.ask(operator.GetOutbox(), operator.OutboxState).depth


class Books:
    """Headquarters' own table of withdrawals, read beside the running ingest."""

    def __init__(self, place: Place) -> None:
        self._file = place.headquarters_directory / "headquarters.db"

    def wait(self, place: Place, number: str, since: float, into: list[float]) -> None:
        """Wait until all three withdrawals of `number` stand there; note the seconds since `since`."""
        who = place.token("registration", f"+86{number}")
        question = "SELECT count(*) FROM withdrawals WHERE who = ?"

        def known() -> bool:
            with contextlib.closing(
                sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=30)
            ) as db:
                return int(db.execute(question, (who,)).fetchone()[0]) == len(SCOPES)

        until("headquarters to know of a withdrawal", known, 300)
        into.append(time.monotonic() - since)


# ---- the backlog -----------------------------------------------------------------------------


@contextlib.contextmanager
def _store(place: Place) -> Iterator[SqlStore]:
    credentials = Credentials.load(place.box_directory / "credentials")
    store = SqlStore.open(place.box_directory / "state", credentials, BoxIdentity(TENANT, SITE, BOX))
    try:
        yield store
    finally:
        store.close()


def fill(store: SqlStore, place: Place, numbers: list[str], rows: int) -> int:
    """Let the stopped box have `rows` rows to send: a third visits of `numbers`, the rest states."""
    gate, made = Gate(store), store.depth()
    known = [(person, who) for number in numbers for person, who in [_known(store, gate, place, number)]]
    while made < rows:
        size = min(CHUNK, rows - made)
        visits = size // 6 if known else 0  # each is opened and closed: two rows
        with store.transaction():
            for at in range(visits):
                store.apply(*_visit(gate, *known[(made + at) % len(known)]))
            store.apply(gate.impersonal(_states(size - 2 * visits)))
        made = store.depth() if size < CHUNK else made + size
    return made


def _known(store: SqlStore, gate: Gate, place: Place, number: str) -> tuple[PersonId, str]:
    who = place.token("registration", f"+86{number}")
    person = store.person_by_token(gate.permit_lookup(Purpose.RECEPTION), who)
    assert person is not None
    return person, who


def _states(count: int) -> facts.Noted:
    now = now_ms()
    record = DeviceHealth(device="card", state="up", code="answers", since_ms=now)
    return facts.Noted(at_ms=now, quality=TimeQuality.SYNCHRONISED, records=(record,) * count)


def _visit(gate: Gate, person: PersonId, who: str) -> tuple[Cleared[Fact], ...]:
    now, visit = now_ms(), secrets.token_hex(16)
    basis = Basis(kind=BasisKind.CONSENT, scope=Scope.REGISTRATION)
    told: dict[str, Any] = {
        "who": who,
        "visit_id": visit,
        "returning": True,
        "party_size": 2,
        "arrived_ms": now,
    }
    evidence = (Evidence(kind="registration", at_ms=now, basis=basis),)
    stamp: dict[str, Any] = {
        "at_ms": now,
        "quality": TimeQuality.SYNCHRONISED,
        "visit": visit,
        "person": person,
    }
    opened = facts.VisitOpened(
        **stamp, party_size=2, returning=True, evidence=evidence,
        records=(VisitRecorded(**told, revision=1, evidence=evidence),),
    )  # fmt: skip
    closed = facts.VisitClosed(
        **stamp, departed_ms=now,
        records=(VisitRecorded(**told, revision=2, departed_ms=now, evidence=evidence),),
    )  # fmt: skip
    return gate.clear(person, opened), gate.clear(person, closed)


# ---- the command -----------------------------------------------------------------------------


def judged(run: Run) -> dict[str, Any]:
    """Return the figures and whether they keep the limits."""
    times = run.times
    box = {name: spread(getattr(times, name)) for name in ("answered", "lease_over", "refused")}
    headquarters = spread(times.at_headquarters)
    ok = all(one["p99"] <= ON_THE_BOX_S * 1000 for one in box.values())
    return {
        "backlog": run.backlog,
        "on_the_box_ms": box,
        "at_headquarters_ms": headquarters,
        "rows_left_when_headquarters_knew": run.left_when_known,
        "drained_s": round(run.drained_s, 1),
        "cpu_s_of_the_core_each": round(run.cpu_s_each, 4),
        "limits_s": {"on_the_box_p99": ON_THE_BOX_S, "at_headquarters": AT_HEADQUARTERS_S},
        **machine(),
        "ok": ok and headquarters["most"] <= AT_HEADQUARTERS_S * 1000,
    }


def main() -> int:
    """Measure from the command line; exit code 1 if a limit is passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--withdrawals", type=int, default=200, help="while the box is offline")
    parser.add_argument("--online", type=int, default=40, help="further ones while the backlog drains")
    parser.add_argument("--backlog", type=int, default=150_000)
    parser.add_argument("--keep", type=Path, help="keep everything in this new directory")
    given = parser.parse_args()
    plan = Plan(given.withdrawals, given.online, given.backlog)
    root = given.keep or Path(tempfile.mkdtemp(prefix="gatehouse-withdrawal-"))
    try:
        run = measure(root, plan, lambda line: print(f"· {line}", flush=True))
    finally:
        if given.keep is None:
            shutil.rmtree(root, ignore_errors=True)
    result = judged(run)
    print(json.dumps(result, indent=1))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
