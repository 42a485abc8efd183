"""Lines over a socket: any split gives the same, an oversized one ends it, descriptors keep their order."""

import itertools
import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.errors import ProtocolError
from edge.ipc.framing import MAX_LINE, LineBuffer, Lines

lines = st.lists(st.binary(max_size=50).map(lambda b: b.replace(b"\n", b" ")), max_size=12)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted(p % (len(data) + 1) for p in at), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(places)]


@given(lines, st.lists(st.integers(0, 10_000), max_size=20))
def test_any_split_gives_the_same_lines(expected: list[bytes], at: list[int]) -> None:
    buffer, got = LineBuffer(), []
    for piece in cut(b"".join(line + b"\n" for line in expected), at):
        got += buffer.feed(piece)
    assert got == expected


@given(lines, st.binary(max_size=20).map(lambda b: b.replace(b"\n", b" ")))
def test_an_unfinished_line_waits(expected: list[bytes], rest: bytes) -> None:
    buffer = LineBuffer()
    assert buffer.feed(b"".join(line + b"\n" for line in expected) + rest) == expected
    assert buffer.feed(b"!\n") == [rest + b"!"]


def test_the_longest_line_passes_and_one_byte_more_ends_it() -> None:
    assert LineBuffer().feed(b"a" * MAX_LINE + b"\n") == [b"a" * MAX_LINE]
    for data in (b"a" * (MAX_LINE + 1), b"a" * (MAX_LINE + 1) + b"\n", b"ok\n" + b"a" * (MAX_LINE + 1)):
        with pytest.raises(ProtocolError, match="line_too_long"):
            LineBuffer().feed(data)


def test_what_never_ends_is_refused_while_it_grows() -> None:
    buffer = LineBuffer()
    with pytest.raises(ProtocolError, match="line_too_long"):
        for _ in range(10):
            buffer.feed(b"a" * (MAX_LINE // 4))


@pytest.fixture
def pair() -> Iterator[tuple[Lines, Lines]]:
    ours, theirs = (Lines(s) for s in socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM))
    for end in (ours, theirs):
        end.sock.settimeout(10)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_lines_arrive_in_order_and_the_end_is_none(pair: tuple[Lines, Lines]) -> None:
    ours, theirs = pair
    for line in (b"one", b"", b"three"):
        ours.send(line)
    assert [theirs.receive() for _ in range(3)] == [b"one", b"", b"three"]
    ours.close()
    assert theirs.receive() is None


def test_descriptors_arrive_with_their_line_in_order(pair: tuple[Lines, Lines]) -> None:
    ours, theirs = pair
    (r1, w1), (r2, w2) = os.pipe(), os.pipe()
    ours.send(b"first", (w1,))
    ours.send(b"second", (w2,))
    os.close(w1)
    os.close(w2)
    assert [theirs.receive(), theirs.receive()] == [b"first", b"second"]
    for content, reader in ((b"1", r1), (b"2", r2)):
        fd = theirs.take_fd()
        os.write(fd, content)
        os.close(fd)
        assert os.read(reader, 9) == content
        os.close(reader)
    with pytest.raises(ProtocolError, match="no_descriptor"):
        theirs.take_fd()


def test_a_descriptor_that_nobody_took_is_closed_with_the_socket(pair: tuple[Lines, Lines]) -> None:
    ours, theirs = pair
    reader, writer = os.pipe()
    ours.send(b"take it", (writer,))
    os.close(writer)
    assert theirs.receive() == b"take it"
    theirs.close()
    assert os.read(reader, 1) == b"", "the pipe has no writer left"
    os.close(reader)


def test_a_timeout_of_the_socket_is_honoured(pair: tuple[Lines, Lines]) -> None:
    pair[1].sock.settimeout(0.01)
    with pytest.raises(TimeoutError):
        pair[1].receive()
