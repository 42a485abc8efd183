"""Leases: one device at a time, ended by time or withdrawal; no process outlives its own."""

import asyncio
import base64
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from edge.domain.errors import LinkDown, NotLeased, ProtocolError
from edge.domain.faces import pack
from edge.domain.facts import PersonId
from edge.domain.idcard import CardKind
from edge.ipc.messages import CardFailed, CardLease, CardRead, FrameLease, LeaseOver, PhotoLease, ToWorker
from edge.runtime import leases, workers
from edge.runtime.leases import Device, Leases
from edge.runtime.workers import Worker

ONE, OTHER = PersonId("a" * 32), PersonId("b" * 32)
MODELS = {"detector": "yunet.onnx", "embedder": "sface.onnx"}


class FakeWorker:
    """Stands where a worker's connection is, and keeps what the core sent."""

    def __init__(self, down: bool = False) -> None:
        self.sent: list[ToWorker] = []
        self.frames: list[socket.socket] = []
        self.news = asyncio.Event()
        self.down = down

    async def send(self, message: ToWorker, fds: tuple[int, ...] = ()) -> None:
        if self.down:
            raise LinkDown("speak", "worker_down")
        self.frames += [socket.socket(fileno=os.dup(fd)) for fd in fds]
        self.sent.append(message)
        self.news.set()

    async def leased(self, nth: int = 1) -> str:
        async with asyncio.timeout(30):
            while (
                len(found := [m for m in self.sent if isinstance(m, CardLease | PhotoLease | FrameLease)])
                < nth
            ):
                self.news.clear()
                await self.news.wait()
        return found[nth - 1].lease

    def as_worker(self) -> Worker:
        return cast(Worker, self)

    def close(self) -> None:
        for sock in self.frames:
            sock.close()


def card(lease: str) -> CardRead:
    return CardRead(
        device="card", kind=CardKind.RESIDENT, lease=lease, at_ms=1,
        name="张三", sex="1", nation="01", birth="19491231",
        address="", number="11010519491231002X", issuer="", valid_from="20200101", valid_until="长期",
        confirmed_twice=True,
    )  # fmt: skip


# ---- card -----------------------------------------------------------------------------------


def test_a_card_is_read_in_its_lease_and_the_lease_ends_with_it() -> None:
    async def scene() -> None:
        granted, worker = Leases(MODELS), FakeWorker()
        reading = asyncio.create_task(granted.read_card(ONE, "card", worker.as_worker()))
        lease = await worker.leased()
        granted.card_answer(card(lease))
        assert await reading == card(lease)
        assert [type(m) for m in worker.sent] == [CardLease, LeaseOver]
        with pytest.raises(NotLeased, match="card_outside_lease"):
            granted.card_answer(card(lease))

    asyncio.run(scene())


def test_a_failed_reading_ends_the_lease_too() -> None:
    async def scene() -> None:
        granted, worker = Leases(MODELS), FakeWorker()
        reading = asyncio.create_task(granted.read_card(ONE, "card", worker.as_worker()))
        failed = CardFailed(device="card", lease=await worker.leased(), code="read_failed")
        granted.card_answer(failed)
        assert await reading == failed

    asyncio.run(scene())


@pytest.mark.parametrize("lease", ["0" * 32, "1" * 32])
def test_a_card_outside_any_lease_is_refused(lease: str) -> None:
    """architecture.md: reading needs the lease; what comes without one is for the audit."""

    async def scene() -> None:
        granted, worker = Leases(MODELS), FakeWorker()
        with pytest.raises(NotLeased, match="card_outside_lease"):
            granted.card_answer(card(lease))
        reading = asyncio.create_task(granted.read_card(ONE, "card", worker.as_worker()))
        real = await worker.leased()
        with pytest.raises(NotLeased):
            granted.card_answer(card(lease))
        granted.card_answer(card(real))
        with pytest.raises(NotLeased):
            granted.card_answer(card(real))
        await reading

    asyncio.run(scene())


