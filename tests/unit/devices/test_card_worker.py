"""The whole card worker as a process, over a real socket and a real pseudo-terminal line."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.ipc.framing import Lines
from edge.ipc.messages import (
    FROM_WORKER,
    Assign,
    CardLease,
    CardPresent,
    CardRead,
    DeviceState,
    FromWorker,
    Hello,
    Stop,
    ToWorker,
)

PERSON = {
    "name": "张小满",
    "sex": "2",
    "nation": "01",
    "birth": "19491231",
    "address": "北京市朝阳区某路1号",
    "number": "11010519491231002X",
    "issuer": "北京市公安局朝阳分局",
    "valid_from": "20150301",
    "valid_until": "长期",
}
ID = "terminal-1"
SECONDS = 20.0
WORKER = (
    "import os, socket, sys; from edge.workers.card import main; "
    "sys.exit(main(socket.socket(fileno=int(os.environ['GATEHOUSE_FD']))))"
)


class Double:
    """The terminal double as the process that a demo would start, with its own word on stdout."""

    def __init__(self, link: Path, *options: str) -> None:
        script = Path(__file__).parents[3] / "scripts/site/card_terminal.py"
        command = [sys.executable, str(script), "--link", str(link), *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said: list[dict[str, Any]] = []
        self.hear(lambda event: event["event"] == "ready")

    def tell(self, command: str) -> dict[str, Any]:
        """Send a command and return its acknowledgement."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.hear(lambda event: event["event"] in ("done", "refused"))

    def hear(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))
            if wanted(self.said[-1]):
                return self.said[-1]
        raise AssertionError("the double ended")

    def asked(self) -> list[str]:
        """Return the selects and reads that it was asked for until now."""
        self.tell("stats")
        return [event["command"] for event in self.said if event["event"] == "asked"]


class Core:
    """The core's end of the socket."""

    def __init__(self, link: Path) -> None:
        ours, theirs = socket.socketpair()
        environment = os.environ | {"GATEHOUSE_FD": str(theirs.fileno())}
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            env=environment,
            pass_fds=[theirs.fileno()],
            cwd=Path(__file__).parents[3],
        )
        theirs.close()
        ours.settimeout(SECONDS)
        self.lines = Lines(ours)
        self.seen: list[FromWorker] = []
        assert self.wait(lambda m: isinstance(m, Hello))
        device = {"id": ID, "kind": "card_serial", "port": str(link), "poll_ms": 300}
        self.send(Assign(devices=(device,)))

    def send(self, message: ToWorker) -> None:
        self.lines.send(message.model_dump_json().encode())

    def wait(self, wanted: Callable[[FromWorker], bool]) -> FromWorker:
        until = time.monotonic() + SECONDS
        while (line := self.lines.receive()) is not None:
            self.seen.append(FROM_WORKER.validate_json(line))
            if wanted(self.seen[-1]):
                return self.seen[-1]
            assert time.monotonic() < until, f"not seen in {SECONDS} s: {[m.type for m in self.seen]}"
        raise AssertionError("the worker ended")

    def state(self, state: str) -> DeviceState:
        found = self.wait(lambda m: isinstance(m, DeviceState) and m.state == state)
        assert isinstance(found, DeviceState)
        return found

    def read(self, lease: str) -> CardRead:
        self.send(CardLease(lease=lease, device=ID, seconds=10))
        card = self.wait(lambda m: getattr(m, "lease", None) == lease)
        assert isinstance(card, CardRead), card
        return card


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "line"


@pytest.fixture
def double(link: Path, request: pytest.FixtureRequest) -> Iterator[Double]:
    terminal = Double(link, *getattr(request, "param", ()))
    yield terminal
    if terminal.process.poll() is None:
        terminal.tell("quit")
    terminal.process.communicate(timeout=SECONDS)


@pytest.fixture
def core(link: Path, double: Double) -> Iterator[Core]:
    core = Core(link)
    try:
        yield core
        core.send(Stop())
        assert core.process.wait(SECONDS) == 0
    finally:
        core.lines.close()
        core.process.kill()
        core.process.wait(SECONDS)


def place() -> str:
    return "place " + json.dumps(PERSON)


def test_a_card_is_noticed_then_read_under_a_lease_only(core: Core, double: Double) -> None:
    """P26: by the terminal's own word no read command came before the lease."""
    core.state("up")
    placed = double.tell(place())
    present = core.wait(lambda m: isinstance(m, CardPresent))
    assert isinstance(present, CardPresent)
    assert present.at_ms >= placed["wall_ms"]
    core.wait(lambda m: m.type == "progress")  # it has looked some more times
    assert double.asked() == []
    card = core.read("a" * 32)
    assert card.number == PERSON["number"]
    assert card.confirmed_twice
    assert double.asked() == ["select", "read_base", "read_base", "read_address"]


@pytest.mark.parametrize("double", [("--noise", "0.2", "--seed", "3")], indirect=True)
def test_on_a_noisy_line_the_card_still_comes_through(core: Core, double: Double) -> None:
    core.state("up")
    double.tell(place())
    card = core.read("b" * 32)
    assert {name: getattr(card, name) for name in PERSON} == PERSON


def test_a_pulled_cable_is_a_state_and_so_is_its_return(core: Core, double: Double) -> None:
    core.state("up")
    double.tell("vanish")
    down = core.state("down")
    assert down.code in ("device_vanished", "no_port")
    double.tell("back")
    core.state("up")
    double.tell(place())
    assert core.read("c" * 32).confirmed_twice


@pytest.mark.parametrize("double", [("--slow", "--think-ms", "150")], indirect=True)
def test_a_card_takes_less_than_a_second_and_a_half_at_115200_baud(core: Core, double: Double) -> None:
    """From the lease (then find, select, two reads) to the parsed card, the line slowed to its speed."""
    core.state("up")
    took = []
    for n in range(3):
        double.tell(place())
        core.wait(lambda m: isinstance(m, CardPresent))
        began = time.monotonic()
        core.read(f"{n:032x}")
        took.append(time.monotonic() - began)
        double.tell("lift")
        core.wait(lambda m: m.type == "progress")
        core.wait(lambda m: m.type == "progress")
    # The target is 1.5 s on an idle machine; on a shared one the fastest of three shows it.
    assert min(took) < 1.5, took


def test_the_double_refuses_nonsense_and_repeats_no_value(double: Double) -> None:
    assert double.tell("place {broken") == {"event": "refused", "reason": "JSONDecodeError"}
    assert double.tell("place " + json.dumps({"name": "长" * 16})) == {
        "event": "refused",
        "reason": "ValueError",
    }
    assert double.tell("dance")["event"] == "refused"
