"""JSON lines over a stream socket, bounded, with file descriptors beside them; never interprets a line."""

import array
import socket
from collections import deque

from edge.domain.errors import ProtocolError

MAX_LINE = 256 * 1024
"""Bytes of one line; a peer that sends more loses its connection."""
_MAX_FDS = 4


class LineBuffer:
    """Cuts a byte stream into lines, holding at most MAX_LINE bytes of an unfinished one."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes, without their newline."""
        self._rest += data
        *lines, rest = self._rest.split(b"\n")
        self._rest = bytearray(rest)
        if len(rest) > MAX_LINE or any(len(line) > MAX_LINE for line in lines):
            raise ProtocolError("read a line", "line_too_long", f"the limit is {MAX_LINE} bytes")
        return [bytes(line) for line in lines]


class Lines:
    """A connected stream socket as lines, blocking; one reader and any number of writers (locked outside)."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = LineBuffer()
        self._lines: deque[bytes] = deque()
        self._fds: deque[int] = deque()

    def send(self, line: bytes, fds: tuple[int, ...] = ()) -> None:
        """Send one line; `fds` arrive with it, duplicated into the peer."""
        data = line + b"\n"
        if fds:
            sent = socket.send_fds(self.sock, [data], list(fds))
            data = data[sent:]
        self.sock.sendall(data)

    def receive(self) -> bytes | None:
        """Return the next line, or None when the peer closed. Honours the socket's timeout."""
        while not self._lines:
            data, ancillary, _flags, _addr = self.sock.recvmsg(65536, socket.CMSG_SPACE(_MAX_FDS * 4))
            self._take_fds(ancillary)
            if not data:
                return None
            self._lines.extend(self._buffer.feed(data))
        return self._lines.popleft()

    def take_fd(self) -> int:
        """Return the oldest descriptor received; the caller owns it."""
        if not self._fds:
            raise ProtocolError("take a descriptor", "no_descriptor")
        return self._fds.popleft()

    def _take_fds(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
                self._fds.extend(fds)

    def close(self) -> None:
        """Close the socket and every descriptor nobody took."""
        while self._fds:
            socket.close(self._fds.popleft())
        self.sock.close()
