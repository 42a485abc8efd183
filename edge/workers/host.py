"""What every device worker does: say hello, take its devices, run them, pass messages; never decides.

One thread per device, one for the socket; observations go out through a bounded queue.
"""

import contextlib
import logging
import os
import queue
import signal
import socket
import threading
from collections.abc import Callable, Sequence

from pydantic import ValidationError

from edge import devices
from edge.domain.errors import ProtocolError
from edge.ipc.driver import Driver, Frame
from edge.ipc.framing import Lines
from edge.ipc.messages import (
    TO_WORKER,
    Alive,
    Assign,
    FrameLease,
    FromWorker,
    Hello,
    PhotoLease,
    Progress,
    RecordCall,
    Stop,
    ToWorker,
)
from edge.ipc.supervise import keep_running

log = logging.getLogger(__name__)

QUEUE_LENGTH = 1024
"""Observations that wait for the socket. Progress is dropped when full; anything else waits."""

CLOSE_S = 2.0
ALIVE_S = 5.0
"""With nothing else to say for so long, a worker says that it lives."""

FrameTaker = Callable[[str, Frame], None]


class Outlet:
    """The Sink of a worker: queues observations for the one thread that writes the socket."""

    def __init__(self, lines: Lines, take_frame: FrameTaker | None = None) -> None:
        self._lines = lines
        self._take_frame = take_frame
        self._queue: queue.Queue[FromWorker | None] = queue.Queue(QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._write, name="outlet", daemon=True)
        self._thread.start()

    def observe(self, message: FromWorker) -> None:
        """Queue a message; heartbeats alone may be dropped when the core doesn't read."""
        if isinstance(message, Progress):
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(message)
        else:
            self._queue.put(message)

    def frame(self, device: str, frame: Frame) -> None:
        """Pass a frame to the worker's own pipeline, if it has one."""
        if self._take_frame is not None:
            self._take_frame(device, frame)

    def close(self) -> None:
        """Write what is queued, then stop; a core that doesn't read is not waited for."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=CLOSE_S)
        self._thread.join(CLOSE_S)

    def _next(self) -> FromWorker | None:
        try:
            return self._queue.get(timeout=ALIVE_S)
        except queue.Empty:
            return Alive()

    def _write(self) -> None:
        while (message := self._next()) is not None:
            try:
                self._lines.send(message.model_dump_json().encode())
            except OSError:
                os.kill(os.getpid(), signal.SIGTERM)  # the core is gone: so is the reason to run
                return


def receive(lines: Lines) -> ToWorker | None:
    """Return the core's next message, or None when it closed; ProtocolError on anything else."""
    try:
        line = lines.receive()
    except ConnectionResetError:
        return None
    if line is None:
        return None
    try:
        return TO_WORKER.validate_json(line)
    except ValidationError as error:
        raise ProtocolError("read the core's message", "invalid_message") from error


def open_drivers(assign: Assign) -> dict[str, Driver]:
    """Open the driver of every assigned device, by id."""
    opened: dict[str, Driver] = {}
    for fields in assign.devices:
        kind = devices.load(str(fields["kind"]))
        config = kind.Config.model_validate(fields)
        opened[config.id] = kind.open(config)
    return opened


def run(worker: str, sock: socket.socket) -> int:
    """Serve the core on `sock` until it says Stop or closes; return the exit code."""
    lines = Lines(sock)
    outlet = Outlet(lines)
    outlet.observe(Hello.model_validate({"worker": worker, "pid": os.getpid()}))
    try:
        assign = receive(lines)
    except ProtocolError:
        outlet.close()
        raise
    if not isinstance(assign, Assign):
        outlet.close()
        return 0 if assign is None or isinstance(assign, Stop) else 1
    drivers = open_drivers(assign)
    serve(lines, outlet, drivers)
    return 0


def serve(lines: Lines, outlet: Outlet, drivers: dict[str, Driver]) -> None:
    """Run `drivers` and hand them the core's messages until Stop or the end of the socket."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=keep_running, args=(driver, name, outlet, stop), name=name)
        for name, driver in drivers.items()
    ]
    for thread in threads:
        thread.start()
    try:
        _dispatch(lines, drivers)
    finally:
        stop.set()
        _close_all(list(drivers.values()), threads)
        outlet.close()


def _dispatch(lines: Lines, drivers: dict[str, Driver]) -> None:
    while (message := receive(lines)) is not None and not isinstance(message, Stop):
        driver = drivers.get(getattr(message, "device", ""))
        if driver is None:
            log.warning("message for no device of this worker type=%s", message.type)
            if isinstance(message, FrameLease | PhotoLease | RecordCall):
                os.close(lines.take_fd())
            continue
        driver.handle(message, lines.take_fd)


def _close_all(drivers: Sequence[Driver], threads: Sequence[threading.Thread]) -> None:
    for driver in drivers:
        driver.close()
    for thread in threads:
        thread.join(5.0)
