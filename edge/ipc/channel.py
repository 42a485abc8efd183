"""The core's end of a worker's socket: JSON lines and descriptors without blocking the loop; no retry."""

import asyncio
import socket
from collections import deque

from pydantic import ValidationError

from edge.domain.errors import ProtocolError
from edge.ipc.framing import LineBuffer
from edge.ipc.messages import FROM_WORKER, FromWorker, ToWorker


class Channel:
    """One connected stream socket; one reader, any number of writers."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._buffer = LineBuffer()
        self._lines: deque[bytes] = deque()
        self._writing = asyncio.Lock()

    async def send(self, message: ToWorker, fds: tuple[int, ...] = ()) -> None:
        """Send one message; `fds` are duplicated into the worker and stay open here."""
        data = message.model_dump_json().encode() + b"\n"
        loop = asyncio.get_running_loop()
        async with self._writing:
            if fds:
                data = data[await self._send_fds(data, fds) :]
            await loop.sock_sendall(self._sock, data)

    async def _send_fds(self, data: bytes, fds: tuple[int, ...]) -> int:
        while True:
            try:
                return socket.send_fds(self._sock, [data], list(fds))
            except BlockingIOError:
                await self._writable()

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._sock, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._sock)

    async def receive(self) -> FromWorker | None:
        """Return the worker's next message, or None when it closed; ProtocolError on anything else."""
        loop = asyncio.get_running_loop()
        while not self._lines:
            try:
                data = await loop.sock_recv(self._sock, 65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._lines.extend(self._buffer.feed(data))
        try:
            return FROM_WORKER.validate_json(self._lines.popleft())
        except ValidationError:
            raise ProtocolError("read a worker's message", "invalid_message") from None

    def close(self) -> None:
        """Close the socket; the worker sees the end and exits."""
        self._sock.close()
