"""The small parts: freeze watch, slot, alignment, suppression, decoder, models, who imports whom."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.domain.errors import ConfigError, Frozen
from edge.vision import align
from edge.vision.decode import Decoder, fingerprint
from edge.vision.demux import with_credentials
from edge.vision.detect import Detector, Face, suppress
from edge.vision.embed import Embedder
from edge.vision.freeze import FreezeWatch
from edge.vision.slot import Slot
from edge.workers.recogniser import model_name, prominent, turned_away
from scripts.site.cameras import film

EDGE = Path(align.__file__).parents[1]


# ---- freeze watch --------------------------------------------------------------------------


def test_no_picture_for_longer_than_the_limit_is_frozen() -> None:
    watch = FreezeWatch(8, 100.0)
    watch.picture(1, 101.0)
    watch.check(109.0)
    with pytest.raises(Frozen, match="no_frames"):
        watch.check(109.1)


@pytest.mark.parametrize("cycle", [1, 2, 25])
def test_the_same_pictures_again_and_again_are_frozen_within_ten_seconds(cycle: int) -> None:
    watch, now = FreezeWatch(8, 0.0), 0.0
    with pytest.raises(Frozen, match="same_picture"):
        while now < 11:
            watch.picture(int(now * 25) % cycle, now)
            watch.check(now)
            now += 0.04
    assert 8 <= now <= 10


def test_skipped_packets_keep_a_camera_alive_whose_key_frames_are_rare() -> None:
    watch = FreezeWatch(8, 0.0)
    watch.picture(1, 0.0)
    for second in range(60):
        watch.skipped(float(second))
        watch.check(float(second))


@given(st.lists(st.floats(0.01, 7.9), min_size=1, max_size=50))
def test_ever_new_pictures_are_never_frozen(gaps: list[float]) -> None:
    watch, now = FreezeWatch(8, 0.0), 0.0
    for number, gap in enumerate(gaps):
        now += gap
        watch.check(now)
        watch.picture(number, now)


# ---- slot ----------------------------------------------------------------------------------


def test_the_newest_wins_and_the_dropped_are_counted() -> None:
    slot: Slot[int] = Slot()
    for number in range(5):
        slot.put(number)
    assert (slot.take(0), slot.take(0), slot.dropped) == (4, None, 4)


def test_a_closed_slot_forgets_and_does_not_wait() -> None:
    slot: Slot[int] = Slot()
    slot.put(1)
    slot.close()
    slot.put(2)
    assert slot.take(60) is None


def test_several_places_keep_the_newest_in_their_order() -> None:
    slot: Slot[int] = Slot(3)
    for number in range(5):
        slot.put(number)
    assert [slot.take(0) for _ in range(4)] == [2, 3, 4, None]
    assert slot.dropped == 2


def test_a_slot_that_was_closed_to_be_emptied_takes_nothing_more() -> None:
    slot: Slot[int] = Slot(3)
    slot.put(1)
    slot.close(keep=True)
    slot.put(2)
    assert [slot.take(60), slot.take(60)] == [1, None]


# ---- alignment and suppression -------------------------------------------------------------


@given(st.floats(0.2, 5), st.floats(-np.pi, np.pi), st.floats(-300, 300), st.floats(-300, 300))
def test_any_similarity_of_the_template_is_found_again(
    scale: float, angle: float, x: float, y: float
) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (align.TEMPLATE @ turn.T + [x, y]).astype(np.float32)
    found = align.similarity(moved, align.TEMPLATE)
    np.testing.assert_allclose(moved @ found[:, :2].T + found[:, 2], align.TEMPLATE, atol=0.02)


def test_landmarks_in_one_point_give_a_crop_and_no_crash() -> None:
    picture = np.full((50, 50, 3), 200, np.uint8)
    assert align.crop(picture, np.full((5, 2), 7, np.float32)).shape == (112, 112, 3)


def test_suppression_keeps_the_best_of_those_that_overlap() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]], np.float32)
    assert suppress(boxes, np.array([0.8, 0.9, 0.7], np.float32), 0.3) == [1, 2]
    assert suppress(boxes[:0], np.empty(0, np.float32), 0.3) == []


def test_a_picture_without_a_face_has_none(detector: Detector) -> None:
    assert detector.detect(np.zeros((360, 640, 3), np.uint8)) == []
    assert detector.detect(np.full((1, 1, 3), 255, np.uint8)) == []


# ---- what the recogniser takes -------------------------------------------------------------


def looking(nose: float, size: float = 100) -> Face:
    points = [[30, 40], [70, 40], [30 + 40 * nose, 60], [35, 80], [65, 80]]
    return Face(np.array([0, 0, size, size], np.float32), np.array(points, np.float32), 0.9)


@pytest.mark.parametrize(
    ("nose", "turned"), [(0.5, False), (0.3, False), (0.1, True), (0.95, True), (-0.2, True)]
)
def test_a_profile_is_not_taken(nose: float, turned: bool) -> None:
    assert turned_away(looking(nose)) is turned


def test_small_faces_far_behind_are_not_prominent() -> None:
    assert [one.size for one in prominent([looking(0.5), looking(0.5, 60), looking(0.5, 30)])] == [100, 60]
    assert prominent([]) == []


@given(st.text(min_size=1).filter(lambda text: "/" not in text and "\0" not in text and text.strip(".")))
def test_the_name_of_a_model_is_always_a_wire_code(stem: str) -> None:
    import re

    assert re.fullmatch(r"[a-z][a-z0-9_]{0,47}", model_name(f"/models/{stem}.onnx"))


# ---- models --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Detector, Embedder])
def test_a_model_that_is_missing_broken_or_of_another_kind_is_a_config_error(
    kind: type, tmp_path: Path, models: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    other = models / ("sface.onnx" if kind is Detector else "yunet.onnx")
    for path in (tmp_path / "missing.onnx", broken, other):
        with pytest.raises(ConfigError):
            kind(path)


def test_loading_a_model_leaves_no_file_of_its_maker(models: Path, tmp_path: Path) -> None:
    """P16, P34: ONNX Runtime's telemetry never starts: no device id, no event store."""
    code = f"from edge.vision.detect import Detector; Detector({str(models / 'yunet.onnx')!r})"
    environment = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []


