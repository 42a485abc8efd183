"""Audio of both sides is sealed in step, bounded, and readable after any end (P9, P27)."""

import base64
import os
import threading
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.devices._sip.recording import CHUNK, Recording
from edge.domain.voice import BYTES_PER_MS
from edge.ipc.seal import KEY_BYTES, open_sealed

KEY = base64.b64decode("A" * 43 + "=")
FRAME = 320


def frame(value: int) -> bytes:
    return array("h", [value] * (FRAME // 2)).tobytes()


def samples(path: Path) -> tuple[list[int], list[int], bool]:
    """Both sides of a sealed recording, and whether it is whole."""
    fd = os.open(path, os.O_RDONLY)
    try:
        reader = open_sealed(fd, KEY)
        both = array("h", b"".join(reader))
    finally:
        os.close(fd)
    return list(both[0::2]), list(both[1::2]), reader.complete


def recording(path: Path) -> Recording:
    assert len(KEY) == KEY_BYTES
    return Recording(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), KEY)


def test_both_sides_lie_side_by_side(tmp_path: Path) -> None:
    made = recording(tmp_path / "r")
    for n in range(12):
        made.feed(0, frame(n))
        made.feed(1, frame(-n))
    made.finish()
    assert made.join(5)
    caller, heard, whole = samples(tmp_path / "r")
    assert whole
    assert caller == [n for n in range(12) for _ in range(160)]
    assert heard == [-n for n in caller]
    assert made.sealed_ms == 240
    assert made.dropped == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(-32768, 32767)), max_size=120))
def test_no_frame_is_lost_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory, order: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.mktemp("seal") / "r"
    made = recording(path)
    for side, value in order:
        made.feed(0 if side == 0 else 1, frame(value))
    made.finish()
    assert made.join(5)
    caller, heard, whole = samples(path)
    assert whole
    assert len(caller) == len(heard) == made.sealed_ms * 8
    for side, got in ((0, caller), (1, heard)):
        wanted = [value for which, value in order if which == side]
        assert sum(got) == sum(wanted) * 160, "what was fed is there, the rest is silence"


def test_a_silent_side_is_padded_and_holds_nothing_up(tmp_path: Path) -> None:
    made = recording(tmp_path / "r")
    for _ in range(100):
        made.feed(0, frame(7))
    made.finish()
    assert made.join(5)
    caller, heard, _whole = samples(tmp_path / "r")
    assert caller == [7] * 16000
    assert heard == [0] * 16000


def test_what_is_fed_after_the_end_is_not_recorded(tmp_path: Path) -> None:
    made = recording(tmp_path / "r")
    made.finish()
    made.feed(0, frame(1))
    assert made.join(5)
    assert samples(tmp_path / "r") == ([], [], True)


def test_a_stalled_disk_loses_frames_and_counts_them_but_never_blocks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A pipe that nobody reads stands for the disk: its writer stalls when it is full."""
    reader, writer = os.pipe()
    made = Recording(writer, KEY)
    fed = 0
    while made.dropped == 0:
        made.feed(0, frame(5))
        fed += 1
        assert fed < 100_000, "the queue is not bounded"
    drained = threading.Thread(target=_drain, args=(reader,))
    drained.start()
    made.finish()
    assert made.join(5)
    drained.join(5)
    assert "lost frames=1 " in caplog.text


def _drain(fd: int) -> None:
    while os.read(fd, 65536):
        pass
    os.close(fd)


def test_a_disk_that_fails_ends_the_recording_and_not_the_process(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    made = Recording(writer, KEY)
    os.close(reader)
    for _ in range(400):
        made.feed(0, frame(5))
    assert made.join(10)
    assert made.sealed_ms == 0
    assert "recording stopped errno=" in caplog.text


def test_a_chunk_is_a_tenth_of_a_second() -> None:
    assert CHUNK * 2 == 100 * BYTES_PER_MS
