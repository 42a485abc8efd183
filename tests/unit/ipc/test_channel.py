"""The core's end of a worker's socket: descriptors go along, nonsense ends it, a full socket waits."""

import asyncio
import os
import socket

import pytest

from edge.domain.errors import ProtocolError
from edge.ipc.channel import Channel
from edge.ipc.framing import MAX_LINE, Lines
from edge.ipc.messages import Assign, FrameLease, Hello, LeaseOver, Progress

LEASE = "1" * 32


def pair() -> tuple[Channel, Lines]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    theirs.settimeout(10)
    return Channel(ours), Lines(theirs)


def test_a_message_and_its_descriptor_arrive_together() -> None:
    async def scene() -> None:
        channel, worker = pair()
        reader, writer = os.pipe()
        await channel.send(FrameLease(lease=LEASE, device="desk", seconds=20), (writer,))
        os.close(writer)
        line = await asyncio.to_thread(worker.receive)
        assert line is not None and FrameLease.model_validate_json(line).lease == LEASE
        fd = worker.take_fd()
        os.write(fd, b"frame")
        os.close(fd)
        assert os.read(reader, 9) == b"frame"
        os.close(reader)
        channel.close()
        worker.close()

    asyncio.run(scene())


def test_messages_are_validated_and_the_end_is_none() -> None:
    async def scene() -> None:
        channel, worker = pair()
        for message in (Hello(worker="card", pid=1), Progress(device="card", units=3)):
            worker.send(message.model_dump_json().encode())
        assert await channel.receive() == Hello(worker="card", pid=1)
        assert await channel.receive() == Progress(device="card", units=3)
        worker.close()
        assert await channel.receive() is None
        channel.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"\x80\x04pickle",
        b'{"type": "assign", "devices": []}',
        b'{"type": "hello", "worker": "store", "pid": 1}',
        b'{"type": "progress", "device": "card", "units": 1, "image": "..."}',
        b'{"type": "progress", "device": "../card", "units": 1}',
        b'{"type": "card_read", "number": "11010519491231002X"}',
        b"a" * (MAX_LINE + 1),
    ],
)
def test_anything_else_is_a_protocol_error_that_repeats_nothing(line: bytes) -> None:
    async def scene() -> None:
        channel, worker = pair()
        sending = asyncio.create_task(asyncio.to_thread(worker.send, line))
        with pytest.raises(ProtocolError) as error:
            await channel.receive()
        assert "1101" not in str(error.value)
        assert error.value.__cause__ is None
        channel.close()
        await asyncio.gather(sending, return_exceptions=True)
        worker.close()

    asyncio.run(scene())


def test_a_worker_that_is_slow_to_read_loses_nothing_and_blocks_nobody() -> None:
    """Messages larger than the socket's buffer, descriptors among them, from several writers at once."""

    async def scene() -> None:
        channel, worker = pair()
        big = Assign(devices=({"id": "x" * 100_000},))
        reader, writer = os.pipe()

        async def lease(n: int) -> None:
            await channel.send(FrameLease(lease=f"{n:032x}", device="desk", seconds=1), (writer,))

        writers = [asyncio.create_task(channel.send(big)) for _ in range(8)]
        writers += [asyncio.create_task(lease(n)) for n in range(4)]
        done, waiting = await asyncio.wait(writers, timeout=0.2)
        assert waiting, "the socket is full and the loop still turns"
        got = [await asyncio.to_thread(worker.receive) for _ in writers]
        await asyncio.gather(*writers)
        assert sum(line == big.model_dump_json().encode() for line in got) == 8
        for _ in range(4):
            os.close(worker.take_fd())
        os.close(writer)
        assert os.read(reader, 1) == b""
        os.close(reader)
        channel.close()
        worker.close()
        assert done is not None

    asyncio.run(scene())


def test_sending_to_a_worker_that_is_gone_is_an_os_error() -> None:
    async def scene() -> None:
        channel, worker = pair()
        worker.close()
        for fds in ((), (0,)):
            with pytest.raises(OSError, match=r"pipe|reset"):
                await channel.send(LeaseOver(lease=LEASE, device="desk"), fds)
        channel.close()

    asyncio.run(scene())
