"""Finds faces and their five landmarks in a picture (YuNet on ONNX Runtime); never tells whose they are.

The model is YuNet 2023mar with symbolic height and width (scripts/models.py). The path is the one that
insightface.app.FaceAnalysis takes for the same weights; tests/unit/vision compares the two.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.domain.errors import ConfigError
from edge.vision.session import open_model

if TYPE_CHECKING:
    from pathlib import Path

_STRIDES = (8, 16, 32)
_OUTPUTS = [f"{head}_{stride}" for head in ("cls", "obj", "bbox", "kps") for stride in _STRIDES]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in a picture, in that picture's pixels. It lives in memory only."""

    box: NDArray[np.float32]
    """x1, y1, x2, y2."""
    landmarks: NDArray[np.float32]
    """5x2: the eye on the picture's left, the other, nose, mouth corner on the left, the other."""
    score: float

    @property
    def size(self) -> float:
        """The shorter side of the box in pixels."""
        return float(min(self.box[2] - self.box[0], self.box[3] - self.box[1]))


class Detector:
    """YuNet. One instance per thread that detects; it holds no state between pictures."""

    def __init__(self, model: "str | Path", threshold: float = 0.7, overlap: float = 0.3) -> None:
        self._session = open_model(model)
        if missing := set(_OUTPUTS) - {one.name for one in self._session.get_outputs()}:
            raise ConfigError(
                "load the detector",
                f"not a YuNet model, it lacks {sorted(missing)[0]}",
                "see scripts/models.py",
            )
        self._input = self._session.get_inputs()[0].name
        self._threshold = threshold
        self._overlap = overlap

    def detect(self, image: NDArray[np.uint8], longest: int = 640) -> list[Face]:
        """Return the faces of an HxWx3 uint8 BGR picture, best first; larger ones are shrunk to `longest`."""
        height, width = image.shape[:2]
        scale = min(1.0, longest / max(height, width))
        if scale < 1.0:
            import cv2  # the entrance never needs it: its pictures come small, and it costs 27 MB

            size = (round(width * scale), round(height * scale))
            image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
        blob = _blob(image)
        outputs = self._session.run(_OUTPUTS, {self._input: blob})
        boxes, landmarks, scores = _decode(outputs, blob.shape[2], blob.shape[3], self._threshold)
        kept = suppress(boxes, scores, self._overlap)
        return [Face(boxes[i] / scale, landmarks[i] / scale, float(scores[i])) for i in kept]


def _blob(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return 1x3xHxW float32 0..255, sides padded with zeros to multiples of 32."""
    height, width = image.shape[:2]
    blob = np.zeros((1, 3, -(-height // 32) * 32, -(-width // 32) * 32), np.float32)
    blob[0, :, :height, :width] = image.transpose(2, 0, 1)
    return blob


def _decode(
    outputs: list[NDArray[np.float32]], height: int, width: int, threshold: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Turn the heads of the three strides into boxes Nx4, landmarks Nx5x2 and scores N above `threshold`."""
    boxes, landmarks, scores = [], [], []
    for level, stride in enumerate(_STRIDES):
        cls, obj, delta, points = (outputs[head * 3 + level][0] for head in range(4))
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        (at,) = np.nonzero(score >= threshold)
        row, column = np.divmod(at, width // stride)
        cell = np.stack([column, row], axis=1).astype(np.float32)
        centre = (cell + delta[at, :2]) * stride
        half = np.exp(delta[at, 2:]) * stride / 2
        boxes.append(np.concatenate([centre - half, centre + half], axis=1))
        landmarks.append((points[at].reshape(-1, 5, 2) + cell[:, None]) * stride)
        scores.append(score[at])
    return np.concatenate(boxes), np.concatenate(landmarks), np.concatenate(scores)


def suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float) -> list[int]:
    """Return the indices to keep, best first: greedy non-maximum suppression at IoU > `overlap`."""
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, rest = int(order[0]), order[1:]
        kept.append(best)
        order = rest[iou(boxes[best], boxes[rest]) <= overlap]
    return kept


def iou(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the intersection over union of one box with each of Nx4; 0 where both are empty."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0))
