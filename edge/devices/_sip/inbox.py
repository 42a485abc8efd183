"""Carries the core's requests with their descriptors to the session's thread; never leaks a descriptor."""

import os
import queue
from collections.abc import Iterator

from edge.ipc.messages import RecordCall

_LENGTH = 64


class Inbox:
    """A bounded queue between the channel's thread and a session; owns the descriptors it holds."""

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[RecordCall, int]] = queue.Queue(_LENGTH)
        self._stops: queue.Queue[str] = queue.Queue(_LENGTH)

    def put(self, request: RecordCall, fd: int) -> bool:
        """Queue a request; False if there's no room, then the descriptor is closed."""
        try:
            self._queue.put_nowait((request, fd))
        except queue.Full:
            os.close(fd)
            return False
        return True

    def take(self) -> Iterator[tuple[RecordCall, int]]:
        """Give out what waits; the caller owns each descriptor from then on."""
        while True:
            try:
                yield self._queue.get_nowait()
            except queue.Empty:
                return

    def stop(self, call: str) -> bool:
        """Queue that the recording of `call` is over; False if there's no room."""
        try:
            self._stops.put_nowait(call)
        except queue.Full:
            return False
        return True

    def take_stops(self) -> Iterator[str]:
        """Give out the calls whose recording is over."""
        while True:
            try:
                yield self._stops.get_nowait()
            except queue.Empty:
                return

    def drop_all(self) -> None:
        """Forget what waits and close its descriptors."""
        for _call in self.take_stops():
            pass
        for _request, fd in self.take():
            os.close(fd)
