"""Makes the films that the site's cameras show, from real videos and photos; never part of the product.

Run after `scripts/models.py --media`. H.264 with access unit delimiters, 25 frames a second, a key frame
each second, 960x540, in ${GATEHOUSE_CACHE}/site (never committed, never shipped):

    entrance.h264        ten people come in, most one after the other, twice two at once; the truth is
                         beside it in entrance.json: [{"who", "from_s", "to_s"}], seconds from its start
    entrance-empty.h264  the same entrance with nobody
    desk-empty.h264      the desk with nobody
    desk-{a,b,c}-{1,2}.h264   three people at the desk, each in two different photos (years apart)
    desk-two.h264        two of them at once
    desk-still.h264      a sensor that hangs: every picture is the same
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from edge.vision.detect import Detector

Picture = NDArray[np.uint8]
WIDTH, HEIGHT, FPS = 960, 540, 25
RECIPE = "4"
"""Raise it when a film changes: caches then make their films again."""

PEOPLE = {
    "a-1": "photos/person_a_1.jpg",
    "a-2": "photos/person_a_2.jpg",
    "b-1": "photos/person_b_1.jpg",
    "b-2": "photos/person_b_2.jpg",
    "c-1": "photos/impostor_1.jpg",
    "c-2": "photos/obama.jpg",
    "d": "photos/impostor_2.jpg",
    "e": "photos/biden.jpg",
    "f": "photos/0-f1-su-ph.jpg",
    "g": "photos/0-f15-hao-ph.jpg",
    "h": "photos/15-f13-anc-ph.jpg",
    "i": "photos/single_face.jpg",
    "j": "videos/single_face.mp4",
    "k": "videos/WolfgangLanger_Pexels.mp4",
}


@dataclass(frozen=True)
class Pass:
    """One person's way through the entrance: `start` in seconds, across the picture or towards the camera."""

    who: str
    start: float
    seconds: float
    across: bool
    lane: float
    """Towards the camera: where in the width (0..1). Across: 1 to the right, -1 to the left."""


WAY_IN = (
    Pass("d", 1.0, 3.4, across=True, lane=1),
    Pass("f", 5.2, 3.2, across=False, lane=0.5),
    Pass("k", 9.2, 3.6, across=True, lane=-1),
    Pass("b-1", 13.6, 3.2, across=False, lane=0.35),
    Pass("e", 17.6, 3.0, across=False, lane=0.28),
    Pass("g", 18.4, 3.0, across=False, lane=0.72),
    Pass("a-2", 22.6, 3.4, across=True, lane=1),
    Pass("j", 26.8, 3.2, across=False, lane=0.6),
    Pass("h", 30.8, 3.4, across=True, lane=-1),
    Pass("c-1", 32.0, 3.2, across=False, lane=0.8),
)
ENTRANCE_SECONDS = 37.0


class Person:
    """Somebody's head and shoulders, live (from a video) or not, cut by the face in the first picture."""

    def __init__(self, path: Path, detector: Detector) -> None:
        pictures = list(_pictures(path))
        x1, y1, x2, y2 = detector.detect(pictures[0])[0].box
        width, height = x2 - x1, y2 - y1
        top, bottom = int(max(0, y1 - 0.5 * height)), int(y2 + 0.8 * height)
        left, right = int(max(0, x1 - 0.7 * width)), int(x2 + 0.7 * width)
        self._pictures = [picture[top:bottom, left:right] for picture in pictures]
        self.face = float(height)

    def at(self, frame: int) -> Picture:
        """Return the cut of one frame, there and back again in a video."""
        count = len(self._pictures)
        at = frame % max(1, 2 * count - 2)
        return self._pictures[at if at < count else 2 * count - 2 - at]


def _pictures(path: Path) -> Iterator[Picture]:
    if path.suffix == ".mp4":
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
        return
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"media: cannot read {path}")
    yield picture.astype(np.uint8, copy=False)


def room(tone: tuple[int, int, int]) -> Picture:
    """Draw an empty room: a wall, a floor, a door frame."""
    wall = np.linspace(1.0, 0.8, HEIGHT)[:, None, None] * np.array(tone)[None, None]
    picture = np.ascontiguousarray(np.broadcast_to(wall, (HEIGHT, WIDTH, 3)), dtype=np.uint8)
    cv2.rectangle(picture, (0, 430), (WIDTH, HEIGHT), tuple(int(one * 0.5) for one in tone), -1)
    cv2.rectangle(picture, (360, 60), (600, 430), tuple(int(one * 0.7) for one in tone), 6)
    return picture


