"""Counts the people who come in at one entrance camera and reports nothing but the count; never a picture.

No face is recognised here: this module's imports do not lead to the embedder (a test shows it).
"""

import logging
import os
import signal
import threading
import time

from edge.ipc.driver import Frame, Sink
from edge.ipc.messages import Headcount
from edge.vision.detect import Detector
from edge.vision.interval import Interval, Intervals
from edge.vision.slot import Slot
from edge.vision.track import EntryCounter

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 1.0
BACKLOG = 16
"""Pictures that may wait for the detector (0.7 MB each): a burst of three seconds at five a second."""


class EntranceCount:
    """One thread that detects and counts, and sends a Headcount per interval (also of 0 people)."""

    def __init__(self, device: str, model: str, headcount_s: int, sink: Sink) -> None:
        self._device, self._sink = device, sink
        self._detector = Detector(model)
        self._counter = EntryCounter()
        self._intervals = Intervals(headcount_s, _wall_ms())
        self._slot: Slot[Frame] = Slot(BACKLOG)
        self._thread = threading.Thread(target=self._run, name=f"count-{device}", daemon=True)
        self._thread.start()

    def offer(self, frame: Frame) -> None:
        """Hand over a picture; the call never waits, and a full backlog loses its oldest."""
        self._slot.put(frame)

    def close(self) -> None:
        """End counting; who is in the pictures so far is counted, and the interval so far is sent."""
        self._slot.close(keep=True)
        self._thread.join(5.0)

    def _run(self) -> None:
        try:
            while not self._slot.closed:
                self._step()
            while (frame := self._slot.take(0)) is not None:
                self._look(frame)
            self._send(self._intervals.finish(_wall_ms()))
        finally:
            if not self._slot.closed:
                log.error("device=%s counting failed, the worker ends", self._device)
                os.kill(os.getpid(), signal.SIGTERM)

    def _step(self) -> None:
        left_s = (self._intervals.ends_ms - _wall_ms()) / 1000
        frame = self._slot.take(min(max(left_s, 0.01), _LONGEST_WAIT_S))
        if (done := self._intervals.turn(_wall_ms())) is not None:
            self._send(done)
        if frame is not None:
            self._look(frame)

    def _look(self, frame: Frame) -> None:
        faces = self._detector.detect(frame.image)
        self._intervals.add(self._counter.update(faces, frame.monotonic))

    def _send(self, done: Interval) -> None:
        self._sink.observe(
            Headcount(device=self._device, from_ms=done.from_ms, to_ms=done.to_ms, count=done.count)
        )


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
