"""Looks for people in bytes: their faces' numbers in any usual spelling, and pictures of any kind.

For the silent walk-through; never part of the product. It knows the people from the films themselves.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from edge.vision import align
from edge.vision.decode import to_bgr
from edge.vision.detect import Detector
from edge.vision.embed import Embedder

Vector = NDArray[np.float32]
LENGTH = 128
ALIKE = 0.45
"""Cosine from which the product confirms a person. The films' people reach .61 with themselves and .26 with
one another; numbers that mean nothing (page numbers of a WAL index) were seen above .3."""
SPREAD = 20.0
"""A template's length is spread over most of its numbers; a text read as numbers has one large one."""
PROBE = 16
"""Bytes of a picture's rows, or of a film's compressed pictures, that are looked for as they are."""
TEXT_SHARE = 0.9

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{340,}")
_HEX = re.compile(rb"[0-9A-Fa-f]{512,}")
_DECIMALS = re.compile(rb"(?:[-+]?\d*\.\d+(?:[eE][-+]?\d+)?[\s,;\[\]]+){100,}")
_DECIMAL = re.compile(rb"[-+]?\d*\.\d+(?:[eE][-+]?\d+)?")
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"GIF89a", b"GIF87a", b"\xff\xd8\xff", b"ftypavif", b"ftypheic", b"II*\0")
_PRINTABLE = np.isin(np.arange(256), [9, 10, 13, *range(32, 127)])


@dataclass(frozen=True)
class Finding:
    """`what` was found in `where`."""

    where: str
    what: str


@dataclass(frozen=True)
class People:
    """Who is in the films: a template for each face in each picture looked at, and pieces of the pictures."""

    vectors: NDArray[np.float32]
    probes: frozenset[bytes]


