"""Builds the tests' own photo library out of real portraits with gcc; it stands for a vendor's.

No real WLT decoder was ever available here: what this shows is the way through, not that codec.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.vision.detect import Detector
from scripts.site.cameras import cache_root

Picture = NDArray[np.uint8]
WIDTH, HEIGHT = 102, 126
MAGIC = b"GATEHOUSE-TEST-1"
_SOURCE = Path(__file__).with_name("photo_codec.c")


def wlt(number: int) -> bytes:
    """Return 1024 bytes that stand for the picture of that number."""
    return (MAGIC + bytes([number])).ljust(1024, b"\0")


def portrait(name: str) -> Picture:
    """Return a photo of the media cache cut like a card's: one face, 102x126."""
    picture = cv2.imread(str(cache_root() / "media" / "photos" / name), cv2.IMREAD_COLOR)
    assert picture is not None, f"{name}: run scripts/models.py --media"
    face = Detector(cache_root() / "models" / "yunet.onnx").detect(picture.astype(np.uint8))[0]
    x1, y1, x2, y2 = face.box
    half = max(x2 - x1, y2 - y1) * 0.75
    edge = int(2 * half)
    around = cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    middle_x, middle_y = (x1 + x2) / 2 + int(2 * half), (y1 + y2) / 2 + int(2 * half)
    high = half * HEIGHT / WIDTH
    cut = around[int(middle_y - high) : int(middle_y + high), int(middle_x - half) : int(middle_x + half)]
    return cv2.resize(cut, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.uint8)


def build(directory: Path, pictures: Sequence[Picture]) -> Path:
    """Compile the library with these pictures in it; return its path."""
    rows = ",\n".join("{" + ",".join(map(str, p.reshape(-1).tolist())) + "}" for p in pictures)
    (directory / "pictures.h").write_text(
        f"#define WIDTH {WIDTH}\n#define HEIGHT {HEIGHT}\n#define COUNT {len(pictures)}\n"
        f"static const unsigned char pictures[COUNT][WIDTH * HEIGHT * 3] = {{\n{rows}\n}};\n"
    )
    library = directory / "libtestwlt.so"
    subprocess.run(
        [
            "gcc",
            "-shared",
            "-fPIC",
            "-O1",
            "-Wall",
            "-Werror",
            "-I",
            str(directory),
            "-o",
            str(library),
            str(_SOURCE),
        ],
        check=True,
        timeout=120,
    )
    return library
