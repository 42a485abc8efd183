"""Frames of the card terminal's serial protocol, as values, and finding them on a noisy line; no I/O.

    request   AA AA AA 96 69 | LEN_HI LEN_LO | CMD PARA [data] | CHK
    response  AA AA AA 96 69 | LEN_HI LEN_LO | SW1 SW2 SW3 [data] | CHK

LEN counts what follows it, CHK included. CHK is the XOR of all from LEN_HI to the byte before CHK.
"""

from dataclasses import dataclass, field

from edge.domain.errors import ProtocolError

PREAMBLE = b"\xaa\xaa\xaa\x96\x69"
_HEAD = len(PREAMBLE) + 2
MIN_RESPONSE = 4
"""The smallest LEN of a response: three status bytes and the checksum."""
MAX_RESPONSE = 0x090A
"""The largest LEN of a response: a card with its fingerprints."""
_SLICE = 4096


def checksum(data: bytes) -> int:
    """Return the XOR of all bytes."""
    folded, size = int.from_bytes(data, "big"), len(data)
    while size > 1:  # halves at a time: noise full of preambles asks for many checksums a second
        half = size - size // 2
        folded = (folded >> (8 * half)) ^ (folded & ((1 << (8 * half)) - 1))
        size = half
    return folded


def _wrap(body: bytes) -> bytes:
    counted = (len(body) + 1).to_bytes(2, "big") + body
    return PREAMBLE + counted + bytes([checksum(counted)])


def _unwrap(frame: bytes, shortest: int) -> bytes:
    """Return what lies between LEN and CHK of one whole frame; ProtocolError if it isn't one."""
    if not frame.startswith(PREAMBLE) or len(frame) < _HEAD + shortest:
        raise ProtocolError("read a terminal's frame", "no_frame")
    if int.from_bytes(frame[5:7], "big") != len(frame) - _HEAD:
        raise ProtocolError("read a terminal's frame", "wrong_length")
    if checksum(frame[5:]) != 0:
        raise ProtocolError("read a terminal's frame", "wrong_checksum")
    return frame[_HEAD:-1]


@dataclass(frozen=True, slots=True)
class Request:
    """What the host asks: a command byte, its parameter, and data for the few that take some."""

    command: int
    parameter: int
    data: bytes = b""

    def to_bytes(self) -> bytes:
        """Return the frame as it goes over the line."""
        return _wrap(bytes([self.command, self.parameter]) + self.data)

    @classmethod
    def from_bytes(cls, frame: bytes) -> "Request":
        """Return the request that exactly `frame` is; ProtocolError otherwise."""
        body = _unwrap(frame, 3)
        return cls(body[0], body[1], body[2:])


@dataclass(frozen=True, slots=True)
class Response:
    """What the terminal answers: three status bytes and data (which may be a person's: not in repr)."""

    status: bytes
    data: bytes = field(default=b"", repr=False)

    def to_bytes(self) -> bytes:
        """Return the frame as it goes over the line."""
        return _wrap(self.status + self.data)

    @classmethod
    def from_bytes(cls, frame: bytes) -> "Response":
        """Return the response that exactly `frame` is; ProtocolError otherwise."""
        body = _unwrap(frame, MIN_RESPONSE)
        return cls(body[:3], body[3:])


class FrameBuffer:
    """Finds responses in a stream of bytes and noise; holds at most one unfinished frame."""

    def __init__(self) -> None:
        self._data = bytearray()
        self.skipped = 0
        """Bytes that belonged to no good frame."""

    def feed(self, data: bytes) -> list[Response]:
        """Return the responses that `data` completes, however it is cut into pieces."""
        found: list[Response] = []
        for start in range(0, len(data), _SLICE):
            self._data += data[start : start + _SLICE]
            self._scan(found)
        return found

    def abandon(self) -> list[Response]:
        """Give up the unfinished frame (its end got lost) and return those that hide behind its start."""
        found: list[Response] = []
        while len(self._data) >= _HEAD:
            self._skip(1)
            self._scan(found)
        return found

    def clear(self) -> None:
        """Forget everything that is unfinished."""
        self._data.clear()

    def __len__(self) -> int:
        return len(self._data)

    def _scan(self, found: list[Response]) -> None:
        while self._align():
            length = int.from_bytes(self._data[5:7], "big")
            if not MIN_RESPONSE <= length <= MAX_RESPONSE:
                self._skip(1)
                continue
            if len(self._data) < _HEAD + length:
                return
            self._take(_HEAD + length, found)

    def _align(self) -> bool:
        """Drop what can't begin a frame; return whether a frame's head is complete."""
        start = self._data.find(PREAMBLE)
        if start < 0:
            start = len(self._data) - self._tail()
        self._skip(start)
        return len(self._data) >= _HEAD

    def _tail(self) -> int:
        """Return how many of the last bytes may be a preamble's beginning."""
        return next((n for n in range(4, 0, -1) if self._data.endswith(PREAMBLE[:n])), 0)

    def _take(self, size: int, found: list[Response]) -> None:
        try:
            found.append(Response.from_bytes(bytes(self._data[:size])))
        except ProtocolError:
            self._skip(1)
        else:
            del self._data[:size]

    def _skip(self, count: int) -> None:
        del self._data[:count]
        self.skipped += count
