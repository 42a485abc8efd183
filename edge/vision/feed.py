"""Carries a desk camera's newest pictures to the recogniser of one lease over a Unix socket; keeps none.

On the socket: a line `{"w":640,"h":360}` and then h*w*3 bytes of BGR, again and again.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.domain.errors import ProtocolError
from edge.vision.slot import Slot

log = logging.getLogger(__name__)

Picture = NDArray[np.uint8]
WIDEST = 640
_HEADER_LIMIT = 64


class Header(BaseModel):
    """Width and height of the picture that follows, in pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    w: Annotated[int, Field(ge=1, le=WIDEST)]
    h: Annotated[int, Field(ge=1, le=4 * WIDEST)]


class FrameFeed:
    """Sends pictures until `seconds` are over, `close`, or the peer hangs up. Owns the descriptor `fd`."""

    def __init__(self, fd: int, lease: str, seconds: float) -> None:
        self.lease = lease
        self._slot: Slot[Picture] = Slot()
        self._until = time.monotonic() + seconds
        self._sock = socket.socket(fileno=fd)
        self._thread = threading.Thread(target=self._send_all, name="frame-feed", daemon=True)
        self._thread.start()

    @property
    def open(self) -> bool:
        """Whether it still wants pictures."""
        return not self._slot.closed

    def offer(self, picture: Picture) -> None:
        """Hand over a picture; the newest wins, the call never waits."""
        self._slot.put(picture)

    def close(self) -> None:
        """Stop at once, also in the middle of a picture."""
        self._slot.close()
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.debug("frame feed was closed already")

    def join(self, timeout: float) -> None:
        """Wait for the end of its thread."""
        self._thread.join(timeout)

    def _send_all(self) -> None:
        try:
            while not self._slot.closed and (left := self._until - time.monotonic()) > 0:
                picture = self._slot.take(left)
                if picture is not None:
                    # A peer that does not read must not outlive the lease either.
                    self._sock.settimeout(max(0.001, self._until - time.monotonic()))
                    self._sock.sendall(encode_header(picture) + picture.tobytes())
        except OSError:
            log.info("frame feed ended by its reader")
        finally:
            self._slot.close()
            self._sock.close()


def encode_header(picture: Picture) -> bytes:
    """Return the line that announces `picture`."""
    return Header(w=picture.shape[1], h=picture.shape[0]).model_dump_json().encode() + b"\n"


def read_pictures(sock: socket.socket, until: float) -> Iterator[Picture]:
    """Yield HxWx3 uint8 BGR pictures until the sender closes or time.monotonic() reaches `until`.

    ProtocolError for a header that isn't one or a picture that is cut short by the sender.
    """
    rest = bytearray()
    while (line := _read_line(sock, rest, until)) is not None:
        try:
            header = Header.model_validate_json(line)
        except ValidationError as error:
            raise ProtocolError("read a picture", "bad_header") from error
        size = header.w * header.h * 3
        if not _fill(sock, rest, size, until):
            return
        yield np.frombuffer(bytes(rest[:size]), np.uint8).reshape(header.h, header.w, 3)
        del rest[:size]


def _read_line(sock: socket.socket, rest: bytearray, until: float) -> bytes | None:
    """Cut the next line off `rest`; None at the end of the stream or of the time."""
    while (end := rest.find(b"\n", 0, _HEADER_LIMIT)) < 0:
        if len(rest) >= _HEADER_LIMIT:
            raise ProtocolError("read a picture", "bad_header")
        if not (data := _receive(sock, until)):
            return None
        rest += data
    line = bytes(rest[:end])
    del rest[: end + 1]
    return line


def _fill(sock: socket.socket, rest: bytearray, size: int, until: float) -> bool:
    """Read until `rest` holds `size` bytes; False at the end of the stream or of the time."""
    while len(rest) < size:
        if not (data := _receive(sock, until)):
            return False
        rest += data
    return True


def _receive(sock: socket.socket, until: float) -> bytes:
    left = until - time.monotonic()
    if left <= 0:
        return b""
    sock.settimeout(left)
    try:
        return sock.recv(1 << 18)
    except (TimeoutError, ConnectionResetError):
        return b""
