"""One session with a card terminal: notices a card, and reads it once per lease; never by itself.

Outside a lease only "find" is sent, whose answer holds nothing of the card.
"""

import logging
import threading
import time
from dataclasses import asdict, replace
from typing import Literal

from edge.devices._card import photo
from edge.devices._card.lease import Lease, Slot
from edge.devices._card.line import Cancelled, Line, NotHeard
from edge.devices._card.reader import NotRead, Read, Reader
from edge.devices.card_serial import Config
from edge.domain.idcard import Card, CardKind
from edge.ipc.driver import Sink
from edge.ipc.messages import CardFailed, CardPresent, CardRead, DeviceState, Progress

log = logging.getLogger(__name__)

SILENT_POLLS = 3
"""Looks in a row without any answer that end a session."""
GARBLED_POLLS = 20
"""Looks in a row with nothing but damaged answers that end a session."""
_PROGRESS_S = 1.0
_ADDRESSED = frozenset({CardKind.RESIDENT, CardKind.PERMIT})
"""Cards that have an address."""


Photo = Literal["not_asked", "sent", "not_decodable"]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Presence:
    """Whether a card lies there, debounced: one look that misses it isn't a card lifted."""

    def __init__(self) -> None:
        self.there = False
        self.consumed = False
        """A card was read, and none was found since: the terminal finds it again only once it was lifted."""
        self._misses = 0
        self._misses_allowed = 1

    def found(self) -> bool:
        """Take note of a card found; return whether it was just placed."""
        new, self.there, self.consumed = self.consumed or not self.there, True, False
        self._misses, self._misses_allowed = 0, 1
        return new

    def missed(self) -> None:
        """Take note of a look that found none."""
        self._misses += 1
        self.there = self.there and self._misses <= self._misses_allowed

    def was_read(self) -> None:
        """Take note that from now on only a newly placed card is found."""
        self.consumed = True
        self._misses_allowed = 0


