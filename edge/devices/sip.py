"""A telephone line by SIP: registers, answers with a notice, seals a call's audio when the core says so.

Never records by itself, never keeps audio in the clear, never decides what a pressed key means.
"""

import logging
import os
import threading
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from edge.devices._sip.inbox import Inbox
from edge.ipc.driver import DeviceConfig, Driver, Sink
from edge.ipc.messages import LeaseOver, RecordCall, ToWorker
from edge.wire.base import Name

log = logging.getLogger(__name__)

Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")]
User = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]{1,64}$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class Config(DeviceConfig):
    """One line of the office's telephone provider.

    Calls are taken from the registrar's own addresses and `callers_from`, from nobody else.
    """

    kind: Literal["sip"] = "sip"
    worker: Literal["phone"] = "phone"
    line: Name
    registrar: Host
    port: Port = 5060
    transport: Literal["udp", "tcp"] = "udp"
    username: User = Field(repr=False)
    domain: Host | None = None
    """The address of record is `username@domain`; the registrar's name if not given."""
    answer_s: Annotated[int, Field(ge=2, le=30)] = 10
    """Seconds in which the registrar answers; a refresh is begun so long before a registration lapses."""
    register_s: Annotated[int, Field(ge=5, le=3600)] = 30
    """For how long a registration is asked: a registrar that went away silently is noticed after it."""
    notice_wav: Path
    """What every caller hears first: WAV, PCM, mono, 16 bits, 8 kHz."""
    ring_ms: Annotated[int, Field(ge=0, le=30_000)] = 2000
    max_call_s: Annotated[int, Field(ge=5, le=14_400)] = 1800
    max_calls: Annotated[int, Field(ge=1, le=4)] = 4
    """Calls at once; the library takes no more than 4. Further callers hear that the line is busy."""
    bind: IPv4Address = IPv4Address("0.0.0.0")  # noqa: S104 — callers come from outside
    bind_port: Annotated[int, Field(ge=0, le=65535)] = 5060
    """0: any free port."""
    rtp_port: Port = 40_000
    rtp_ports: Annotated[int, Field(ge=2, le=10_000)] = 64
    callers_from: tuple[IPv4Address, ...] = ()

    @model_validator(mode="after")
    def _room_for_all_calls(self) -> Self:
        if self.rtp_ports < 2 * self.max_calls:
            raise ValueError("rtp_ports must be at least twice max_calls")
        if self.rtp_port + self.rtp_ports > 65536:
            raise ValueError("rtp_port + rtp_ports is over 65536")
        return self


class SipLine:
    """The Driver of one line; a session's inner life is in `_sip`, loaded when it first runs."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._inbox = Inbox()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._running = False

    def run(self, sink: Sink) -> None:
        """Register and take calls until `close`.

        LinkDown: registrar unreachable or gone; AuthFailed: it refuses our password;
        DeviceMisconfigured: the notice is missing or unusable, or the registrar doesn't know us.
        """
        from edge.devices._sip import session

        if self._stop.is_set():
            return
        with self._lock:
            self._running = True
        try:
            session.run(self._config, sink, self._stop, self._inbox)
        finally:
            with self._lock:
                self._running = False
            self._inbox.drop_all()

    def handle(self, message: ToWorker, take_fd: Callable[[], int]) -> None:
        """Take a RecordCall with its descriptor, or the end of a call's recording; ignore anything else."""
        if isinstance(message, LeaseOver) and not self._inbox.stop(message.lease):
            log.warning("no room for the end of a recording call=%s", message.lease)
        if not isinstance(message, RecordCall):
            return
        fd = take_fd()
        with self._lock:
            if not self._running:
                os.close(fd)
                return
            if not self._inbox.put(message, fd):
                log.warning("no room for a request call=%s", message.call)

    def close(self) -> None:
        """Make `run` say goodbye and return."""
        self._stop.set()


def open(config: Config) -> Driver:
    """Return the driver of `config`; touches nothing yet."""
    return SipLine(config)
