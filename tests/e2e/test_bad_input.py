"""One site in which everything goes wrong: a wrong password, a frozen camera, killed workers, forged records.

Every time is by the peer's clock: the camera's, the broker's, the process table's.
"""

import json
import logging
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.ipc.client import ControlClient
from edge.ipc.kiosk import Begin, Begun, GetNotice, Notice, Register, Registered
from edge.wire import Scope, Topics
from scripts.site.place import BOX, SITE, TENANT, Options, Place, now_ms
from scripts.site.processes import BIN, ROOT, until
from scripts.site.steps import Row, records
from scripts.site.watcher import Sighting, Watcher
from tests.unit.cloud.records import call
from tests.unit.cloud.signer import Signer, entry, hexid

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

OPTIONS = Options(interval_s=10, phone=False, kiosk=False, noise=0.0)
LOCKED, WRONG = "locked", "wrong password"
NUMBER = "13800138000"
NOTICED_MS = 10_000
LAST_PICTURE_MS = 2000
"""Encoded and sent, a picture is seen some time after it was filmed; the rest is for a busy machine."""
BACK_S = 5.0
OTHER_BOX = "box-02"


class Doorman:
    """Stands before a camera, passes everything on, and counts who came and how often they were refused."""

    def __init__(self, camera: str) -> None:
        target = urlsplit(camera)
        self._target = target.hostname or "", target.port or 554
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}{target.path}"
        self.came: list[float] = []
        self.logins = 0
        self._wake, self._stop = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="doorman")
        self._thread.start()

    def close(self) -> None:
        self._stop.close()
        self._thread.join()

    def _run(self) -> None:
        pairs: dict[socket.socket, socket.socket] = {}
        with closing(self._listener), closing(self._wake):
            while True:
                ready, _, _ = select.select([self._listener, self._wake, *pairs], [], [])
                if self._wake in ready:
                    break
                for one in ready:
                    if one is self._listener:
                        self._let_in(pairs)
                    elif one in pairs:
                        self._pass_on(one, pairs)
        for one in pairs:
            one.close()

    def _let_in(self, pairs: dict[socket.socket, socket.socket]) -> None:
        self.came.append(time.monotonic())
        guest, camera = self._listener.accept()[0], socket.create_connection(self._target)
        pairs |= {guest: camera, camera: guest}

    def _pass_on(self, one: socket.socket, pairs: dict[socket.socket, socket.socket]) -> None:
        try:
            data = one.recv(65536)
            self.logins += data.count(b"\r\nAuthorization:")
            if data:
                pairs[one].sendall(data)
                return
        except ConnectionError:
            pass  # as if it had hung up in order
        other = pairs.pop(one)
        del pairs[other]
        one.close()
        other.close()


class Troubled(Place):
    """A place with one camera more, of which the box has a wrong password."""

    doorman: Doorman
    forged: frozenset[bytes] = frozenset()
    """What a test itself published in the box's name."""

    def _devices(self) -> str:
        assert self.cameras is not None
        self.doorman = Doorman(self.cameras.url("desk"))
        self._stack.callback(self.doorman.close)
        return super()._devices() + (
            self._device(LOCKED, "rtsp", WRONG)
            + f'role = "desk"\nurl = "{self.doorman.url}"\nusername = "{self.cameras.user}"\n'
        )

    def core_client(self) -> ControlClient:
        return ControlClient(self.box_directory / "run" / "kiosk.sock")

    def heard_records(self, kind: str) -> list[tuple[int, Row]]:
        """Return records of one kind as they crossed the broker, each with the broker's client's clock."""
        return [
            (one.at_ms, made["record"])
            for one in list(self.wiretap.heard)
            if one.topic.endswith("/up/batch") and one.payload not in self.forged
            for made in json.loads(one.payload)["body"].get("entries", ())
            if made["record"]["kind"] == kind
        ]

    def health(self, device: str, state: str, since_ms: int) -> list[tuple[int, Row]]:
        """Return when and how a device was said to be in a state, of what was said from an instant on."""
        found = self.heard_records("health")
        return [(at, r) for at, r in found if (r["device"], r["state"]) == (device, state) and at >= since_ms]


