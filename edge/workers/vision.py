"""The vision worker: decodes all cameras, counts at entrances, lends a desk camera's pictures to a lease.

It recognises nobody: the embedder is never imported in this process.
"""

import contextlib
import logging
import os
import signal
import socket
import threading

from edge.domain.errors import ConfigError, ProtocolError
from edge.ipc.driver import Frame
from edge.ipc.framing import Lines
from edge.ipc.messages import Assign, Hello, Stop
from edge.vision.entrance import EntranceCount
from edge.vision.memory import keep_small
from edge.workers.host import Outlet, open_drivers, receive, serve

log = logging.getLogger(__name__)


class VisionOutlet(Outlet):
    """The worker's sink, with the counting of each entrance camera behind it."""

    def __init__(self, lines: Lines) -> None:
        self._counts: dict[str, EntranceCount] = {}
        super().__init__(lines, self._count)

    def start_counting(self, assign: Assign) -> None:
        """Start one count for every entrance camera; ConfigError without a usable detector."""
        for fields in assign.devices:
            if fields.get("role") == "entrance":
                if "detector" not in assign.models:
                    raise ConfigError("start counting", "no detector configured", "models.detector")
                device = str(fields["id"])
                self._counts[device] = EntranceCount(
                    device, assign.models["detector"], assign.headcount_s, self
                )

    def _count(self, device: str, frame: Frame) -> None:
        if (count := self._counts.get(device)) is not None:
            count.offer(frame)

    def close(self) -> None:
        """Send what was counted so far, write what is queued, stop."""
        for count in self._counts.values():
            count.close()
        super().close()


def main(sock: socket.socket) -> int:
    """Serve the core on `sock` until it says Stop or closes; return the exit code."""
    keep_small()
    if threading.current_thread() is threading.main_thread():
        # As if the core had hung up: sessions end in order, and what was counted is sent.
        signal.signal(signal.SIGTERM, lambda *_: _hang_up(sock))
    lines = Lines(sock)
    outlet = VisionOutlet(lines)
    outlet.observe(Hello(worker="vision", pid=os.getpid()))
    try:
        assign = receive(lines)
        if not isinstance(assign, Assign):
            outlet.close()
            return 0 if assign is None or isinstance(assign, Stop) else 1
        drivers = open_drivers(assign)
        outlet.start_counting(assign)
        serve(lines, outlet, drivers)
    except (ConfigError, ProtocolError) as error:
        log.error("vision worker ends cause=%s", error)
        return 1
    return 0


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the core was gone already
        sock.shutdown(socket.SHUT_RD)
