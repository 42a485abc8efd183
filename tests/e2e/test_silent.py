"""People who agreed to nothing pass both cameras, and nothing of them is anywhere; then one agrees.

The same search looks both times, so that what it doesn't find the first time it is known to find.
"""

import json
import re
import struct
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import sqlcipher3.dbapi2 as sqlcipher

from edge.ipc.client import ControlClient
from edge.ipc.kiosk import Begin, Begun, GetNotice, Notice, Recognise, Recognised, Register, Registered
from edge.store.credentials import Credentials
from edge.store.keys import KeyFile
from edge.wire import Scope
from scripts.site.cameras import cache_root, film
from scripts.site.place import Options, Place
from scripts.site.processes import until
from scripts.site.search import Finding, People, Search, people
from scripts.site.watcher import Watcher
from tests.contract.wire_checker import check_payload, record_kinds

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

OPTIONS = Options(
    interval_s=5, terminal=False, phone=False, kiosk=False,
    films={"entrance": "entrance", "desk": "desk-a-1"},
)  # fmt: skip
OF_NOBODY = {
    "meta", "sqlite_sequence", "audit", "epochs", "batches", "outbox", "notices", "notice_terms",
}  # fmt: skip
"""The only tables that may hold anything when nobody agreed to anything."""
OF_NO_PERSON = {"footfall", "health", "blind", "box_keys"}
LEASE_S = 20
NUMBER = "13800138000"
FLOAT, VECTOR = 4, 128
_OF_A_TRACK = re.compile(r"track|face=|bbox|landmark|embedding|vector|(?:\d+[.,]\d+[^0-9]{1,3}){3}", re.I)
"""Words and rows of coordinates that a log line about somebody in the picture would have."""


@dataclass
class Found:
    """What a look at everything found, and how much it looked at."""

    findings: list[Finding]
    tables: dict[str, int]
    kinds: set[str]
    looked_at: dict[str, int]
    log: str


@dataclass
class Walk:
    """The whole run: people pass, a look; one agrees, a look; something is planted, a look."""

    counted: int = 0
    silent: Found | None = None
    silent_recognisers: int = 0
    silent_processes: set[str] = field(default_factory=set)
    notified: str = ""
    cosine: float = 0.0
    similar_rows: int = 0
    lease: tuple[float, float] = (0.0, 0.0)
    after: Found | None = None
    recognisers: list[Any] = field(default_factory=list)
    left: list[Any] = field(default_factory=list)
    planted: dict[str, set[str]] = field(default_factory=dict)
    template_found_in: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    rounds: int = 0


@pytest.fixture(scope="module")
def known() -> People:
    """Who is in the films, from the films."""
    return people([film("entrance"), film("desk-a-1")], cache_root() / "models")


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, known: People) -> Walk:
    root = tmp_path_factory.mktemp("silent")
    temp = root / "tmp"
    temp.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temp))
        with Place(root, OPTIONS) as place, Watcher(place.core.pid) as watcher:
            place.wait_ready()
            return _play(place, temp, watcher, Search(known))


def _play(place: Place, temp: Path, watcher: Watcher, search: Search) -> Walk:
    walk = Walk()
    walk.counted = _wait_until_counted(place)
    walk.silent = _look(place, temp, search)
    walk.silent_recognisers = len(watcher.of_kind("recogniser"))
    walk.silent_processes = {one.command for one in watcher.seen.values()}
    began = time.monotonic()
    walk.notified = _enrol(place)
    walk.lease = began, time.monotonic()
    until("the recogniser's end", lambda: not any(map(watcher.lives, watcher.of_kind("recogniser"))), 10)
    walk.after = _look(place, temp, search)
    exact = _templates(place)
    walk.similar_rows = len(exact)
    walk.cosine = max((search.alike(np.frombuffer(one, "<f4")) for one in exact), default=0.0)
    walk.template_found_in = {
        where for where, data in _everything(place, temp) for one in exact if _spelt(one, data)
    }
    walk.recognisers = watcher.of_kind("recogniser")
    walk.left = [one for one in walk.recognisers if watcher.lives(one)]
    walk.outside = {one for one in watcher.written if not Path(one).is_relative_to(place.root)}
    walk.rounds = watcher.rounds
    walk.planted = _plant(temp, search, exact[0])
    return walk