@dataclass
class Trouble:
    """What the peers saw."""

    locked: list[tuple[int, Row]] = field(default_factory=list)
    others_up: bool = False
    tries: int = 0
    logins: int = 0
    watched_s: float = 0.0
    frozen_ms: int = 0
    thawed_ms: int = 0
    noticed: list[tuple[int, Row]] = field(default_factory=list)
    blind: list[Row] = field(default_factory=list)
    respawned_s: dict[str, float] = field(default_factory=dict)
    up_again: dict[str, int] = field(default_factory=dict)
    refused_by_the_broker: list[bytes] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    quarantined: int = 0
    before: list[Row] = field(default_factory=list)
    after: list[Row] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    logs: str = ""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troubled]:
    with Troubled(tmp_path_factory.mktemp("troubled"), OPTIONS) as place:
        yield place


@pytest.fixture(scope="module")
def trouble(place: Troubled) -> Trouble:
    seen = Trouble()
    with Watcher(place.core.pid) as watcher:
        until("the right passwords to work", lambda: _all_up(place, {"entrance", "desk", "card"}), 40)
        seen.others_up = True
        _freeze(place, seen)
        _count_logins(place, seen)
        _forge(place, seen)
        _kill(place, watcher, seen)
    noticed_ms = seen.noticed[0][0] - seen.frozen_ms
    log.info(
        "measured noticed_ms=%d blind_ms=%d tries=%d logins=%d watched_s=%.0f respawned_s=%s up_again_ms=%s",
        noticed_ms, seen.blind[0]["to_ms"] - seen.blind[0]["from_ms"], seen.tries, seen.logins,
        seen.watched_s, seen.respawned_s, seen.up_again,
    )  # fmt: skip
    seen.logs = "".join(path.read_text() for path in place.logs.glob("*.log"))
    return seen


def _all_up(place: Troubled, devices: set[str]) -> bool:
    return all(place.health(device, "up", 0) for device in devices)


FREEZES = 3


def _lost(place: Troubled, since_ms: int) -> list[tuple[int, Row]]:
    return place.health("entrance", "frozen", since_ms) + place.health("entrance", "down", since_ms)


def _freeze(place: Troubled, seen: Trouble) -> None:
    assert place.cameras is not None
    for _ in range(FREEZES):
        seen.frozen_ms = place.cameras.order("freeze", "entrance")
        until("the freeze at the broker", lambda: bool(_lost(place, seen.frozen_ms)), 30)
        seen.noticed = place.health("entrance", "frozen", seen.frozen_ms)
        seen.thawed_ms = place.cameras.order("thaw", "entrance")
        if seen.noticed:
            break
        # On a loaded machine the frozen server may drop the connection first: that is another fault.
        until("the camera back", lambda: bool(place.health("entrance", "up", seen.thawed_ms)), 60)

    def blind() -> list[Row]:
        found = records(place.ledger("blind"), "blind")
        return [one for one in found if one["device"] == "entrance" and one["to_ms"] > seen.thawed_ms]

    until("the blind time at headquarters", lambda: bool(blind()), 60)
    seen.blind = blind()


def _count_logins(place: Troubled, seen: Trouble) -> None:
    seen.locked = place.health(LOCKED, "auth_failed", 0)
    first = place.doorman.came[0]
    until("some time at the locked camera", lambda: time.monotonic() - first > 20, 30)
    seen.tries, seen.logins = len(place.doorman.came), place.doorman.logins
    seen.watched_s = time.monotonic() - first


# -- forged records ------------------------------------------------------------------------------


@contextmanager
def _rogue(place: Place, name: str) -> Iterator[Callable[[str, bytes], None]]:
    """A client of its own with the certificate of `name`; yields how it publishes (and is acknowledged)."""
    mine = place.broker.credentials(name)
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=f"rogue-{name}", protocol=MQTTProtocolVersion.MQTTv5
    )
    context = ssl.create_default_context(cafile=str(mine.ca))
    context.load_cert_chain(mine.cert, mine.key)
    client.tls_set_context(context)
    client.connect(place.broker.host, place.broker.port)
    client.loop_start()

    def publish(topic: str, payload: bytes) -> None:
        client.publish(topic, payload, qos=1).wait_for_publish(10)

    try:
        yield publish
    finally:
        client.disconnect()
        client.loop_stop()


def _status(place: Place) -> Row:
    done: Row = json.loads(place.cloud("status", "--json"))
    return done


def _stranger(place: Place) -> Signer:
    """A second box of the same site, properly enrolled."""
    signer = Signer(topics=Topics(TENANT, SITE, OTHER_BOX))
    key = signer.public.hex()
    place.cloud("box", "add", "--tenant", TENANT, "--site", SITE, "--box", OTHER_BOX, "--public-key", key)
    return signer