def test_who_signs_in_gives_way_to_a_visitor_and_never_the_other_way() -> None:
    async def scene() -> None:
        granted, worker = Leases(MODELS), FakeWorker()
        signing_in = asyncio.create_task(granted.read_card(ONE, "card", worker.as_worker(), gives_way=True))
        first = await worker.leased()
        visitor = asyncio.create_task(granted.read_card(OTHER, "card", worker.as_worker()))
        second = await worker.leased(2)
        with pytest.raises(TimeoutError):
            await signing_in
        leased = [m for m in worker.sent if isinstance(m, CardLease | LeaseOver)]
        assert [m.lease for m in leased] == [first, first, second]  # the first one's end before it
        with pytest.raises(NotLeased, match="device_in_use"):
            await granted.read_card(ONE, "card", worker.as_worker(), gives_way=True)
        granted.card_answer(card(second))
        assert await visitor == card(second)

    asyncio.run(scene())


def test_a_device_serves_one_lease_at_a_time() -> None:
    async def scene() -> None:
        granted, worker = Leases(MODELS), FakeWorker()
        first = asyncio.create_task(granted.read_card(ONE, "card", worker.as_worker()))
        lease = await worker.leased()
        with pytest.raises(NotLeased, match="device_in_use"):
            await granted.read_card(OTHER, "card", worker.as_worker())
        second = asyncio.create_task(granted.read_card(OTHER, "card-2", worker.as_worker()))
        other = await worker.leased(2)
        assert other != lease
        granted.card_answer(card(other))
        await second
        granted.card_answer(card(lease))
        await first
        third = asyncio.create_task(granted.read_card(OTHER, "card", worker.as_worker()))
        granted.card_answer(card(await worker.leased(3)))
        await third

    asyncio.run(scene())


def test_a_lease_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 20 s; a second here."""
    assert leases.LEASE_S == 20
    monkeypatch.setattr(leases, "LEASE_S", 1)

    async def scene() -> None:
        granted, worker = Leases(MODELS), FakeWorker()
        with pytest.raises(TimeoutError):
            await granted.read_card(ONE, "card", worker.as_worker())
        grant, over = worker.sent
        assert isinstance(grant, CardLease) and grant.seconds == 1
        assert isinstance(over, LeaseOver) and over.lease == grant.lease
        with pytest.raises(NotLeased):
            granted.card_answer(card(grant.lease))

    asyncio.run(scene())


def test_p43_a_withdrawal_ends_the_persons_lease_and_no_other() -> None:
    """P43: withdrawal stops use at once, not when the 20 s are over."""

    async def scene() -> None:
        granted, worker = Leases(MODELS), FakeWorker()
        mine = asyncio.create_task(granted.read_card(ONE, "card", worker.as_worker()))
        await worker.leased()
        theirs = asyncio.create_task(granted.read_card(OTHER, "card-2", worker.as_worker()))
        other = await worker.leased(2)
        granted.cancel(ONE)
        with pytest.raises(TimeoutError):
            await mine
        assert not theirs.done()
        granted.card_answer(card(other))
        await theirs

    asyncio.run(scene())


def test_withdrawing_twice_or_without_a_lease_is_harmless() -> None:
    """The second comes while the first is still ending the recogniser."""

    async def scene() -> None:
        granted, worker = Leases(MODELS), FakeWorker()
        granted.cancel(ONE)
        reading = asyncio.create_task(granted.read_card(ONE, "card", worker.as_worker()))
        await worker.leased()
        granted.cancel(ONE)
        for _ in range(3):
            await asyncio.sleep(0)
            granted.cancel(ONE)
        with pytest.raises(TimeoutError):
            await reading
        granted.cancel(ONE)

    asyncio.run(scene())


def test_without_the_worker_there_is_no_lease_and_the_device_stays_free() -> None:
    async def scene() -> None:
        granted, worker = Leases(MODELS), FakeWorker(down=True)
        for _ in range(2):
            with pytest.raises(LinkDown):
                await granted.read_card(ONE, "card", worker.as_worker())
            with pytest.raises(LinkDown):
                async with granted.recognition(ONE, "desk", worker.as_worker()):
                    raise AssertionError("never granted")

    asyncio.run(scene())


def test_a_worker_that_dies_in_a_lease_does_not_hide_how_it_ended() -> None:
    async def scene() -> None:
        granted, worker = Leases(MODELS), FakeWorker()
        reading = asyncio.create_task(granted.read_card(ONE, "card", worker.as_worker()))
        lease = await worker.leased()
        worker.down = True
        granted.card_answer(card(lease))
        assert await reading == card(lease)

    asyncio.run(scene())


# ---- recognition: a small real process stands for the recogniser ------------------------------

VECTOR = base64.b64encode(pack((0.6, 0.8))).decode()
RECOGNISER = """
import json, os, socket, sys, time
sock = socket.socket(fileno=int(os.environ["GATEHOUSE_FD"]))
frames = socket.socket(fileno=int(os.environ["GATEHOUSE_FRAMES_FD"]))
def say(**message): sock.sendall(json.dumps(message).encode() + b"\\n")
say(type="hello", worker="recogniser", pid=os.getpid())
order = json.loads(sock.recv(65536))
assert order["type"] == "recognise" and order["models"]["embedder"] == "sface.onnx", order
def face(vector=VECTOR, lease=order["lease"], faces=1):
    say(type="embedding", lease=lease, model="sface", vector=vector, faces=faces,
        score_permille=900, size_px=90)
