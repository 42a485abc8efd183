"""Follows faces from picture to picture to count people who come in; knows nobody, keeps nothing.

A camera that looks at the door from inside sees the faces of those who enter and the backs of those who
leave, so a face that is followed for a moment is one person entering. Tracks live in this object's
memory and have no number that could leave it.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.vision.detect import Face, iou

REACH = 2.0
"""How far a face may be from where it was expected, in its own widths."""
GROWTH = 1.8
"""By what factor a face's size may change from one sighting to the next."""


@dataclass(slots=True, eq=False)
class _Track:
    box: NDArray[np.float32]
    seen: float
    hits: int = 1
    counted: bool = False
    velocity: NDArray[np.float32] = field(default_factory=lambda: np.zeros(2, np.float32))

    def expected(self, now: float) -> NDArray[np.float32]:
        return self.box + np.tile(self.velocity * np.float32(now - self.seen), 2)

    def take(self, box: NDArray[np.float32], now: float) -> None:
        passed = max(1e-3, now - self.seen)
        moved = (_centre(box) - _centre(self.box)) / passed
        self.velocity = 0.5 * self.velocity + 0.5 * moved.astype(np.float32) if self.hits > 1 else moved
        self.box, self.seen = box, now
        self.hits += 1


class EntryCounter:
    """Counts people by their faces; `patience_s` is how long a face may be out of sight (turned, hidden)."""

    def __init__(self, min_hits: int = 3, patience_s: float = 1.2, smallest: float = 20.0) -> None:
        self._min_hits = min_hits
        self._patience_s = patience_s
        self._smallest = smallest
        self._tracks: list[_Track] = []

    def update(self, faces: list[Face], now: float) -> int:
        """Take the faces of the picture at monotonic `now`; return how many people are newly counted."""
        self._tracks = [one for one in self._tracks if now - one.seen <= self._patience_s]
        boxes = [face.box for face in faces if face.size >= self._smallest]
        for track, at in self._matches(boxes, now):
            track.take(boxes[at], now)
            boxes[at] = np.empty(0, np.float32)
        self._tracks += [_Track(box, now) for box in boxes if box.size]
        fresh = [one for one in self._tracks if one.hits >= self._min_hits and not one.counted]
        for one in fresh:
            one.counted = True
        return len(fresh)

    def _matches(self, boxes: list[NDArray[np.float32]], now: float) -> list[tuple[_Track, int]]:
        """Pair tracks and boxes, closest first, each at most once."""
        costs = sorted(
            (cost, track_no, box_no)
            for track_no, track in enumerate(self._tracks)
            for box_no, box in enumerate(boxes)
            if (cost := _distance(track.expected(now), box)) is not None
        )
        used_tracks: set[int] = set()
        used_boxes: set[int] = set()
        pairs = []
        for _cost, track_no, box_no in costs:
            if track_no not in used_tracks and box_no not in used_boxes:
                used_tracks.add(track_no)
                used_boxes.add(box_no)
                pairs.append((self._tracks[track_no], box_no))
        return pairs


def _centre(box: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((box[:2] + box[2:]) / 2, np.float32)


def _distance(expected: NDArray[np.float32], box: NDArray[np.float32]) -> float | None:
    """Return how badly a box fits an expectation (less is better), or None if it can't be the same face."""
    width, new_width = float(expected[2] - expected[0]), float(box[2] - box[0])
    if max(width, new_width) > GROWTH * max(1e-3, min(width, new_width)):
        return None
    shift = float(np.linalg.norm(_centre(box) - _centre(expected))) / max(width, new_width)
    return None if shift > REACH else shift - float(iou(expected, box[None])[0])
