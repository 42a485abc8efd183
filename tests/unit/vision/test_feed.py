"""Pictures over a lease's socket: whole, newest first, never longer than the lease, hostile bytes refused."""

import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.domain.errors import ProtocolError
from edge.vision.feed import FrameFeed, encode_header, read_pictures

LEASE = "0f" * 16


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def picture(level: int, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def read_all(data: bytes, cut: int = 1 << 16) -> list[NDArray[np.uint8]]:
    """Read pictures from a peer that sends `data` in pieces of `cut` bytes and hangs up."""
    ours, theirs = socket.socketpair()

    def send() -> None:
        with theirs:
            try:
                for at in range(0, len(data), cut):
                    theirs.sendall(data[at : at + cut])
            except BrokenPipeError:
                return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        return list(read_pictures(ours, time.monotonic() + 20))
    finally:
        ours.close()
        sender.join()


@given(
    st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(0, 255)), max_size=4),
    st.integers(1, 40),
)
def test_pictures_arrive_as_they_were_sent_however_they_are_cut(
    shapes: list[tuple[int, int, int]], cut: int
) -> None:
    sent = [picture(level, height, width) for height, width, level in shapes]
    got = read_all(b"".join(encode_header(one) + one.tobytes() for one in sent), cut)
    assert len(got) == len(sent)
    assert all(np.array_equal(a, b) for a, b in zip(got, sent, strict=True))


@given(st.binary(max_size=200))
def test_any_bytes_are_pictures_an_end_or_a_protocol_error(data: bytes) -> None:
    try:
        read_all(data)
    except ProtocolError as error:
        assert error.cause == "bad_header"


@pytest.mark.parametrize(
    "header",
    [
        b'{"w":0,"h":1}',
        b'{"w":100000,"h":100000}',
        b'{"w":"8","h":8}',
        b'{"w":8,"h":8,"x":1}',
        b'{"w":8.5,"h":8}',
        b"[8,8]",
        b"{" * 63,
        b"x" * 200,
    ],
)
def test_a_header_that_is_none_is_refused_before_a_picture_is_allocated(header: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_all(header + b"\n" + bytes(1000))


def test_a_picture_cut_short_is_an_end() -> None:
    whole = picture(9)
    assert len(read_all(encode_header(whole) + whole.tobytes() + encode_header(whole) + b"\x09" * 7)) == 1


def test_a_feed_sends_what_it_is_offered_until_closed(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    feed = FrameFeed(theirs.detach(), LEASE, 20)
    pictures = read_pictures(ours, time.monotonic() + 20)
    for level in (1, 2, 3):
        feed.offer(picture(level))
        assert next(pictures)[0, 0, 0] == level
    feed.close()
    assert list(pictures) == []
    feed.join(5)
    assert not feed.open


def test_a_slow_reader_gets_the_newest_and_blocks_nobody(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    feed = FrameFeed(theirs.detach(), LEASE, 20)
    began = time.monotonic()
    for level in range(200):
        feed.offer(picture(level, 360, 640))
    assert time.monotonic() - began < 5
    pictures = read_pictures(ours, time.monotonic() + 20)
    levels = [next(pictures)[0, 0, 0]]
    while levels[-1] != 199:
        levels.append(next(pictures)[0, 0, 0])
    assert len(levels) < 10
    feed.close()
    feed.join(5)


def test_a_feed_ends_when_its_seconds_are_over_even_if_nobody_reads(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    _, theirs = pair
    feed = FrameFeed(theirs.detach(), LEASE, 0.3)
    for _ in range(20):
        feed.offer(picture(5, 360, 640))
    feed.join(10)
    assert not feed.open


def test_a_feed_ends_when_its_reader_hangs_up(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    feed = FrameFeed(theirs.detach(), LEASE, 20)
    ours.close()
    until = time.monotonic() + 10
    while feed.open and time.monotonic() < until:
        feed.offer(picture(1))
        time.sleep(0.005)
    feed.join(10)
    assert not feed.open
    feed.close()