def linger():
    while sock.recv(65536): pass
"""

Child = Callable[[str], None]


@pytest.fixture
def pids(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The recognisers that were started."""
    started: list[int] = []

    async def noted(kind: str, fds: dict[str, int]) -> asyncio.subprocess.Process:
        process = await workers.spawn(kind, fds)
        started.append(process.pid)
        return process

    monkeypatch.setattr(leases, "spawn", noted)
    return started


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pids: list[int]) -> Child:
    program = tmp_path / "recogniser.py"
    start = asyncio.create_subprocess_exec

    async def exec_child(_python: str, *_arguments: str, **options: object) -> object:
        return await start(sys.executable, str(program), **options)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr("edge.runtime.workers.asyncio.create_subprocess_exec", exec_child)

    def write(text: str) -> None:
        program.write_text(RECOGNISER.replace("VECTOR", repr(VECTOR)) + text)

    return write


def ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_p51_the_recogniser_lives_exactly_as_long_as_its_lease(child: Child, pids: list[int]) -> None:
    """P51, architecture.md: it is a process of its own that exists only during a lease."""
    child("for n in range(3): face()\nlinger()")

    async def scene() -> None:
        granted, vision = Leases(MODELS), FakeWorker()
        assert pids == []
        async with granted.recognition(ONE, "desk", vision.as_worker()) as seen:
            first = await anext(aiter(seen))
            assert (first.faces, first.model) == (1, "sface")
            assert first.vector == pytest.approx((0.6, 0.8))
            assert not ended(pids[0])
        assert len(pids) == 1
        assert ended(pids[0])
        grant, over = vision.sent
        assert isinstance(grant, FrameLease) and isinstance(over, LeaseOver)
        assert grant.lease == over.lease
        vision.close()

    asyncio.run(scene())


