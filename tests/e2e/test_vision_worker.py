"""The vision worker and the recogniser as processes, on real RTSP cameras that show real people."""

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.ipc.framing import Lines
from edge.ipc.messages import (
    FROM_WORKER,
    Assign,
    DeviceState,
    Embedding,
    FrameLease,
    FromWorker,
    Headcount,
    Hello,
    LeaseOver,
    Message,
    Progress,
    Recognise,
    RecogniserDone,
    Stop,
)
from edge.vision.feed import read_pictures
from scripts.site.cameras import Cameras, cache_root, film

pytestmark = pytest.mark.e2e

MODELS = {role: str(cache_root() / "models" / f"{role}.onnx") for role in ("yunet", "sface")}
DETECTOR, EMBEDDER = MODELS["yunet"], MODELS["sface"]
LEASE = "5a" * 16
SAME_PERSON = 0.45


class Process:
    """A worker as the core starts it, with everything it said."""

    def __init__(self, kind: str, *, frames: socket.socket | None = None, code: str = "", **env: str) -> None:
        ours, theirs = socket.socketpair()
        fds = {"GATEHOUSE_FD": theirs.fileno()}
        if frames is not None:
            fds["GATEHOUSE_FRAMES_FD"] = frames.fileno()
        command = [sys.executable, *(["-c", code] if code else ["-m", "edge.cli", "worker", kind])]
        environment = {"PATH": os.environ["PATH"], **{name: str(fd) for name, fd in fds.items()}, **env}
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, env=environment, pass_fds=tuple(fds.values()), stdout=subprocess.PIPE, text=True
        )
        theirs.close()
        self.lines = Lines(ours)
        self.messages: list[FromWorker] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(ConnectionResetError):  # a killed worker had not read everything
            while (line := self.lines.receive()) is not None:
                with self._changed:
                    self.messages.append(FROM_WORKER.validate_json(line))
                    self._changed.notify_all()

    def send(self, message: Message, *fds: int) -> None:
        self.lines.send(message.model_dump_json().encode(), fds)

    def wait(self, true: Callable[[], bool], seconds: float = 30.0) -> None:
        with self._changed:
            assert self._changed.wait_for(true, seconds), f"not within {seconds} s: {self.messages[-5:]}"

    def of(self, kind: type[Any], device: str = "") -> list[Any]:
        found = [one for one in list(self.messages) if isinstance(one, kind)]
        return [one for one in found if not device or getattr(one, "device", "") == device]

    def states(self, device: str) -> list[str]:
        return [one.state for one in self.of(DeviceState, device)]

    def ended(self, seconds: float = 10.0) -> int:
        return self.process.wait(seconds)

    def output(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        self.lines.close()
        assert self.process.stdout is not None
        self.process.stdout.close()


def camera(cameras: Cameras, mount: str, **changed: Any) -> dict[str, Any]:
    fields = {"id": mount, "kind": "rtsp", "role": mount, "url": cameras.url(mount), "freeze_s": 4}
    return {**fields, "username": cameras.user, "password": cameras.password, **changed}


def assign(cameras: Cameras, *mounts: str, headcount_s: int = 900) -> Assign:
    devices = tuple(camera(cameras, mount) for mount in mounts)
    return Assign(devices=devices, models={"detector": DETECTOR}, headcount_s=headcount_s)


@pytest.fixture(scope="module")
def cameras() -> Iterator[Cameras]:
    with Cameras({"entrance": film("entrance"), "desk": film("desk-empty")}) as running:
        yield running


@pytest.fixture(scope="module")
def worker(cameras: Cameras) -> Iterator[Process]:
    """One vision worker with both cameras up, shared by the tests that don't end it."""
    with Process("vision") as process:
        process.send(assign(cameras, "entrance", "desk"))
        process.wait(lambda: "up" in process.states("entrance") and "up" in process.states("desk"))
        yield process


def passages(cameras: Cameras) -> list[tuple[float, float]]:
    """Return from when to when (wall time, s) the site itself knows that somebody was in the picture."""
    way_in = film("entrance")
    people = json.loads(way_in.with_suffix(".json").read_text())["people"]
    loops = [at_ms / 1000 for at_ms in cameras.loops("entrance", way_in)]
    return [(loop + one["from_s"], loop + one["to_s"]) for loop in loops for one in people]


@pytest.mark.parametrize("how", ["stop", "term"])
def test_people_at_the_entrance_are_counted_as_the_site_knows_them(how: str) -> None:
    """The count agrees with the film's own truth, over whole and cut intervals; an end loses nothing."""
    with Cameras({"entrance": film("entrance")}) as cameras, Process("vision") as process:
        process.send(assign(cameras, "entrance", headcount_s=10))
        process.wait(lambda: len(process.of(Headcount)) >= 2, 40)
        process.process.terminate() if how == "term" else process.send(Stop())
        assert process.ended() == 0
        process.wait(lambda: len(process.of(Headcount)) >= 3, 5)
        counts = process.of(Headcount)
        seen = passages(cameras)
    assert all(a.to_ms == b.from_ms for a, b in pairwise(counts))
    assert all(one.from_ms % 10_000 == 0 for one in counts[1:])
    first, last = process.of(DeviceState)[-1].at_ms / 1000, counts[-1].to_ms / 1000
    # Whoever was there for 1.8 s while the camera was up is counted; at the edges either is right.
    certain = sum(first + 0.5 <= came and came + 1.8 <= last for came, _ in seen)
    possible = sum(first <= left and came <= last for came, left in seen)
    counted = sum(one.count for one in counts)
    assert certain >= 2
    assert certain <= counted <= possible, [one.count for one in counts]


def test_neither_process_nor_import_of_the_vision_worker_reaches_the_embedder(
    cameras: Cameras, tmp_path: Path
) -> None:
    """P51: the process at the entrance has no embedder loaded, and it leaves no file behind."""
    code = (
        "import os, socket, sys; from edge.workers.vision import main\n"
        "main(socket.socket(fileno=int(os.environ['GATEHOUSE_FD'])))\n"
        "print(*sorted(sys.modules))"
    )
    with Process("vision", code=code, TMPDIR=str(tmp_path), HOME=str(tmp_path)) as process:
        process.send(assign(cameras, "entrance", "desk"))
        process.wait(lambda: len(process.of(Progress, "entrance")) >= 3)
        opened = [str(fd.readlink()) for fd in Path(f"/proc/{process.process.pid}/fd").iterdir()]
        mapped = Path(f"/proc/{process.process.pid}/maps").read_text()
        process.send(Stop())
        assert process.ended() == 0
        modules = process.output().split()
    assert "onnxruntime" in modules  # so the list is one of a process that had detected
    assert {"edge.vision.embed", "edge.workers.recogniser", "insightface"}.isdisjoint(modules)
    assert not [one for one in [*opened, mapped] if "sface" in one]
    assert list(tmp_path.iterdir()) == []


def test_an_entrance_camera_gives_its_pictures_to_nobody(worker: Process) -> None:
    """P51: a frame lease on an entrance camera is refused by the worker itself."""
    ours, theirs = socket.socketpair()
    with ours:
        worker.send(FrameLease(lease=LEASE, device="entrance", seconds=5), theirs.fileno())
        theirs.close()
        ours.settimeout(10)
        assert ours.recv(1) == b""


def lease_frames(worker: Process, seconds: int) -> socket.socket:
    """Grant a frame lease on the desk camera; return the end the pictures come out of."""
    ours, theirs = socket.socketpair()
    worker.send(FrameLease(lease=LEASE, device="desk", seconds=seconds), theirs.fileno())
    theirs.close()
    return ours


def test_a_frame_lease_gives_live_pictures_until_it_is_over(worker: Process) -> None:
    with lease_frames(worker, 20) as frames:
        pictures = read_pictures(frames, time.monotonic() + 20)
        seen = [next(pictures) for _ in range(4)]
        assert {one.shape for one in seen} == {(360, 640, 3)}
        assert not np.array_equal(seen[0], seen[3])
        worker.send(LeaseOver(lease=LEASE, device="desk"))
        assert len(list(pictures)) < 10  # what was under way, then the end


def test_a_lease_ends_by_its_own_seconds(worker: Process) -> None:
    with lease_frames(worker, 1) as frames:
        began = time.monotonic()
        assert list(read_pictures(frames, began + 20))
        assert time.monotonic() - began < 15


def test_a_reader_that_does_not_read_stops_neither_decoder_nor_lease(worker: Process) -> None:
    with lease_frames(worker, 2):
        before = len(worker.of(Progress, "desk"))
        worker.wait(lambda: len(worker.of(Progress, "desk")) >= before + 4)
        assert worker.states("desk")[-1] == "up"


def recognise(worker: Process, enough: int) -> list[Embedding]:
    """Run a whole lease as the core does: a recogniser process, frames from the desk camera."""
    frames = lease_frames(worker, 20)
    with Process("recogniser", frames=frames) as recogniser:
        frames.close()
        models = {"detector": DETECTOR, "embedder": EMBEDDER}
        recogniser.send(Recognise(lease=LEASE, models=models, seconds=20))
        recogniser.wait(lambda: len(recogniser.of(Embedding)) >= enough)
        worker.send(LeaseOver(lease=LEASE, device="desk"))
        recogniser.wait(lambda: bool(recogniser.of(RecogniserDone)))
        assert recogniser.ended() == 0
        assert isinstance(recogniser.messages[0], Hello)
        return recogniser.of(Embedding)


def vector(message: Embedding) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(message.vector), "<f4")


