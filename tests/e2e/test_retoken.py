"""The project's keys are exchanged on a box in use, with a live headquarters: visits stay one person's.

Before that a CRM brings its books in, which the box judges and headquarters can't read.

Officer, box, broker and headquarters are the real programs; the core is killed in the middle of it.
"""

import random
import time
from pathlib import Path

import pytest

from edge.ipc import kiosk
from edge.ipc.client import ControlClient
from edge.wire import Scope
from scripts.site.place import PROJECT, Options, Place
from scripts.site.processes import BIN, run, until
from tests.unit.cloud.crm import Books, NumberSearch

PEOPLE = 60
OPTIONS = Options(cameras=False, terminal=False, phone=False, kiosk=False)


class Desk:
    """Registers people over the kiosk's socket."""

    def __init__(self, place: Place) -> None:
        self._client = ControlClient(place.box_directory / "run" / "kiosk.sock", 30)
        self._notice = self._client.ask(kiosk.GetNotice(), kiosk.Notice).hash

    def register(self, number: str) -> kiosk.Registered:
        session = self._client.ask(kiosk.Begin(), kiosk.Begun).session
        request = kiosk.Register(
            session=session, notice_hash=self._notice, scopes=frozenset({Scope.REGISTRATION}), phone=number
        )
        answer = self._client.ask(request, kiosk.Registered)
        self._client.ask(kiosk.End(session=session), kiosk.Departed)
        return answer


def restart(place: Place) -> Desk:
    (place.box_directory / "run" / "kiosk.sock").unlink(missing_ok=True)
    place.core.start()
    until("the core", (place.box_directory / "run" / "kiosk.sock").exists, 30)
    return Desk(place)


def visits(place: Place) -> dict[str, list[bool]]:
    """Return headquarters' visits by token: whether each was a returning one, in order of arrival."""
    rows = sorted(
        (row["record"] for row in place.ledger("visit") if row["record"]), key=lambda r: r["arrived_ms"]
    )
    found: dict[str, list[bool]] = {}
    for record in rows:
        found.setdefault(record["who"], []).append(record["returning"])
    return found


def a_crm_brings_in_what_headquarters_cannot_read(place: Place, directory: Path) -> None:
    """P20: client, service, broker and box are the real ones; every file and byte is searched."""
    books = Books.write(directory, 40)
    key_file = directory / "crm.key"
    key_file.write_text(place.cloud("crm", "add", "fangyou", "--project", PROJECT))
    key_file.chmod(0o600)
    common = ["--url", place.headquarters_url, "--key-file", str(key_file)]
    common += ["--state", str(directory / "state"), "--wait", "60"]
    said = ""
    for kind, file in books.files:
        more = ["--whole-list"] if kind == "customer" else []
        said += run(str(BIN / "gatehouse-crm"), "push", str(file), "--kind", kind, *more, *common)
    assert said.count("  done") == len(books.files), said
    until("the findings", lambda: len(place.ledger("verdict")) >= 40, 60)

    search = NumberSearch(books.numbers)
    crossed = b"\n".join(one.topic.encode() + one.payload for one in place.wiretap.heard)
    places = (place.headquarters_directory, place.logs, place.box_directory / "state", directory / "state")
    kept = b"\n".join(p.read_bytes() for top in places for p in top.rglob("*") if p.is_file())
    assert crossed.count(b'"kind":"facts"') >= len(books.files)
    assert search.found(crossed) == search.found(kept) == search.found(said.encode()) == 0
    assert search.found(books.reports.read_bytes()) > 0, "the search finds one that lies there"


@pytest.mark.timeout(300)
def test_visits_before_and_after_an_exchange_are_one_persons_at_headquarters(tmp_path: Path) -> None:
    """P41, P42 as well: an order by the new token reaches what came under the old one."""
    numbers = [f"+861380013{n:04d}" for n in range(PEOPLE)]
    with Place(tmp_path, OPTIONS) as place:
        desk = Desk(place)
        for number in numbers:
            assert not desk.register(number).returning
        a_crm_brings_in_what_headquarters_cannot_read(place, tmp_path / "crm")
        old = {place.token("registration", number) for number in numbers}
        until("all first visits", lambda: visits(place).keys() == old, 60)

        place.core.stop()
        place.exchange_project_keys()
        chance = random.Random(3)
        for _ in range(3):
            restart(place)
            time.sleep(chance.uniform(0.0, 0.15))
            place.core.kill9()
        desk = restart(place)
        assert desk.register(numbers[0]).returning
        new = {place.token("registration", number) for number in numbers}
        assert not old & new
        until("all exchanged", lambda: visits(place).keys() == new, 90)
        for number in numbers[1:]:
            assert desk.register(number).returning
        until("second visits", lambda: all(v == [False, True] for v in visits(place).values()), 60)
        pairs = [(r["record"]["old"], r["record"]["new"]) for r in place.ledger("retokened")]
        assert len(pairs) == len(set(pairs)) == PEOPLE
        (line,) = [c for c in place.status()["checks"] if c["name"] == "project_keys"]
        assert (line["state"], line["what"]) == ("ok", "generation 2")

        gone = place.token("registration", numbers[1])
        place.cloud("erase", "--who", "-", "--reason", "visitor_request", stdin=gone)
        until("the receipt", lambda: gone not in visits(place), 30)
        (receipt,) = place.ledger("erasure_receipt")
        assert receipt["record"]["rows"]["visits"] == 2
        assert len(visits(place)) == PEOPLE - 1