def test_frames_go_from_camera_to_recogniser_and_not_through_the_core(child: Child) -> None:
    child("frames.settimeout(10)\nface(faces=len(frames.recv(9)))\nlinger()")

    async def scene() -> None:
        granted, vision = Leases(MODELS), FakeWorker()
        async with granted.recognition(ONE, "desk", vision.as_worker()) as seen:
            vision.frames[0].send(b"pixel")
            assert (await anext(aiter(seen))).faces == 5
        vision.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("text", "error", "code"),
    [
        ("face(lease='9' * 32)\nlinger()", NotLeased, "embedding_outside_lease"),
        ("face(vector='AAA=')\nlinger()", ProtocolError, "not_a_template"),
        ("face(vector='!!!!')\nlinger()", ProtocolError, "not_a_template"),
        ("face(vector='AADAfw==')\nlinger()", ProtocolError, "not_a_template"),
        ("face(vector='')\nlinger()", ProtocolError, "not_a_template"),
        ("sock.sendall(b'nonsense\\n')\nlinger()", ProtocolError, "invalid_message"),
    ],
)
def test_what_a_recogniser_may_not_say_ends_the_lease(
    child: Child, pids: list[int], text: str, error: type[Exception], code: str
) -> None:
    child(text)

    async def scene() -> None:
        granted, vision = Leases(MODELS), FakeWorker()
        with pytest.raises(error, match=code):
            async with granted.recognition(ONE, "desk", vision.as_worker()) as seen:
                async for _ in seen:
                    raise AssertionError("nothing of it is taken")
        assert ended(pids[0])
        vision.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    "text", ["", "say(type='recogniser_done', lease=order['lease'], frames=7)", "os._exit(9)"]
)
def test_a_recogniser_that_is_done_or_dies_ends_the_looking(child: Child, pids: list[int], text: str) -> None:
    child("face()\n" + text)

    async def scene() -> None:
        granted, vision = Leases(MODELS), FakeWorker()
        async with granted.recognition(ONE, "desk", vision.as_worker()) as seen:
            assert len([one async for one in seen]) == 1
        assert ended(pids[0])
        vision.close()

    asyncio.run(scene())


@pytest.mark.parametrize("ignores", [False, True])
def test_a_recogniser_is_gone_when_its_time_is_over(
    child: Child, pids: list[int], monkeypatch: pytest.MonkeyPatch, ignores: bool
) -> None:
    monkeypatch.setattr(leases, "LEASE_S", 2)
    monkeypatch.setattr(leases, "RECOGNISER_STOPS_WITHIN_S", 0.3)
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(60)\n"
    child("face()\n" + (stubborn if ignores else "linger()"))

    async def scene() -> None:
        granted, vision = Leases(MODELS), FakeWorker()
        with pytest.raises(TimeoutError):
            async with granted.recognition(ONE, "desk", vision.as_worker()) as seen:
                async for _ in seen:
                    pass
        assert ended(pids[0])
        assert isinstance(vision.sent[-1], LeaseOver)
        vision.close()

    asyncio.run(scene())


def test_p43_a_withdrawal_ends_the_recogniser(child: Child, pids: list[int]) -> None:
    child("face()\nlinger()")

    async def scene() -> None:
        granted, vision = Leases(MODELS), FakeWorker()
        with pytest.raises(TimeoutError):
            async with granted.recognition(ONE, "desk", vision.as_worker()) as seen:
                async for _ in seen:
                    granted.cancel(ONE)
                    granted.cancel(ONE)
        assert ended(pids[0])
        vision.close()

    asyncio.run(scene())


def test_a_cancelled_request_leaves_no_recogniser(child: Child, pids: list[int]) -> None:
    child("face()\nlinger()")

    async def scene() -> None:
        granted, vision = Leases(MODELS), FakeWorker()
        looking = asyncio.Event()

        async def look() -> None:
            async with granted.recognition(ONE, "desk", vision.as_worker()) as seen:
                async for _ in seen:
                    looking.set()

        task = asyncio.create_task(look())
        await looking.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended(pids[0])
        vision.close()

    asyncio.run(scene())


# ---- verification ------------------------------------------------------------------------------

COMPARER = """
import json, os, socket
sock = socket.socket(fileno=int(os.environ["GATEHOUSE_FD"]))
frames = socket.socket(fileno=int(os.environ["GATEHOUSE_FRAMES_FD"]))
photo = socket.socket(fileno=int(os.environ["GATEHOUSE_PHOTO_FD"]))
def say(**message): sock.sendall(json.dumps(message).encode() + b"\\n")
say(type="hello", worker="recogniser", pid=os.getpid())
order = json.loads(sock.recv(65536) or "null")
if order is None: raise SystemExit
photo.settimeout(10); frames.settimeout(10)
seen = (photo.recv(100) + frames.recv(100)).decode()
"""


