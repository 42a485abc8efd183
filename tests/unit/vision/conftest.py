"""The default models and real pictures of people, from the cache that scripts/models.py fills."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.vision.detect import Detector
from edge.vision.embed import Embedder
from scripts.site.cameras import cache_root

Picture = NDArray[np.uint8]


@pytest.fixture(scope="session")
def models() -> Path:
    return cache_root() / "models"


@pytest.fixture(scope="session")
def photo() -> Callable[[str], Picture]:
    def read(name: str) -> Picture:
        picture = cv2.imread(str(cache_root() / "media" / "photos" / name), cv2.IMREAD_COLOR)
        assert picture is not None, f"{name}: run scripts/models.py --media"
        return picture.astype(np.uint8)

    return read


@pytest.fixture(scope="session")
def detector(models: Path) -> Detector:
    return Detector(models / "yunet.onnx")


@pytest.fixture(scope="session")
def embedder(models: Path) -> Embedder:
    return Embedder(models / "sface.onnx")
