"""Verification on ORL (40 people x 10 pictures, 92x112 grey, Cambridge 1992 to 1994), the short form.

ORL doesn't stand for the people of a sales office; the threshold in use is .45, chosen on other people.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.vision import align
from edge.vision.detect import Detector
from edge.vision.embed import Embedder
from scripts.site.cameras import cache_root

THRESHOLD = 0.45
PEOPLE, PICTURES = 16, 5
"""Of 40 and 10: the short form. 160 pairs of one person, 3,000 of two. The long form takes all."""


def _template(path: Path, detector: Detector, embedder: Embedder) -> NDArray[np.float32] | None:
    grey = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert grey is not None, f"{path}: run scripts/models.py --media"
    picture = cv2.copyMakeBorder(cv2.resize(grey, None, fx=2, fy=2), 40, 40, 40, 40, cv2.BORDER_REPLICATE)
    faces = detector.detect(picture.astype(np.uint8))
    return embedder.embed(align.crop(picture.astype(np.uint8), faces[0].landmarks)) if faces else None


def _rates(people: int, pictures: int, detector: Detector, embedder: Embedder) -> str:
    """Check the rates over all pairs, and return them as a line with their n."""
    vectors, owners, missed = [], [], 0
    for person in range(1, people + 1):
        for number in range(1, pictures + 1):
            path = cache_root() / "media" / "orl" / f"s{person}" / f"{number}.pgm"
            vector = _template(path, detector, embedder)
            missed += vector is None
            if vector is not None:
                vectors.append(vector)
                owners.append(person)
    scores, same = np.stack(vectors) @ np.stack(vectors).T, np.equal.outer(owners, owners)
    upper = np.triu(np.ones_like(same), 1)
    genuine, impostor = scores[same & upper], scores[~same & upper]
    accepted, wrong = np.mean(genuine >= THRESHOLD), np.mean(impostor >= THRESHOLD)
    line = f"ORL at {THRESHOLD}: TAR {accepted:.4f} (n={len(genuine)}), FAR {wrong:.6f} (n={len(impostor)})"
    assert missed <= 0.01 * people * pictures, f"{missed} pictures without a face"
    assert accepted >= 0.98, line
    assert wrong <= 5e-4, line
    return f"{line}, {missed} without a face"


def test_one_person_is_accepted_and_two_are_not(
    detector: Detector, embedder: Embedder, record_property: Callable[[str, object], None]
) -> None:
    record_property("rates", _rates(PEOPLE, PICTURES, detector, embedder))


@pytest.mark.long
def test_one_person_is_accepted_and_two_are_not_in_full(
    detector: Detector, embedder: Embedder, record_property: Callable[[str, object], None]
) -> None:
    record_property("rates", _rates(40, 10, detector, embedder))