def devices(card_worker: FakeWorker, vision: FakeWorker) -> tuple[Device, Device]:
    return Device("card", card_worker.as_worker()), Device("desk", vision.as_worker())


def test_photo_and_frames_go_to_the_recogniser_and_not_through_the_core(
    child: Child, tmp_path: Path, pids: list[int]
) -> None:
    (tmp_path / "recogniser.py").write_text(
        COMPARER + "score = order['confirm_at_permille']\n"
        "outcome = 'same' if (order['type'], seen) == ('compare', 'photoframes') else 'different'\n"
        "say(type='compared', lease=order['lease'], outcome=outcome, score_permille=score)\n"
    )

    async def scene() -> None:
        granted, card_worker, vision = Leases(MODELS), FakeWorker(), FakeWorker()
        async with granted.verification(ONE, *devices(card_worker, vision)) as lease:
            reading = asyncio.create_task(lease.card())
            name = await card_worker.leased()
            with pytest.raises(NotLeased, match="device_in_use"):
                await granted.read_card(OTHER, "card", card_worker.as_worker())
            card_worker.frames[0].send(b"photo")
            granted.card_answer(card(name))
            assert await reading == card(name)
            comparing = asyncio.create_task(lease.compare(0.45))
            assert await vision.leased() == name
            vision.frames[0].send(b"frames")
            verdict = await comparing
            assert verdict is not None
            assert (verdict.outcome, verdict.score_permille) == ("same", 450)
        assert ended(pids[0])
        assert [type(m) for m in card_worker.sent] == [PhotoLease, LeaseOver]
        assert [type(m) for m in vision.sent] == [FrameLease, LeaseOver]
        card_worker.close()
        vision.close()

    asyncio.run(scene())


@pytest.mark.parametrize("text", [
    "say(type='embedding', lease=order['lease'], model='sface', vector=VECTOR, faces=1,"
    " score_permille=1, size_px=90)",
    "say(type='recogniser_done', lease=order['lease'], frames=1)",
    "",
])  # fmt: skip
def test_a_recogniser_that_is_to_compare_says_a_verdict_or_nothing(
    child: Child, tmp_path: Path, pids: list[int], text: str
) -> None:
    """No template of the photo is ever taken."""
    (tmp_path / "recogniser.py").write_text(COMPARER + text.replace("VECTOR", repr(VECTOR)))

    async def scene() -> None:
        granted, card_worker, vision = Leases(MODELS), FakeWorker(), FakeWorker()
        async with granted.verification(ONE, *devices(card_worker, vision)) as lease:
            reading = asyncio.create_task(lease.card())
            granted.card_answer(card(await card_worker.leased()))
            await reading
            comparing = asyncio.create_task(lease.compare(0.45))
            await vision.leased()
            card_worker.frames[0].send(b"photo")
            vision.frames[0].send(b"frames")
            assert await comparing is None
        card_worker.close()
        vision.close()

    asyncio.run(scene())


def test_p43_a_withdrawal_ends_a_verification(child: Child, tmp_path: Path, pids: list[int]) -> None:
    """P43: on both devices, and its recogniser."""
    (tmp_path / "recogniser.py").write_text(COMPARER)

    async def scene() -> None:
        granted, card_worker, vision = Leases(MODELS), FakeWorker(), FakeWorker()
        with pytest.raises(TimeoutError):
            async with granted.verification(ONE, *devices(card_worker, vision)) as lease:
                reading = asyncio.create_task(lease.card())
                await card_worker.leased()
                granted.cancel(ONE)
                await reading
        reading.cancel()
        assert lease.cancelled
        assert ended(pids[0])
        again = asyncio.create_task(granted.read_card(ONE, "card", card_worker.as_worker()))
        granted.card_answer(card(await card_worker.leased(2)))
        await again
        card_worker.close()
        vision.close()

    asyncio.run(scene())