def test_a_person_is_confirmed_with_another_photo_and_others_are_not(
    cameras: Cameras, worker: Process
) -> None:
    """Enrolled with one photo, confirmed 1:1 with another taken years apart; two others are refused."""
    found = {}
    for name in ("a-1", "a-2", "b-1", "c-1"):
        cameras.order("switch", "desk", str(film(f"desk-{name}")))
        time.sleep(1.2)  # the camera films; until the next key frame the picture is still the old one
        found[name] = recognise(worker, 2)[-1]
    assert all(one.faces == 1 and one.model == "sface" and one.size_px >= 64 for one in found.values())
    assert {len(vector(one)) for one in found.values()} == {128}
    enrolled = vector(found["a-1"])
    assert enrolled @ enrolled == pytest.approx(1, abs=1e-3)
    assert enrolled @ vector(found["a-2"]) >= SAME_PERSON
    assert enrolled @ vector(found["b-1"]) < SAME_PERSON
    assert enrolled @ vector(found["c-1"]) < SAME_PERSON


@pytest.mark.parametrize("shown", ["desk-two", "desk-empty"])
def test_two_people_or_nobody_at_the_desk_give_no_template(
    cameras: Cameras, worker: Process, shown: str
) -> None:
    """P14: a bystander's face is never turned into numbers."""
    cameras.order("switch", "desk", str(film(shown)))
    time.sleep(1.2)
    with lease_frames(worker, 3) as frames, Process("recogniser", frames=frames) as recogniser:
        models = {"detector": DETECTOR, "embedder": EMBEDDER}
        recogniser.send(Recognise(lease=LEASE, models=models, seconds=3))
        frames.close()
        assert recogniser.ended(20) == 0
        assert recogniser.of(Embedding) == []
        assert [one.frames > 0 for one in recogniser.of(RecogniserDone)] == [True]


