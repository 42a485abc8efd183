"""Opens an RTSP stream and yields its video packets as they come; never decodes, never retries.

Addresses carry credentials only on their way into FFmpeg: no error text, log line or exception chain
that leaves this module holds one.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from edge.domain.errors import AuthFailed, DeviceError, DeviceMisconfigured, LinkDown

OPEN_TIMEOUT_S = 5.0
IDLE_S = 0.5
"""A read that brings nothing for so long yields None, so that its caller can look at the clock."""

Transport = Literal["tcp", "udp"]


def with_credentials(url: str, username: str, password: str) -> str:
    """Return `url` with credentials in it, percent-encoded. Never log the result."""
    if not username:
        return url
    parts = urlsplit(url)
    login = f"{quote(username, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


class Stream:
    """One connection to a camera; a context manager. FFmpeg is asked for no look-ahead and no buffer."""

    def __init__(self, url: str, username: str, password: str, transport: Transport = "tcp") -> None:
        options = {
            "rtsp_transport": transport,
            "probesize": "32",
            "analyzeduration": "0",
            "fflags": "nobuffer",
            "allowed_media_types": "video",
        }
        failure: DeviceError | None = None
        try:
            self._container = av.open(
                with_credentials(url, username, password), options=options, timeout=(OPEN_TIMEOUT_S, IDLE_S)
            )
        except (FFmpegError, OSError, ValueError) as error:
            failure = _meaning(error)
        if failure is not None:
            raise failure  # outside the handler: the caught exception's text holds the password
        if not self._container.streams.video:
            self._container.close()
            raise DeviceMisconfigured("open the camera", "no_video", "the address gives no video stream")

    @property
    def video(self) -> VideoStream:
        """The stream whose packets are yielded."""
        return self._container.streams.video[0]

    def packets(self) -> Iterator[Packet[VideoStream] | None]:
        """Yield packets, and None for every IDLE_S without one; raise LinkDown when the camera hangs up.

        A server that dies shows as an empty packet and then as the end of the iteration, not as an error.
        """
        while True:
            idle, failed = False, False
            try:
                for packet in self._container.demux(self.video):
                    if packet.size == 0:
                        break
                    yield packet
            except av.error.ExitError:
                idle = True
            except (FFmpegError, OSError):
                failed = True
            if not idle:
                raise LinkDown("read from the camera", "read_failed" if failed else "hung_up")
            yield None

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()


def _meaning(error: Exception) -> DeviceError:
    """Return what a failed open means; the text of `error`, which holds the address, is left behind."""
    operation = "open the camera"
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return AuthFailed(operation, "auth_refused", "check user name and password of this camera")
    if isinstance(error, av.error.HTTPNotFoundError):
        return DeviceMisconfigured(operation, "no_such_stream", "check the path in the camera's address")
    if isinstance(error, av.error.ExitError | TimeoutError):
        return LinkDown(operation, "open_timeout", "is the camera on this network?")
    if isinstance(error, av.error.ProtocolNotFoundError) or not isinstance(error, FFmpegError | OSError):
        return DeviceMisconfigured(operation, "bad_address", "expected rtsp://host:port/path")
    return LinkDown(operation, "unreachable", "is the camera powered and on this network?")