def _forged(place: Troubled, other: Signer) -> dict[str, tuple[str, str, bytes]]:
    """Return by name: whose certificate, which topic, what."""
    own = Topics(TENANT, SITE, BOX).batch
    genuine = next(one.payload for one in place.wiretap.heard if one.topic == own)
    body = json.loads(genuine)["body"]
    posing = Signer(topics=Topics(TENANT, SITE, BOX), key=other.key)
    changed = json.loads(genuine)
    changed["body"]["entries"][0]["sequence"] += 1000
    unsigned = {"body": posing.body([_a_call(1)])}
    return {
        "not_json": (BOX, own, b"\xff\x00 no record"),
        "unsigned": (BOX, own, json.dumps(unsigned).encode()),
        "signature_of_other_bytes": (BOX, own, json.dumps(changed, separators=(",", ":")).encode()),
        "signed_by_another_box": (BOX, own, posing.batch([_a_call(2)], epoch=body["epoch"])),
        "unknown_field": (
            OTHER_BOX,
            other.topics.batch,
            other.sign(other.body([_a_call(3)]) | {"note": "x"}),
        ),
        "posing_as_the_box": (OTHER_BOX, other.topics.batch, posing.batch([_a_call(4)])),
        "the_boxs_own_batch": (OTHER_BOX, other.topics.batch, genuine),
        "replayed": (BOX, own, genuine),
        "on_the_boxs_topic": (OTHER_BOX, own, other.batch([_a_call(5)])),
        "as_headquarters": (OTHER_BOX, Topics(TENANT, SITE, BOX).command, other.sign({"v": 1}, "command")),
    }


def _a_call(number: int) -> dict[str, Any]:
    return entry(number, call(call_id=hexid(7000 + number)))


def _forge(place: Troubled, seen: Trouble) -> None:
    forged = _forged(place, _stranger(place))
    place.forged = frozenset(payload for _whose, _topic, payload in forged.values())
    until("headquarters to have everything", lambda: _quiet(place), 20)
    seen.before = place.ledger()
    at = len(place.wiretap.heard)
    with ExitStack() as stack:
        clients = {name: stack.enter_context(_rogue(place, name)) for name in (BOX, OTHER_BOX)}
        for name, (whose, topic, payload) in forged.items():
            clients[whose](topic, payload)
            seen.sent.append(name)
    until("the refusals", lambda: _status(place)["quarantined"] >= 7, 20)
    _register(place)
    until("a true visit after it", lambda: bool(place.ledger("visit")), 20)
    seen.after = place.ledger()
    seen.quarantined = _status(place)["quarantined"]
    seen.missing = [one["missing"] for one in _status(place)["boxes"]]
    passed = {one.payload for one in place.wiretap.heard[at:]}
    stopped = ("on_the_boxs_topic", "as_headquarters")
    seen.refused_by_the_broker = [forged[name][2] for name in stopped if forged[name][2] not in passed]


def _quiet(place: Place) -> bool:
    return all(one["missing"] == 0 for one in _status(place)["boxes"])


def _register(place: Troubled) -> None:
    core = place.core_client()
    session, notice = core.ask(Begin(), Begun).session, core.ask(GetNotice(), Notice).hash
    yes = frozenset({Scope.REGISTRATION})
    core.ask(Register(session=session, notice_hash=notice, scopes=yes, phone=NUMBER), Registered)


# -- killed workers ------------------------------------------------------------------------------


def _kill(place: Troubled, watcher: Watcher, seen: Trouble) -> None:
    for kind, device in (("card", "card"), ("vision", "entrance")):
        victim = _worker(watcher, kind)
        killed, killed_ms = time.monotonic(), now_ms()
        os.kill(victim.pid, signal.SIGKILL)
        until(f"another {kind}", lambda: _another(watcher, kind, victim), 30)  # noqa: B023 — awaited here
        seen.respawned_s[kind] = _worker(watcher, kind).first - killed
        until(f"{device} up", lambda: bool(place.health(device, "up", killed_ms)), 60)  # noqa: B023 — as above
        seen.up_again[kind] = place.health(device, "up", killed_ms)[0][0] - killed_ms


def _worker(watcher: Watcher, kind: str) -> Sighting:
    return max((one for one in watcher.of_kind(kind) if watcher.lives(one)), key=lambda one: one.first)


