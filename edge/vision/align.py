"""Turns a face upright into the ArcFace template by its five landmarks; never keeps the crop."""

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 112
"""Pixels of the template's sides."""
ROOM = 40
"""Pixels that are put around an enlarged portrait."""

TEMPLATE: NDArray[np.float32] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    dtype=np.float32,
)
"""Where the five landmarks of a face belong in a 112x112 picture (insightface, arcface_dst)."""
TEMPLATE.setflags(write=False)


def similarity(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the 2x3 least-squares similarity (rotation, scale, shift; Umeyama 1991) from Nx2 to Nx2."""
    src, dst = source.astype(np.float64), target.astype(np.float64)
    src_mean, dst_mean = src.mean(axis=0), dst.mean(axis=0)
    src_centred, dst_centred = src - src_mean, dst - dst_mean
    u, spread, vt = np.linalg.svd(dst_centred.T @ src_centred / len(src))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = u @ np.diag(sign) @ vt
    variance = src_centred.var(axis=0).sum()
    scale = (spread * sign).sum() / variance if variance else 0.0
    linear = scale * rotation
    return np.concatenate([linear, (dst_mean - linear @ src_mean)[:, None]], axis=1)


def crop(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the 112x112x3 BGR picture of the face whose 5x2 `landmarks` are given; black outside."""
    warped = cv2.warpAffine(image, similarity(landmarks, TEMPLATE), (SIDE, SIDE), borderValue=0.0)
    return np.asarray(warped, dtype=np.uint8)


def sharpness(face: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of an aligned face in grey levels: small when it is blurred."""
    return float(cv2.Laplacian(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


def enlarged(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a small portrait at twice its size with room around it: a face that fills it is missed else."""
    twice = cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    bordered = cv2.copyMakeBorder(twice, ROOM, ROOM, ROOM, ROOM, cv2.BORDER_REPLICATE)
    return np.asarray(bordered, dtype=np.uint8)
