"""The driver of a card terminal: takes leases, runs sessions one at a time; never retries.

Each lease ends with exactly one CardRead or CardFailed.
"""

import os
import threading
from collections.abc import Callable

from edge.devices._card.commands import BAUD_RATES
from edge.devices._card.lease import Slot
from edge.devices._card.line import Cancelled, Line, NotHeard
from edge.devices._card.reader import find_rate
from edge.devices._card.session import Session
from edge.devices.card_serial import Config
from edge.domain.errors import LinkDown
from edge.ipc.driver import Sink
from edge.ipc.messages import CardFailed, CardLease, LeaseOver, PhotoLease, ToWorker


class CardTerminal:
    """One terminal; see edge.ipc.driver.Driver for the contract. A closed one stays closed."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._closed = threading.Event()
        self._wake = threading.Event()
        self._slot = Slot()
        self._sink: Sink | None = None
        self._in_session = False
        self._rates = (config.baud, *(r for r in BAUD_RATES if r != config.baud and config.other_rates))

    def handle(self, message: ToWorker, take_fd: Callable[[], int]) -> None:
        """Take a lease or its end; anything else isn't for a card terminal."""
        if isinstance(message, CardLease) and message.device == self._config.id:
            self._lease(message, None)
        elif isinstance(message, PhotoLease) and message.device == self._config.id:
            self._lease(message, take_fd())
        elif isinstance(message, LeaseOver) and message.device == self._config.id:
            self._slot.cancel(message.lease)
            self._wake.set()

    def close(self) -> None:
        """End the session, now and for good."""
        self._closed.set()
        self._wake.set()

    def run(self, sink: Sink) -> None:
        """Watch for cards and serve leases until `close`; raise DeviceError when the terminal is lost."""
        self._sink, self._in_session = sink, True
        try:
            self._session(sink)
        except NotHeard as error:
            code = "garbled" if error.damaged else "no_answer"
            hint = "is it switched on, and is it this kind of terminal?"
            raise LinkDown("speak to the card terminal", code, hint) from error
        except Cancelled:
            return
        finally:
            self._in_session = False
            while (lease := self._slot.take()) is not None:
                lease.close()
                self._fail(lease.id, "stopping" if self._closed.is_set() else "device_down")

    def _session(self, sink: Sink) -> None:
        if self._closed.is_set():
            return
        line = Line(self._config.port, self._rates[0])
        try:
            rate = find_rate(line, self._rates, self._closed.is_set)
            # Where it answered once it is looked for first when it comes back.
            self._rates = (rate, *(r for r in self._rates if r != rate))
            Session(self._config, line, rate, sink, self._slot, self._wake, self._closed).run()
        finally:
            line.close()

    def _lease(self, message: CardLease | PhotoLease, photo_fd: int | None) -> None:
        down = self._sink is not None and not self._in_session
        if not down and self._slot.put(message, photo_fd):
            self._wake.set()
            return
        if photo_fd is not None:
            os.close(photo_fd)
        self._fail(message.lease, "device_down" if down else "busy")

    def _fail(self, lease: str, code: str) -> None:
        if self._sink is not None:
            self._sink.observe(CardFailed(device=self._config.id, lease=lease, code=code))