def place(picture: Picture, cut: Picture, scale: float, x: float, y: float) -> None:
    """Lay a person with a soft edge over `picture`, centred at x, y in pixels; what is outside is cut off."""
    size = (max(2, round(cut.shape[1] * scale)), max(2, round(cut.shape[0] * scale)))
    person = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
    soft = np.zeros((size[1], size[0]), np.float32)
    centre = (size[0] // 2, size[1] // 2)
    cv2.ellipse(soft, centre, (int(size[0] * 0.46), int(size[1] * 0.47)), 0, 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(soft, (0, 0), max(1.0, size[0] * 0.03))[:, :, None]
    left, top = round(x - size[0] / 2), round(y - size[1] / 2)
    x1, y1, x2, y2 = max(0, left), max(0, top), min(WIDTH, left + size[0]), min(HEIGHT, top + size[1])
    if x1 >= x2 or y1 >= y2:
        return
    under, share = picture[y1:y2, x1:x2], soft[y1 - top : y2 - top, x1 - left : x2 - left]
    over = person[y1 - top : y2 - top, x1 - left : x2 - left]
    picture[y1:y2, x1:x2] = (over * share + under * (1 - share)).astype(np.uint8)


def entrance(people: dict[str, Person], passes: tuple[Pass, ...], seconds: float) -> Iterator[Picture]:
    """Film the entrance while `passes` happen."""
    empty = room((176, 186, 190))
    for at in range(round(seconds * FPS)):
        picture = empty.copy()
        for one in passes:
            share = (at / FPS - one.start) / one.seconds
            if 0 <= share < 1:
                _walk(picture, people[one.who], one, share, at)
        yield picture


def _walk(picture: Picture, person: Person, one: Pass, share: float, at: int) -> None:
    bob = 8 * np.sin(at / FPS * 2 * np.pi * 1.8)
    if one.across:
        face = 120 + 20 * share
        x = (share if one.lane > 0 else 1 - share) * (WIDTH + 300) - 150
        place(picture, person.at(at), face / person.face, x, 250 + bob)
    else:
        face = 60 + 110 * share
        x = WIDTH * (0.5 + (one.lane - 0.5) * (0.4 + 0.6 * share))
        # In the last fifth the head leaves the picture below, as under a camera over a door.
        y = 220 + 60 * share + max(0.0, share - 0.8) * 5 * 420
        place(picture, person.at(at), face / person.face, x, y + bob)


def desk(shown: tuple[Person, ...], seconds: float) -> Iterator[Picture]:
    """Film the desk with people who stand before it, swaying a little."""
    empty = room((150, 160, 178))
    for at in range(round(seconds * FPS)):
        picture = empty.copy()
        for place_no, person in enumerate(shown):
            phase = at / FPS * 2 * np.pi / seconds + place_no
            x = WIDTH * (place_no + 1) / (len(shown) + 1) + 24 * np.sin(phase)
            zoom = 190 * (1 + 0.06 * np.sin(2 * phase))
            place(picture, person.at(at), zoom / person.face, x, 280 + 10 * np.cos(phase))
        yield picture


def film(path: Path, pictures: Iterator[Picture]) -> None:
    """Encode pictures, with the noise that a sensor has, into an Annex-B file; in full or not at all."""
    half, noise = path.with_name(f".{path.name}.{os.getpid()}"), np.random.default_rng(7)
    grain = [noise.normal(0, 2.2, (HEIGHT, WIDTH, 1)).astype(np.int16) for _ in range(8)]
    with av.open(str(half), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {
            "preset": "veryfast",
            "tune": "zerolatency",
            "crf": "24",
            "x264-params": f"aud=1:keyint={FPS}:min-keyint={FPS}:scenecut=0",
        }
        for at, picture in enumerate(pictures):
            live = np.clip(picture.astype(np.int16) + grain[(at * 5) % 8], 0, 255).astype(np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(live, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    half.replace(path)


def hang(path: Path, source: Path) -> None:
    """Repeat the first key frame of `source`: a sensor that hangs behind a healthy encoder."""
    data = source.read_bytes()
    second = data.index(b"\x00\x00\x01\x09", 8)
    path.write_bytes(data[:second].rstrip(b"\x00") * FPS)


def truth(passes: tuple[Pass, ...], seconds: float) -> str:
    """Return who comes in, and from when to when, as JSON."""
    rows = [{"who": one.who, "from_s": one.start, "to_s": one.start + one.seconds} for one in passes]
    return json.dumps({"seconds": seconds, "people": rows}, indent=1)


def recipes(people: dict[str, Person]) -> dict[str, Callable[[], Iterator[Picture]]]:
    """Return every film's name and the pictures it shows."""
    made: dict[str, Callable[[], Iterator[Picture]]] = {
        "desk-empty": lambda: desk((), 8.0),
        "entrance-empty": lambda: entrance(people, (), 8.0),
        "entrance": lambda: entrance(people, WAY_IN, ENTRANCE_SECONDS),
        "desk-two": lambda: desk((people["a-2"], people["b-2"]), 8.0),
    }
    for who in ("a-1", "a-2", "b-1", "b-2", "c-1", "c-2"):
        made[f"desk-{who}"] = partial(desk, (people[who],), 8.0)
    return made


def build(root: Path) -> Path:
    """Make the films that are missing under root/site, and return that directory."""
    site, mark = root / "site", root / "site" / f".recipe-{RECIPE}"
    if mark.exists():
        print("media: films: there", flush=True)
        return site
    site.mkdir(parents=True, exist_ok=True)
    detector = Detector(root / "models" / "yunet.onnx")
    people = {who: Person(root / "media" / path, detector) for who, path in PEOPLE.items()}
    for name, pictures in recipes(people).items():
        film(site / f"{name}.h264", pictures())
        print(f"media: {name}.h264", flush=True)
    hang(site / "desk-still.h264", site / "desk-empty.h264")
    (site / "entrance.json").write_text(truth(WAY_IN, ENTRANCE_SECONDS))
    mark.touch()
    return site


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.parse_args()
    root = Path(os.environ.get("GATEHOUSE_CACHE") or Path.home() / ".cache" / "gatehouse")
    print(f"media: {build(root)}", flush=True)


if __name__ == "__main__":
    main()
