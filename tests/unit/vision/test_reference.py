"""The direct path gives what insightface.app.FaceAnalysis gives on the same weights.

Tolerances, on the same pixels: boxes and landmarks 0.1 px, scores 0.001, cosine of the embeddings
0.999. Where each shrinks a larger picture by its own rule: IoU 0.9, landmarks 4% of the face in the
mean, cosine 0.97 for the median face and 0.8 for the worst (one wears sunglasses and looks away).
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.vision import align
from edge.vision.detect import Detector, Face, iou
from edge.vision.embed import Embedder
from edge.vision.session import runtime
from tests.unit.vision.scrfd_form import wrap

Picture = NDArray[np.uint8]
PHOTOS = ("multi_face.jpg", "person_b_1.jpg", "obama.jpg", "single_face.jpg", "0-f15-hao-ph.jpg")

LARGE = ("multi_face.jpg", "person_b_1.jpg", "obama.jpg", "impostor_2.jpg")
"""Larger than 640: insightface would also enlarge a smaller picture, the direct path never does."""


@pytest.fixture(scope="session")
def reference(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    runtime()  # insightface imports onnxruntime: this import turns its telemetry off first
    from insightface.app import FaceAnalysis

    pack = tmp_path_factory.mktemp("pack")
    wrap(models / "yunet.onnx", pack / "det.onnx")
    shutil.copy(models / "sface.onnx", pack / "rec.onnx")
    analysis = FaceAnalysis(name=str(pack), providers=["CPUExecutionProvider"])
    analysis.det_model.nms_thresh = 0.3
    return analysis


def found(analysis: Any, picture: Picture, size: tuple[int, int]) -> list[Any]:
    analysis.prepare(ctx_id=-1, det_thresh=0.7, det_size=size)
    return sorted(analysis.get(picture), key=lambda face: -face.det_score)


def vector_of(embedder: Embedder, picture: Picture, face: Face) -> NDArray[np.float32]:
    return embedder.embed(align.crop(picture, face.landmarks))


@pytest.mark.parametrize("name", PHOTOS)
def test_same_faces_landmarks_and_vectors_on_the_same_pixels(
    reference: Any, detector: Detector, embedder: Embedder, photo: Callable[[str], Picture], name: str
) -> None:
    picture = photo(name)
    scale = 640 / max(picture.shape[:2])
    width, height = (int(side * scale) // 32 * 32 for side in picture.shape[1::-1])
    picture = cv2.resize(picture, (width, height)).astype(np.uint8)
    ours, theirs = detector.detect(picture), found(reference, picture, (width, height))
    assert len(ours) == len(theirs) >= 1
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.score == pytest.approx(float(other.det_score), abs=1e-3)
        np.testing.assert_allclose(mine.box, other.bbox, atol=0.1)
        np.testing.assert_allclose(mine.landmarks, other.kps, atol=0.1)
        assert vector_of(embedder, picture, mine) @ other.normed_embedding > 0.999


@pytest.mark.parametrize("name", LARGE)
def test_nearly_the_same_where_each_shrinks_the_picture_itself(
    reference: Any, detector: Detector, embedder: Embedder, photo: Callable[[str], Picture], name: str
) -> None:
    picture = photo(name)
    ours, theirs = detector.detect(picture), found(reference, picture, (640, 640))
    assert len(ours) == len(theirs) >= 1
    cosines = []
    for mine in ours:
        other = max(theirs, key=lambda face: float(iou(mine.box, face.bbox[None])[0]))
        assert iou(mine.box, other.bbox[None])[0] > 0.9
        assert np.abs(mine.landmarks - other.kps).mean() < 0.04 * mine.size
        cosines.append(float(vector_of(embedder, picture, mine) @ other.normed_embedding))
    assert np.median(cosines) > 0.97
    assert min(cosines) > 0.8