def test_a_recogniser_that_nobody_ends_and_nobody_feeds_ends_itself() -> None:
    ours, theirs = socket.socketpair()
    with ours, Process("recogniser", frames=theirs) as recogniser:
        theirs.close()
        recogniser.wait(lambda: bool(recogniser.of(Hello)))
        models = {"detector": DETECTOR, "embedder": EMBEDDER}
        recogniser.send(Recognise(lease=LEASE, models=models, seconds=1))
        assert recogniser.ended(15) == 0
        assert recogniser.of(RecogniserDone)[0].frames == 0


@pytest.mark.parametrize("how", ["stop", "hang up", "kill"])
def test_a_recogniser_ends_with_its_core(how: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, Process("recogniser", frames=theirs) as recogniser:
        theirs.close()
        models = {"detector": DETECTOR, "embedder": EMBEDDER}
        recogniser.send(Recognise(lease=LEASE, models=models, seconds=20))
        recogniser.wait(lambda: bool(recogniser.of(Hello)))
        if how == "stop":
            recogniser.send(Stop())
        elif how == "hang up":
            recogniser.lines.sock.shutdown(socket.SHUT_WR)
        else:
            recogniser.process.terminate()
        recogniser.ended(15)


def test_one_frozen_camera_is_a_state_and_the_other_goes_on(cameras: Cameras) -> None:
    with Process("vision") as process:
        process.send(assign(cameras, "entrance", "desk"))
        process.wait(lambda: "up" in process.states("entrance") and "up" in process.states("desk"))
        cameras.order("freeze", "desk")
        try:
            process.wait(lambda: process.states("desk")[-1] == "frozen")
            assert process.states("entrance")[-1] == "up"
        finally:
            cameras.order("thaw", "desk")
        process.wait(lambda: process.states("desk")[-1] == "up", 60)
        assert process.states("entrance").count("up") == 1


def test_cameras_that_go_and_come_back_are_down_and_up_again() -> None:
    mounts = {"entrance": film("entrance-empty")}
    with Process("vision") as process:
        with Cameras(mounts) as first:
            port = int(first.url("entrance").split(":")[2].split("/")[0])
            process.send(assign(first, "entrance"))
            process.wait(lambda: "up" in process.states("entrance"))
        process.wait(lambda: process.states("entrance")[-1] == "down")
        with Cameras(mounts, port=port):
            process.wait(lambda: process.states("entrance")[-1] == "up")


def test_a_wrong_password_is_one_state_and_no_loop(cameras: Cameras) -> None:
    with Process("vision") as process:
        wrong = camera(cameras, "desk", password="nope")
        process.send(Assign(devices=(wrong,), models={"detector": DETECTOR}))
        process.wait(lambda: "auth_failed" in process.states("desk"))
        process.send(Stop())
        assert process.ended() == 0
        assert process.states("desk") == ["connecting", "auth_failed"]


def test_a_recogniser_without_a_model_ends_with_an_error() -> None:
    ours, theirs = socket.socketpair()
    with ours, Process("recogniser", frames=theirs) as recogniser:
        theirs.close()
        recogniser.send(Recognise(lease=LEASE, models={"detector": DETECTOR}, seconds=20))
        assert recogniser.ended(20) == 1
        assert recogniser.of(Embedding) == []


def test_an_entrance_without_a_detector_ends_the_worker_with_an_error(cameras: Cameras) -> None:
    with Process("vision") as process:
        process.send(Assign(devices=(camera(cameras, "entrance"),)))
        assert process.ended(20) == 1