def _wait_until_counted(place: Place) -> int:
    """Wait until headquarters has heads from the entrance and the desk has shown its person for long."""
    cameras = place.cameras
    assert cameras is not None
    until("five people counted", lambda: bool(place.ledger("footfall")), 90)
    until("the desk's film again", lambda: len(cameras.loops("desk", film("desk-a-1"))) > 1, 30)
    return sum(row["record"]["count"] for row in place.ledger("footfall"))


def _enrol(place: Place) -> str:
    """One visitor agrees to registration and face, and taps "recognise me"; return the outcome."""
    core = ControlClient(place.box_directory / "run" / "kiosk.sock")
    session = core.ask(Begin(), Begun).session
    notice = core.ask(GetNotice(), Notice).hash
    scopes = frozenset({Scope.REGISTRATION, Scope.FACE_MATCH})
    choice = Register(session=session, notice_hash=notice, scopes=scopes, phone=NUMBER)
    assert core.ask(choice, Registered).outcome == "registered"
    return core.ask(Recognise(session=session), Recognised, timeout=LEASE_S + 10.0).outcome


# -- looking -------------------------------------------------------------------------------------


def _look(place: Place, temp: Path, search: Search) -> Found:
    findings: list[Finding] = []
    sizes: dict[str, int] = {}
    for where, data in _everything(place, temp):
        findings += search.in_bytes(where, data)
        area = where.split("/")[0]
        sizes[area] = sizes.get(area, 0) + len(data)
    tables: dict[str, int] = {}
    for table, row, column, value in _cells(place):
        tables[table] = max(tables.get(table, 0), row)
        raw = value if isinstance(value, bytes) else str(value).encode()
        findings += search.in_bytes(f"table {table}.{column}", raw)
    kinds = {kind for one in place.wiretap.heard for kind in record_kinds(one.payload)}
    wrong = [Finding(one.topic, w) for one in place.wiretap.heard for w in check_payload(one.payload)]
    return Found(findings + wrong, tables, kinds, sizes, (place.logs / "core.log").read_text())


def _everything(place: Place, temp: Path) -> Iterator[tuple[str, bytes]]:
    """Yield all that the box and headquarters wrote, as it lies there, and all that crossed the broker."""
    areas = {
        "state": place.box_directory / "state", "run": place.box_directory / "run", "logs": place.logs,
        "temp": temp, "headquarters": place.headquarters_directory, "broker": place.root / "broker",
    }  # fmt: skip
    for area, directory in areas.items():
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                try:
                    data = path.read_bytes()
                except FileNotFoundError:  # the broker exchanges its file while we look
                    continue
                yield f"{area}/{path.relative_to(directory)}", data
    for number, one in enumerate(list(place.wiretap.heard)):
        yield f"mqtt/{number}", one.topic.encode() + one.payload


def _open(path: Path, key: bytes) -> Any:
    connection = sqlcipher.connect(f"file:{path}?mode=ro", uri=True)
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    return connection


