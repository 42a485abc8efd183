"""A sealed file gives back what was written, to the last whole chunk, and nothing that was altered (P9)."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.errors import InvalidInput
from edge.ipc.seal import KEY_BYTES, MAGIC, MAX_CHUNK, OVERHEAD, SealedWriter, open_sealed

KEY = bytes(range(KEY_BYTES))
chunks = st.lists(st.binary(min_size=1, max_size=200), max_size=6)
SMALL = [b"first", b"second chunk", b"3"]


@contextmanager
def memory(content: bytes = b"") -> Iterator[int]:
    """A descriptor with `content`, at its start."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file.fileno()


def sealed(parts: list[bytes], *, close: bool = True, key: bytes = KEY) -> bytes:
    """The bytes of a file with `parts`, closed or as a crash leaves it."""
    with memory() as fd:
        own = os.dup(fd)
        writer = SealedWriter(own, key)
        for part in parts:
            writer.write(part)
        if close:
            writer.close()
        size = os.fstat(fd).st_size
        content = os.pread(fd, size, 0)
        if not close:
            os.close(own)
        return content


def read(content: bytes, key: bytes = KEY) -> tuple[list[bytes], bool, str]:
    """What can be read: chunks, whether the end was reached, the error's code if any."""
    got: list[bytes] = []
    with memory(content) as fd:
        try:
            reader = open_sealed(fd, key)
            got.extend(iter_into(reader, got))
        except InvalidInput as error:
            return got, False, error.code
        return got, reader.complete, ""


def iter_into(reader: Iterator[bytes], got: list[bytes]) -> list[bytes]:
    """Append chunk by chunk, so that what came before an error stays."""
    for chunk in reader:
        got.append(chunk)
    return []


@given(chunks)
def test_round_trip(parts: list[bytes]) -> None:
    assert read(sealed(parts)) == (parts, True, "")


def test_the_largest_chunk_and_no_larger() -> None:
    assert read(sealed([b"x" * MAX_CHUNK])) == ([b"x" * MAX_CHUNK], True, "")
    for bad in (b"", b"x" * (MAX_CHUNK + 1)):
        with pytest.raises(ValueError, match="a chunk has"):
            sealed([bad])


@pytest.mark.parametrize("close", [True, False])
def test_cut_at_every_byte_it_gives_an_authenticated_prefix(close: bool) -> None:
    whole = sealed(SMALL, close=close)
    longest = 0
    for cut in range(len(whole)):
        got, complete, code = read(whole[:cut])
        assert got == SMALL[: len(got)]
        assert not complete
        assert code == ""
        assert len(got) >= longest, "a longer file gives no less"
        longest = len(got)
    assert longest == len(SMALL) or not close


def test_a_crash_loses_no_chunk_that_was_written() -> None:
    assert read(sealed(SMALL, close=False)) == (SMALL, False, "")


def test_blocks_that_a_power_cut_left_zeroed_are_a_torn_end() -> None:
    got, complete, code = read(sealed(SMALL, close=False) + bytes(4096))
    assert (got, complete, code) == (SMALL, False, "")


def test_every_flipped_bit_is_detected() -> None:
    whole = sealed(SMALL)
    for place in range(len(whole)):
        for bit in range(8):
            altered = bytearray(whole)
            altered[place] ^= 1 << bit
            got, complete, _code = read(bytes(altered))
            assert got == SMALL[: len(got)], "nothing altered is ever given out"
            assert not complete, f"byte {place} bit {bit} went unnoticed"


@settings(max_examples=50)
@given(chunks.filter(bool), st.data())
def test_an_altered_byte_in_a_chunk_that_is_whole_is_an_error(
    parts: list[bytes], data: st.DataObject
) -> None:
    whole = sealed(parts)
    first = len(MAGIC) + 24 + 2
    place = data.draw(st.integers(first, first + len(parts[0]) + OVERHEAD - 1))
    altered = bytearray(whole)
    altered[place] ^= data.draw(st.integers(1, 255))
    assert read(bytes(altered)) == ([], False, "seal_broken")


def test_chunks_swapped_repeated_or_appended_are_an_error() -> None:
    whole = sealed([b"aaaa", b"bbbb"])
    head, size = len(MAGIC) + 24, 2 + 4 + OVERHEAD
    start, a, b, end = (
        whole[:head],
        whole[head : head + size],
        whole[head + size : head + 2 * size],
        whole[head:],
    )
    assert read(start + b + a)[0] == []
    assert read(start + a + a) == ([b"aaaa"], False, "seal_broken")
    assert read(whole + b"more")[2] == "seal_broken"
    assert read(start + end + end)[1] is False


def test_another_key_opens_nothing() -> None:
    assert read(sealed(SMALL), bytes(KEY_BYTES)) == ([], False, "seal_broken")


@pytest.mark.parametrize("content", [b"RIFF....WAVE", b"GHSEAL\x00\x02" + bytes(60), b"x"])
def test_another_format_or_version_is_refused_at_once(content: bytes) -> None:
    assert read(content)[2] == "not_sealed"


@given(st.binary(max_size=300))
def test_arbitrary_bytes_give_nothing(content: bytes) -> None:
    for data in (content, MAGIC + content):
        got, complete, _code = read(data)
        assert (got, complete) == ([], False)


def test_the_plaintext_is_not_in_the_file() -> None:
    assert b"canary-of-speech" not in sealed([b"canary-of-speech" * 20])


def test_the_writer_owns_its_descriptor_and_closes_it_once() -> None:
    with memory() as fd:
        own = os.dup(fd)
        writer = SealedWriter(own, KEY)
        writer.close()
        writer.close()
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(own)
        with pytest.raises(ValueError, match="closed"):
            writer.write(b"late")


def test_an_error_inside_leaves_no_final_mark() -> None:
    with memory() as fd:
        with suppress(KeyError), SealedWriter(os.dup(fd), KEY) as writer:
            writer.write(b"kept")
            raise KeyError
        content = os.pread(fd, 4096, 0)
    assert read(content) == ([b"kept"], False, "")


def test_a_wrong_key_length_is_a_programming_error_and_closes() -> None:
    with memory() as fd:
        own = os.dup(fd)
        with pytest.raises(ValueError, match="32 bytes"):
            SealedWriter(own, b"short")
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(own)


def test_a_disk_that_refuses_is_told(tmp_path: object) -> None:
    read_only = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space"):
        SealedWriter(read_only, KEY)
