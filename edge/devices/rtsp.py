"""A camera that speaks RTSP: one session decodes until it fails; never recognises, never stores a picture.

An entrance camera hands pictures to the worker's counting at `analyse_fps`. A desk camera decodes key
frames alone, only to know that it lives, until a frame lease gives its pictures to one recogniser.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from stat import S_ISSOCK
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from edge.ipc.driver import DeviceConfig, Frame, Sink
from edge.ipc.messages import DeviceState, FrameLease, LeaseOver, Progress, ToWorker

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from edge.vision.decode import Decoder
    from edge.vision.feed import FrameFeed

log = logging.getLogger(__name__)

PROGRESS_S = 1.0
LEASE_FPS = 10.0


class Config(DeviceConfig):
    """One camera. `role` says what it is for; there is no third purpose."""

    kind: Literal["rtsp"] = "rtsp"
    worker: Literal["vision"] = "vision"
    role: Literal["entrance", "desk"]
    url: str
    """rtsp://host:port/path without credentials."""
    username: str = Field(default="", repr=False)
    transport: Literal["tcp", "udp"] = "tcp"
    analyse_fps: Annotated[float, Field(gt=0, le=25)] = 5.0
    """Pictures a second that an entrance camera's counting looks at."""
    freeze_s: Annotated[float, Field(ge=2, le=60)] = 8.0
    """Seconds without a new picture until the camera counts as frozen."""

    @field_validator("url")
    @classmethod
    def _plain_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"rtsp", "rtsps"} or not parts.hostname:
            raise ValueError("expected rtsp://host:port/path")
        if parts.username is not None or parts.password is not None:
            raise ValueError("put user name and password into their own keys, not into the address")
        return url


def open(config: Config) -> "Camera":
    """Return the driver of one camera; nothing connects before `run`."""
    return Camera(config)


class Camera:
    """The driver. `run` is one RTSP session."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._feed: FrameFeed | None = None

    def run(self, sink: Sink) -> None:
        """Decode until `close`; raise LinkDown, Frozen, AuthFailed or DeviceMisconfigured."""
        from edge.vision.decode import Decoder
        from edge.vision.demux import Stream

        config = self._config
        if self._closing.is_set():
            return
        with Stream(config.url, config.username, config.password, config.transport) as stream:
            decoder = Decoder(stream.video.codec_context, full=config.role == "entrance")
            session = _Session(self, config, sink, decoder)
            for packet in stream.packets():
                if self._closing.is_set():
                    return
                session.tick(packet)

    def handle(self, message: ToWorker, take_fd: Callable[[], int]) -> None:
        """Start or end a frame lease; only a desk camera ever gives pictures away."""
        from edge.vision.feed import FrameFeed

        if isinstance(message, FrameLease):
            fd = take_fd()
            if self._config.role != "desk" or self._closing.is_set() or not S_ISSOCK(os.fstat(fd).st_mode):
                os.close(fd)
                log.warning("device=%s frame lease refused role=%s", self._config.id, self._config.role)
                return
            self._replace_feed(FrameFeed(fd, message.lease, message.seconds))
        elif isinstance(message, LeaseOver):
            feed = self.feed()
            if feed is not None and feed.lease == message.lease:
                self._replace_feed(None)

    def close(self) -> None:
        """End the session and any lease; callable from any thread, more than once."""
        self._closing.set()
        self._replace_feed(None)

    def feed(self) -> "FrameFeed | None":
        """Return the lease that wants pictures now."""
        with self._lock:
            if self._feed is not None and not self._feed.open:
                self._feed = None
            return self._feed

    def _replace_feed(self, feed: "FrameFeed | None") -> None:
        with self._lock:
            old, self._feed = self._feed, feed
        if old is not None:
            old.close()


class _Session:
    """What happens between connecting and the end: freeze watch, state, progress, pictures out."""

    def __init__(self, camera: Camera, config: Config, sink: Sink, decoder: "Decoder") -> None:
        from edge.vision.freeze import FreezeWatch
        from edge.vision.mediaclock import MediaClock

        now = time.monotonic()
        self._camera, self._config, self._sink, self._decoder = camera, config, sink, decoder
        self._watch, self._clock = FreezeWatch(config.freeze_s, now), MediaClock()
        self._up = False
        self._pictures, self._reported, self._given = 0, now, float("-inf")

    def tick(self, packet: "Packet[VideoStream] | None") -> None:
        """Take one packet, or none for a while; raise Frozen when nothing new has come for long."""
        now = time.monotonic()
        if self._config.role == "desk":
            self._decoder.full = self._camera.feed() is not None
        if packet is not None:
            for frame in self._decoder.decode(packet):
                self._picture(frame, now)
            if self._decoder.skipping:
                self._watch.skipped(now)
        self._watch.check(now)
        if self._pictures and now - self._reported >= PROGRESS_S:
            self._sink.observe(Progress(device=self._config.id, units=self._pictures))
            self._pictures, self._reported = 0, now

    def _picture(self, frame: "VideoFrame", now: float) -> None:
        from edge.vision.decode import fingerprint, to_bgr

        self._watch.picture(fingerprint(frame), now)
        self._pictures += 1
        filmed = self._clock.filmed(frame.time, now)
        if not self._up:
            self._up = True
            at_ms = time.time_ns() // 1_000_000
            self._sink.observe(
                DeviceState(device=self._config.id, state="up", code="frames_arrive", at_ms=at_ms)
            )
        feed = self._camera.feed() if self._config.role == "desk" else None
        if self._config.role == "desk" and feed is None:
            return
        rate = LEASE_FPS if feed is not None else self._config.analyse_fps
        # A little slack: 25 / 5 frames a second must not become every sixth frame by jitter.
        if filmed - self._given < 0.9 / rate:
            return
        self._given = filmed
        image = to_bgr(frame)
        if feed is not None:
            feed.offer(image)
        else:
            self._sink.frame(self._config.id, Frame(image=image, monotonic=filmed))