def _another(watcher: Watcher, kind: str, victim: Sighting) -> bool:
    return any(one.pid != victim.pid and watcher.lives(one) for one in watcher.of_kind(kind))


# -- what is shown ---------------------------------------------------------------------------------


def test_a_wrong_camera_password_is_a_state_and_costs_no_other_device(trouble: Trouble) -> None:
    assert trouble.others_up
    ((_at_ms, told),) = trouble.locked
    assert told["device"] == LOCKED
    assert WRONG not in trouble.logs


def test_a_wrong_camera_password_is_no_login_storm(trouble: Trouble) -> None:
    """At most one retry a minute, as the camera sees it; one try is asked, then answered once."""
    assert trouble.watched_s >= 20
    assert 1 <= trouble.tries <= 1 + trouble.watched_s // 60
    assert 1 <= trouble.logins <= 2 * trouble.tries


def test_a_frozen_camera_is_noticed_within_ten_seconds(trouble: Trouble) -> None:
    """By the camera's clock for the freeze, and the broker's client's for the news of it."""
    (heard_ms, _record) = trouble.noticed[0]
    assert 0 < heard_ms - trouble.frozen_ms <= NOTICED_MS


def test_headquarters_knows_from_when_to_when_the_camera_was_blind(trouble: Trouble) -> None:
    """From its last picture on, not from when somebody noticed; a verdict near it depends on that."""
    (blind,) = trouble.blind
    assert abs(blind["from_ms"] - trouble.frozen_ms) <= LAST_PICTURE_MS
    assert blind["from_ms"] == trouble.noticed[0][1]["since_ms"]
    assert blind["to_ms"] > trouble.thawed_ms


@pytest.mark.parametrize("kind", ["card", "vision"])
def test_a_worker_killed_with_9_is_back_within_five_seconds(trouble: Trouble, kind: str) -> None:
    assert trouble.respawned_s[kind] <= BACK_S
    assert trouble.up_again[kind] > 0


def test_forged_records_never_reach_a_table_and_ingest_goes_on(trouble: Trouble) -> None:
    """Malformed, unsigned, foreign and replayed ones; a true visit is written after them."""
    assert len(trouble.sent) == 10 and trouble.quarantined == 7
    key = ("box", "epoch", "sequence")
    known = {tuple(row[k] for k in key) for row in trouble.before}
    assert len(known) == len(trouble.before)
    new = [row for row in trouble.after if tuple(row[k] for k in key) not in known]
    assert [row for row in trouble.after if row not in new] == trouble.before
    assert {row["kind"] for row in new} <= {"visit", "consent", "health", "blind", "footfall"}
    assert {row["box"] for row in new} == {BOX}
    assert [row["kind"] for row in new].count("visit") == 1
    assert set(trouble.missing) == {0}


def test_nobody_speaks_on_the_topics_of_another(trouble: Trouble) -> None:
    assert len(trouble.refused_by_the_broker) == 2


# -- configuration ---------------------------------------------------------------------------------

FAULTS = {
    "unknown_key": ('box = "box-01"', 'box = "box-01"\nbxo = 1', r"site\.bxo: unknown key"),
    "unknown_table": ("[rules]", "[kisok]\nport = 1\n[rules]", r"kisok: unknown key"),
    "unknown_key_of_a_device": (
        'role = "desk"',
        'role = "desk"\nrloe = 1',
        r"devices\[\d\]\.rloe: unknown key",
    ),
    "wrong_type": (
        "interval_s = 10",
        'interval_s = "ten"',
        r"footfall\.interval_s: Input should be a valid int",
    ),
    "wrong_value": ('role = "desk"', 'role = "attic"', r"devices\[\d\]\.role: .*'entrance' or 'desk'"),
    "missing": ('file = "rules.toml"\n', "", r"rules\.file: Field required"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_configuration_stops_the_start_with_file_path_and_expected_value(
    place: Troubled, fault: str
) -> None:
    old, new, says = FAULTS[fault]
    text = place.config.read_text()
    assert old in text
    file = place.config.with_name(f"{fault}.toml")
    file.write_text(text.replace(old, new, 1))
    words = [str(BIN / "gatehouse"), "run", "--config", str(file)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"read {file}" in done.stderr and re.search(says, done.stderr)
    assert "Traceback" not in done.stderr and WRONG not in done.stderr
    assert Path(place.box_directory / "run" / "kiosk.sock").exists() and place.core.running