class Session:
    """The state that lives as long as the port is open."""

    def __init__(
        self,
        config: Config,
        line: Line,
        rate: int,
        sink: Sink,
        slot: Slot,
        wake: threading.Event,
        closed: threading.Event,
    ) -> None:
        self._config = config
        self._line = line
        self._rate = rate
        self._sink = sink
        self._slot = slot
        self._wake = wake
        self._closed = closed
        self._presence = Presence()
        self._silent = self._garbled = self._answered = 0
        self._progress_at = time.monotonic()
        self._tells_address = True
        self._decoder = photo.decoder_of(config.photo)

    def run(self) -> None:
        """Watch and serve until closed; raise NotHeard, Cancelled or a DeviceError."""
        watcher = Reader(self._line, self._closed.is_set)
        self._ready(watcher.hello())
        while not self._closed.is_set():
            lease = self._slot.current()
            if lease is None:
                self._look(watcher)
            else:
                self._serve(lease)
            self._pause()

    def _ready(self, sam: str) -> None:
        """Say that the terminal works, which one it is, and at which rate it was found."""
        code = "ready" if self._rate == self._config.baud else "ready_at_other_rate"
        log.info("device=%s terminal ready sam=%s baud=%d", self._config.id, sam, self._rate)
        about = f"SAM {sam}, {self._rate} baud"
        self._sink.observe(
            DeviceState(device=self._config.id, state="up", code=code, at_ms=_now_ms(), about=about)
        )

    def _pause(self) -> None:
        if self._slot.current() is None:
            self._wake.wait(self._config.poll_ms / 1000)
        self._wake.clear()

    def _look(self, reader: Reader) -> bool | None:
        """Look once whether a card lies there, and say so once per placement; None if it wasn't told."""
        try:
            found = reader.find()
        except NotHeard:
            self._silent += 1
            if self._silent >= SILENT_POLLS:
                raise
            return None
        self._silent = 0
        self._garbled = self._garbled + 1 if found is None else 0
        if self._garbled >= GARBLED_POLLS:
            raise NotHeard(damaged=True)
        if found:
            if self._presence.found():
                self._sink.observe(CardPresent(device=self._config.id, at_ms=_now_ms()))
        elif found is False:
            self._presence.missed()
        self._count(found is not None)
        return found

    def _count(self, answered: bool) -> None:
        """Report the looks that were answered, at most once a second."""
        self._answered += answered
        if self._answered and time.monotonic() - self._progress_at >= _PROGRESS_S:
            self._sink.observe(Progress(device=self._config.id, units=self._answered))
            self._answered, self._progress_at = 0, time.monotonic()

    def _serve(self, lease: Lease) -> None:
        """Read a card under `lease`, or say why there is none; then the slot is free again."""
        began = time.monotonic()
        outcome = self._read_until_over(lease)
        if lease.cancelled.is_set():
            outcome = "lease_over"
        self._slot.take()
        if isinstance(outcome, Read):
            became = self._hand_over(lease, outcome.photo)
            self._sink.observe(self._card_read(lease, outcome, became))
            code = "read"
        else:
            code = outcome
            self._sink.observe(CardFailed(device=self._config.id, lease=lease.id, code=code))
        lease.close()
        log.info("device=%s lease ended code=%s took_ms=%d", self._config.id, code, _since_ms(began))

    def _read_until_over(self, lease: Lease) -> Read | str:
        """Return a valid card, or the code of what was in the way."""
        if lease.over():
            return "device_down"  # it waited for this session, and its time passed before
        reader = Reader(self._line, lambda: lease.over() or self._closed.is_set(), lease.photo_fd is not None)
        code = ""
        try:
            while True:
                told = self._look(reader) is not None
                try:
                    read = self._read(reader, told)
                except NotRead as failure:
                    # That a card once lay there says more than that none does now.
                    code = code if failure.code == "no_card" and code else failure.code
                    if failure.final:
                        return code
                except NotHeard as error:
                    code = "garbled" if error.damaged else "no_answer"
                else:
                    return read
                self._wait(lease)
        except Cancelled:
            if self._closed.is_set():
                return "stopping"
            return code or ("out_of_time" if self._presence.there else "no_card")

    def _read(self, reader: Reader, told: bool) -> Read:
        """Read the card that lies there, unless it was read before: raise NotRead, NotHeard or Cancelled."""
        if self._presence.consumed:
            if not told:
                raise NotHeard(damaged=True)  # it may be a newly placed one
            # The next lease may be another visitor's: a forgotten card isn't read for them.
            raise NotRead("not_lifted", final=True) if reader.selects() else NotRead("no_card")
        read = reader.read(self._config.confirm_twice)
        self._presence.was_read()
        return replace(read, card=self._newest(reader, read.card))

    def _newest(self, reader: Reader, card: Card) -> Card:
        """Return the card with its newest address, where the terminal tells it."""
        if card.kind not in _ADDRESSED or not self._tells_address:
            return card
        try:
            newer = reader.newest_address()
        except NotHeard as error:
            self._tells_address = error.damaged  # an old terminal's silence isn't waited for again
            return card
        return replace(card, address=newer) if newer else card

    def _wait(self, lease: Lease) -> None:
        """Pause between two tries, at most until the lease's end."""
        self._wake.wait(max(0.0, min(self._config.poll_ms / 1000, lease.until - time.monotonic())))
        self._wake.clear()

    def _hand_over(self, lease: Lease, wlt: bytes) -> Photo:
        """Decode the photo and write it into the lease's socket; return what became of it."""
        if lease.photo_fd is None:
            return "not_asked"
        try:
            photo.hand_over(lease.photo_fd, self._decoder.decode(wlt))
        except photo.NotDecodable as error:
            log.info("device=%s photo not decodable code=%s", self._config.id, error.code)
            return "not_decodable"
        return "sent"

    def _card_read(self, lease: Lease, read: Read, became: Photo) -> CardRead:
        fields = asdict(read.card) | {"confirmed_twice": read.confirmed_twice, "photo": became}
        return CardRead(device=self._config.id, lease=lease.id, at_ms=_now_ms(), **fields)


def _since_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