def people(films: list[Path], models: Path, every: int = 8) -> People:
    """Look at every `every`-th picture of the films, as the box would see them, on our own."""
    detector, embedder = Detector(models / "yunet.onnx"), Embedder(models / "sface.onnx")
    vectors: list[Vector] = []
    probes: set[bytes] = set()
    for film in films:
        probes |= _compressed(film)
        with av.open(str(film)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number % every == 0:
                    picture = to_bgr(frame)
                    for face in detector.detect(picture):
                        crop = align.crop(picture, face.landmarks)
                        vectors.append(embedder.embed(crop))
                        probes |= _pieces(crop) | _pieces(_boxed(picture, face.box))
    return People(np.stack(vectors), frozenset(one for one in probes if len(set(one)) > PROBE // 2))


def _compressed(film: Path) -> set[bytes]:
    """Return pieces out of the middle of every compressed picture of a film."""
    found = set()
    with av.open(str(film)) as container:
        for packet in container.demux(video=0):
            data = bytes(packet)
            found |= {data[at : at + PROBE] for at in (len(data) // 3, len(data) // 2)}
    return {one for one in found if len(one) == PROBE}


def _boxed(picture: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    x1, y1, x2, y2 = (max(0, int(one)) for one in box)
    return picture[y1:y2, x1:x2]


def _pieces(face: NDArray[np.uint8]) -> set[bytes]:
    """Return pieces of some rows of a face: as BGR, as RGB and in grey."""
    grey = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
    found = set()
    for share in (3, 4, 5, 6):
        row = face.shape[0] * share // 9
        column = face.shape[1] // 3
        for image in (face[:, :, :], face[:, :, ::-1], grey):
            found.add(np.ascontiguousarray(image[row, column:]).tobytes()[:PROBE])
    return {one for one in found if len(one) == PROBE}


class Search:
    """Searches bytes, files and databases for these people."""

    def __init__(self, people: People) -> None:
        self._vectors = people.vectors
        heads = sorted({one[:8] for one in people.probes})
        self._heads = np.frombuffer(b"".join(heads), "<u8")
        self._probes = people.probes

    def in_directory(self, root: Path) -> list[Finding]:
        """Search every file below `root`, as it lies there."""
        return [
            found
            for path in sorted(root.rglob("*"))
            if path.is_file() and not path.is_symlink()
            for found in self.in_bytes(str(path.relative_to(root)), path.read_bytes())
        ]

    def in_bytes(self, where: str, data: bytes) -> list[Finding]:
        """Search some bytes: what they are, and what they spell in base64, hex or decimal numbers."""
        found = [Finding(where, what) for what in self._pictures(data)]
        found += [Finding(where, f"a template as {how}") for how, raw in _readings(data) if self._alike(raw)]
        return found

    def alike(self, vector: NDArray[np.float32]) -> float:
        """Return the greatest cosine of `vector` with a known template."""
        return float(np.max(self._vectors @ vector) / np.linalg.norm(vector))

    # -- templates -------------------------------------------------------------------------

    def _alike(self, numbers: NDArray[np.float64]) -> bool:
        """Tell whether any 128 numbers in a row point where a known template points."""
        good = np.isfinite(numbers) & (np.abs(numbers) < 100.0)
        runs = np.convolve(good, np.ones(LENGTH), "valid") == LENGTH if len(good) >= LENGTH else good[:0]
        (starts,) = np.nonzero(runs)
        clean = np.where(good, numbers, 0.0)
        for some in np.array_split(starts, max(1, len(starts) // 4096)):
            windows = clean[some[:, None] + np.arange(LENGTH)]
            squares = np.square(windows)
            power = squares.sum(axis=1)
            spread = np.divide(
                power**2, np.square(squares).sum(axis=1), out=np.zeros_like(power), where=power > 1e-6
            )
            windows, power = windows[spread > SPREAD], power[spread > SPREAD]
            if len(windows) and np.max(windows @ self._vectors.T / np.sqrt(power)[:, None]) > ALIKE:
                return True
        return False

    # -- pictures --------------------------------------------------------------------------

    def _pictures(self, data: bytes) -> Iterator[str]:
        for magic in _MAGIC:
            for match in re.finditer(re.escape(magic), data):
                if _is_picture(data, match.start()):
                    yield f"a picture ({magic[:4]!r})"
                    break
        if self._has_probe(data):
            yield "a piece of a film or of a face"

    def _has_probe(self, data: bytes) -> bool:
        for shift in range(8):
            words = np.frombuffer(data[shift : len(data) - (len(data) - shift) % 8], "<u8")
            (hits,) = np.nonzero(np.isin(words, self._heads))
            for hit in hits:
                at = int(hit) * 8 + shift
                if data[at : at + PROBE] in self._probes:
                    return True
        return False


def _is_picture(data: bytes, at: int) -> bool:
    """Three bytes come by chance in what is encrypted: a JPEG counts if its header goes on as one."""
    if data[at : at + 3] != b"\xff\xd8\xff":
        return True
    if data[at + 6 : at + 10] in (b"JFIF", b"Exif") or data[at + 3 : at + 5] in (b"\xdb\0", b"\xc0\0"):
        return True
    return cv2.imdecode(np.frombuffer(data[at : at + 4_000_000], np.uint8), cv2.IMREAD_COLOR) is not None


def _readings(data: bytes) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield everything that `data` may mean as numbers."""
    yield from _binary("", data)
    for name, pattern, decode in (("base64", _BASE64, _from_base64), ("hex", _HEX, _from_hex)):
        for match in pattern.finditer(data):
            for raw in decode(match.group()):
                yield from _binary(f"{name} of ", raw)
    for match in _DECIMALS.finditer(data):
        yield "decimal numbers", np.array([float(one) for one in _DECIMAL.findall(match.group())])


def _binary(prefix: str, data: bytes) -> Iterator[tuple[str, NDArray[np.float64]]]:
    for kind in ("<f4", ">f4", "<f2", "<f8"):
        size = np.dtype(kind).itemsize
        for shift in range(size):
            end = len(data) - (len(data) - shift) % size
            if end - shift >= LENGTH * size:
                yield f"{prefix}{kind}", _numbers(data[shift:end], kind)


def _numbers(data: bytes, kind: str) -> NDArray[np.float64]:
    """Return `data` as numbers; where it is a text, it isn't numbers (NaN)."""
    size = np.dtype(kind).itemsize
    with np.errstate(invalid="ignore", over="ignore"):
        numbers = np.frombuffer(data, kind).astype(np.float64)
    printable = _PRINTABLE[np.frombuffer(data, np.uint8)].reshape(-1, size).mean(axis=1)
    near = np.convolve(printable, np.full(16, 1 / 16), "same")
    return np.where(near >= TEXT_SHARE, np.nan, numbers)


def _from_base64(text: bytes) -> Iterator[bytes]:
    plain = text.replace(b"-", b"+").replace(b"_", b"/")
    for shift in range(4):
        yield base64.b64decode(plain[shift:] + b"A" * (-(len(plain) - shift) % 4))


def _from_hex(text: bytes) -> Iterator[bytes]:
    for shift in range(2):
        part = text[shift:]
        yield binascii.unhexlify(part[: len(part) // 2 * 2])