def imports(module: str, seen: set[str]) -> set[str]:
    """Return every module of edge that importing `module` leads to, in functions too."""
    path = EDGE.parent / Path(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if module in seen or not source.exists():
        return seen
    seen.add(module)
    for node in ast.walk(ast.parse(source.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
        for name in names:
            if name.startswith("edge."):
                imports(name, seen)
    return seen


def test_no_import_leads_from_the_vision_worker_to_the_embedder() -> None:
    """P51: statically, also through imports inside functions and through the camera's driver."""
    reached = imports("edge.workers.vision", set()) | imports("edge.devices.rtsp", set())
    assert "edge.vision.detect" in reached
    assert "edge.vision.embed" not in reached
    assert "edge.vision.embed" in imports("edge.workers.recogniser", set())


# ---- addresses and decoding ----------------------------------------------------------------


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_any_credentials_survive_in_an_address(username: str, password: str) -> None:
    from urllib.parse import unquote, urlsplit

    try:
        username.encode(), password.encode()
    except UnicodeEncodeError:
        return
    parts = urlsplit(with_credentials("rtsp://10.0.0.9:554/live?ch=1#x", username, password))
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("10.0.0.9", 554, "/live", "ch=1")
    assert unquote(parts.username or "") == username
    assert unquote(parts.password or "") == password


def decoded(full: bool, switch_at: int | None = None) -> list[tuple[int, int]]:
    """Decode a film; return (packet number, fingerprint) of every picture."""
    pictures = []
    with av.open(str(film("desk-a-1"))) as container:
        stream = container.streams.video[0]
        decoder = Decoder(stream.codec_context, full)
        for number, packet in enumerate(container.demux(stream)):
            if packet.size == 0:
                break
            if number == switch_at:
                decoder.full = not full
            pictures += [(number, fingerprint(frame)) for frame in decoder.decode(packet)]
        assert decoder.damaged == 0
    return pictures


def test_key_frames_only_then_all_gives_at_once_what_full_decoding_gives() -> None:
    everything = dict(decoded(full=True))
    assert len(everything) == 200
    assert [number for number, _ in decoded(full=False)] == list(range(0, 200, 25))
    switched = dict(decoded(full=False, switch_at=60))
    assert set(switched) == {0, 25, 50, *range(60, 200)}
    assert all(everything[number] == picture for number, picture in switched.items())
    back = dict(decoded(full=True, switch_at=60))
    assert set(back) == {*range(60), 75, 100, 125, 150, 175}


def test_a_damaged_packet_is_counted_and_the_next_key_frame_is_read() -> None:
    with av.open(str(film("desk-a-1"))) as container:
        stream = container.streams.video[0]
        decoder, pictures = Decoder(stream.codec_context, True), 0
        decoder.decode(cast("av.Packet[av.VideoStream]", av.Packet(b"\x00\x00\x01\x65" + bytes(40))))
        for packet in container.demux(stream):
            if packet.size:
                pictures += len(decoder.decode(packet))
    assert pictures == 200


def test_a_fingerprint_tells_live_pictures_apart() -> None:
    numbers: NDArray[np.uint32] = np.array([print_ for _, print_ in decoded(full=True)], np.uint32)
    assert len(set(numbers.tolist())) == len(numbers)