def _cells(place: Place) -> Iterator[tuple[str, int, str, Any]]:
    """Yield every cell of every table of both databases, opened with their keys."""
    own = Credentials.load(place.box_directory / "credentials", {})
    for name, key in (("box.db", own.store_key), ("keys.db", own.keys_key)):
        connection = _open(place.box_directory / "state" / name, key)
        try:
            tables = [
                row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            for table in tables:
                cursor = connection.execute(f'SELECT * FROM "{table}"')
                columns = [one[0] for one in cursor.description]
                for number, row in enumerate(cursor, 1):
                    for column, value in zip(columns, row, strict=True):
                        yield table, number, column, value
        finally:
            connection.close()


def _templates(place: Place) -> list[bytes]:
    """Return the templates of everybody, opened with their own keys."""
    own = Credentials.load(place.box_directory / "credentials", {})
    connection = _open(place.box_directory / "state" / "box.db", own.store_key)
    keys = KeyFile(place.box_directory / "state" / "keys.db", own.keys_key, own.keks)
    try:
        rows = connection.execute("SELECT template, person, sealed FROM templates").fetchall()
        return [
            keys.open((person, Scope.FACE_MATCH), "templates", name, sealed) for name, person, sealed in rows
        ]
    finally:
        keys.close()
        connection.close()


def _spelt(vector: bytes, data: bytes) -> bool:
    """Tell whether exactly this template, or a part of it, stands in `data` in any spelling."""
    part = vector[len(vector) // 4 : len(vector) // 2]
    forms = {part, part.hex().encode(), part.hex().upper().encode()}
    forms |= {b64encode(vector[shift : shift + 96]) for shift in range(3)}
    numbers = struct.unpack(f"<{VECTOR}f", vector)
    forms |= {f"{numbers[at]:.5f}, {numbers[at + 1]:.5f}".encode() for at in (10, 60)}
    forms |= {f"{numbers[at]!r}".encode() for at in (10, 60)}
    return any(form in data for form in forms)


def _plant(temp: Path, search: Search, vector: bytes) -> dict[str, set[str]]:
    """Leave what a careless program would leave, and return what the same search says of each."""
    face = np.random.default_rng(1).integers(0, 255, (112, 112, 3), np.uint8)
    numbers = [float(one) for one in np.frombuffer(vector, "<f4")]
    careless = {
        "swap": b"\x01\x02\x03" + bytes(1000) + vector + b"end",
        "dump.log": b"seen " + b64encode(b"v=" + vector) + b" at 12:00",
        "hex.log": b"seen " + vector.hex().encode(),
        "debug.json": json.dumps({"at": 1, "vector": numbers}).encode(),
        "double.npy": np.array(numbers).tobytes(),
        "half.npy": b"x" + np.array(numbers, "<f2").tobytes(),
        "crop.tmp": b"....." + cv2.imencode(".jpg", face)[1].tobytes(),
        "crop.dat": b"......" + cv2.imencode(".png", face)[1].tobytes(),
        "clip.h264": film("desk-a-1").read_bytes()[50_000:90_000],
    }
    told: dict[str, set[str]] = {}
    for name, data in careless.items():
        (temp / name).write_bytes(data)
    for found in search.in_directory(temp):
        told.setdefault(found.where, set()).add(found.what.split()[1])
    for name, data in careless.items():
        if _spelt(vector, data):
            told.setdefault(name, set()).add("exactly")
    return told


# -- people pass -----------------------------------------------------------------------------------


def test_people_were_counted_and_nothing_else_was_told(walk: Walk) -> None:
    assert walk.silent is not None and walk.counted >= 5
    assert walk.silent.kinds <= OF_NO_PERSON


def test_first_use_without_an_act_leaves_no_row_about_anybody_P1(walk: Walk) -> None:
    assert walk.silent is not None
    assert {table for table, rows in walk.silent.tables.items() if rows} <= OF_NOBODY


def test_no_template_and_no_picture_is_anywhere_P15(walk: Walk) -> None:
    """Tables, files as they lie there, logs, temporary files, and the traffic."""
    assert walk.silent is not None
    assert walk.silent.findings == []
    assert all(walk.silent.looked_at[area] > 0 for area in ("state", "logs", "mqtt", "headquarters"))


def test_no_log_line_is_about_somebody_in_the_picture(walk: Walk) -> None:
    assert walk.silent is not None and "worker up kind=vision" in walk.silent.log
    assert [line for line in walk.silent.log.splitlines() if _OF_A_TRACK.search(line)] == []


def test_no_recogniser_ever_existed_P51(walk: Walk) -> None:
    assert walk.silent is not None
    assert walk.silent_recognisers == 0
    assert "lease granted" not in walk.silent.log and "recogniser" not in walk.silent.log
    assert any("worker vision" in command for command in walk.silent_processes)
    assert walk.rounds > 100


def test_nothing_is_written_outside_the_boxs_own_directories(walk: Walk) -> None:
    assert walk.outside == set()


# -- one of them agrees ----------------------------------------------------------------------------


def test_the_one_who_agrees_is_found_where_they_belong(walk: Walk) -> None:
    assert walk.notified == "enrolled"
    assert walk.after is not None and walk.after.tables["templates"] == walk.similar_rows == 1
    assert walk.cosine > 0.45


def test_one_recogniser_lived_within_the_lease_P51(walk: Walk) -> None:
    assert walk.after is not None and walk.after.log.count("lease granted") == 1
    (one,) = walk.recognisers
    assert walk.left == []
    assert walk.lease[0] <= one.first and one.last - one.first <= LEASE_S + 2


def test_even_then_no_face_is_in_the_clear_on_disk_or_on_the_wire_P9_P15(walk: Walk) -> None:
    assert walk.after is not None
    assert walk.after.findings == []
    assert walk.template_found_in == set()


def test_the_search_finds_what_is_left_carelessly(walk: Walk) -> None:
    exactly = {"template", "exactly"}
    assert walk.planted == {
        "swap": exactly, "dump.log": exactly, "hex.log": exactly, "debug.json": exactly,
        "double.npy": {"template"}, "half.npy": {"template"}, "crop.tmp": {"picture"},
        "crop.dat": {"picture"}, "clip.h264": {"piece"},
    }  # fmt: skip
