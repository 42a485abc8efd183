"""Turns packets into pictures in memory, all of them or key frames only; never writes one anywhere."""

from __future__ import annotations

import zlib

import av
import numpy as np
from av.codec.context import Flags
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

GOP_LIMIT = 100
"""Packets that may wait undecoded; what is left of a longer group of pictures is decoded in full."""


class Decoder:
    """Decodes one stream in one thread. With `full` off, only key frames: about an eighth of the cost.

    The packets since the last key frame wait undecoded, so that turning `full` on (any thread may) gives
    a current picture at once and not at the next key frame.
    """

    def __init__(self, context: VideoCodecContext, full: bool) -> None:
        context.thread_count = 1
        context.thread_type = "NONE"
        context.flags |= Flags.low_delay
        self._context = context
        self._waiting: list[Packet[VideoStream]] = []
        self._started = False
        self._long_group = False
        self.full = full
        self.damaged = 0
        """Packets that could not be decoded, so far."""

    @property
    def skipping(self) -> bool:
        """Whether healthy packets wait undecoded, because nobody asked for their pictures."""
        return bool(self._waiting)

    def decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        """Return the pictures that `packet` completes; an undecodable packet is counted and skipped."""
        if packet.is_keyframe:
            self._waiting, self._long_group = [], False
            damaged = self.damaged
            frames = self._feed(packet)
            self._started = self.damaged == damaged
            return frames
        if not self._started:
            return []
        self._waiting.append(packet)
        self._long_group |= len(self._waiting) > GOP_LIMIT
        if not (self.full or self._long_group):
            return []
        waiting, self._waiting = self._waiting, []
        frames = [frame for one in waiting for frame in self._feed(one)]
        return frames if len(waiting) == 1 else frames[-1:]

    def _feed(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        try:
            return self._context.decode(packet)
        except (FFmpegError, OSError):
            self.damaged += 1
            return []


def fingerprint(frame: VideoFrame) -> int:
    """Return a number that differs when the picture differs: a checksum of every eighth luma sample."""
    plane = frame.planes[0]
    luma = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return zlib.crc32(luma[::8, : plane.width : 8].tobytes())


def to_bgr(frame: VideoFrame, widest: int = 640) -> NDArray[np.uint8]:
    """Return HxWx3 uint8 BGR, shrunk (never enlarged) to `widest` pixels of width."""
    scale = min(1.0, widest / frame.width)
    small = frame.reformat(
        width=round(frame.width * scale),
        height=round(frame.height * scale),
        format="bgr24",
        interpolation=av.video.reformatter.Interpolation.FAST_BILINEAR,
    )
    return small.to_ndarray().astype(np.uint8, copy=False)
