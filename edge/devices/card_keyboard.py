"""The kind "card_keyboard": a reader that types a card's number like a keyboard; heard under a lease only.

The device is grabbed, so what it types never reaches the screen. Outside a lease it is thrown away
undecoded. Such a reader tells no validity and no second read, so the visitor confirms each card.
Source of the bytes: struct input_event and codes of linux/input.h, linux/input-event-codes.h.
"""

import errno
import fcntl
import logging
import os
import select
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edge.devices._card.lease import Lease, Slot
from edge.domain.errors import DeviceMisconfigured, LinkDown
from edge.domain.idcard import CardKind, birth_of, kind_of_number
from edge.domain.idnumber import is_date
from edge.ipc.driver import DeviceConfig, Driver, Sink
from edge.ipc.messages import CardFailed, CardLease, CardRead, DeviceState, LeaseOver, PhotoLease, ToWorker

log = logging.getLogger(__name__)

Hold = Callable[[int], None]
"""Takes an open device for this process alone; OSError if it is no such device, or is taken."""

EVENT = struct.Struct("@llHHi")
"""Seconds, microseconds, type, code, value: 24 bytes on a 64-bit machine."""
_EV_SYN, _EV_KEY, _SYN_DROPPED = 0, 1, 3
_EVIOCGRAB = 0x40044590
_SHIFTS = frozenset({42, 54})
_ENTERS = frozenset({28, 96})
_KEYS = (
    {code: str(code - 1) for code in range(2, 11)}
    | {11: "0", 12: "-", 51: ",", 52: ".", 39: ";", 57: " ", 15: "\t", 53: "/", 40: "'"}
    | dict(zip(range(16, 26), "qwertyuiop", strict=True))
    | dict(zip(range(30, 39), "asdfghjkl", strict=True))
    | dict(zip(range(44, 51), "zxcvbnm", strict=True))
    | dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True))
)
"""Key code → what it types on a US keyboard; other keys type nothing."""
_STEP_S = 0.1
_LONGEST = 128
_LONGEST_NAME = 60
_OPERATION = "listen to the card reader"


class Config(DeviceConfig):
    """Where the reader is and what its lines are made of."""

    kind: Literal["card_keyboard"] = "card_keyboard"
    worker: Literal["card"] = "card"
    port: Annotated[str, StringConstraints(pattern=r"^/.+$")]
    """The event device; prefer /dev/input/by-id/…-event-kbd."""
    fields: Annotated[tuple[Literal["number", "name", "other"], ...], Field(min_length=1, max_length=9)] = (
        "number",
    )
    """What stands between the separators of a line, in order."""
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","


def open(config: Config) -> Driver:
    """Return the driver; each session opens and grabs the device."""
    return Keyboard(config)


def grab(fd: int) -> None:
    """Take an event device for this process alone."""
    fcntl.ioctl(fd, _EVIOCGRAB, 1)


class Keys:
    """Key events as lines of text; forgets a line that is too long or of which events were lost."""

    def __init__(self) -> None:
        self._rest = b""
        self._line = ""
        self._shifted = False
        self._spoilt = False

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that end in `data`, however it is cut into pieces."""
        data = self._rest + data
        whole = len(data) - len(data) % EVENT.size
        self._rest = data[whole:]
        typed = (self._event(*fields[2:]) for fields in EVENT.iter_unpack(data[:whole]))
        return [line for line in typed if line is not None]

    def _event(self, kind: int, code: int, value: int) -> str | None:
        if kind == _EV_SYN and code == _SYN_DROPPED:
            self._spoilt = True
        if kind != _EV_KEY:
            return None
        if code in _SHIFTS:
            self._shifted = value != 0
        elif value == 1 and code in _ENTERS:
            return self._ended()
        elif value == 1 and len(self._line) <= _LONGEST:
            key = _KEYS.get(code, "")
            self._line += key.upper() if self._shifted else key
        return None

    def _ended(self) -> str | None:
        line, spoilt = self._line, self._spoilt or len(self._line) > _LONGEST
        self._line, self._spoilt = "", False
        return None if spoilt or not line else line


class Keyboard:
    """One reader; see edge.ipc.driver.Driver for the contract. A closed one stays closed."""

    def __init__(self, config: Config, hold: Hold = grab) -> None:
        self._config = config
        self._hold = hold
        self._closed = threading.Event()
        self._slot = Slot()
        self._sink: Sink | None = None
        self._in_session = False

    def handle(self, message: ToWorker, take_fd: Callable[[], int]) -> None:
        """Take a lease or its end; anything else isn't for a card reader."""
        if isinstance(message, PhotoLease) and message.device == self._config.id:
            os.close(take_fd())  # such a reader has no photo to give
            message = CardLease(lease=message.lease, device=message.device, seconds=message.seconds)
        if isinstance(message, CardLease) and message.device == self._config.id:
            if self._sink is not None and not self._in_session:
                self._fail(message.lease, "device_down")
            elif not self._slot.put(message):
                self._fail(message.lease, "busy")
        elif isinstance(message, LeaseOver) and message.device == self._config.id:
            self._slot.cancel(message.lease)

    def close(self) -> None:
        """End the session, now and for good."""
        self._closed.set()

    def run(self, sink: Sink) -> None:
        """Listen until `close`; raise DeviceError when the reader is lost or isn't one."""
        self._sink, self._in_session = sink, True
        try:
            if not self._closed.is_set():
                with self._opened() as fd:
                    self._listen(fd)
        finally:
            self._in_session = False
            while (lease := self._slot.take()) is not None:
                self._fail(lease.id, "stopping" if self._closed.is_set() else "device_down")

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            fd = os.open(self._config.port, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except PermissionError as error:
            hint = "add the worker's account to the group that owns the device"
            raise DeviceMisconfigured(_OPERATION, "no_permission", hint) from error
        except OSError as error:
            raise LinkDown(_OPERATION, "no_port", "is the reader plugged in?") from error
        try:
            self._take(fd)
            yield fd
        finally:
            os.close(fd)  # this ends the grab as well

    def _take(self, fd: int) -> None:
        try:
            self._hold(fd)
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise LinkDown(_OPERATION, "port_in_use", "another process has grabbed it") from error
            raise DeviceMisconfigured(_OPERATION, "not_an_input_device", "check `port`") from error

    def _listen(self, fd: int) -> None:
        assert self._sink is not None
        at_ms = time.time_ns() // 1_000_000
        self._sink.observe(DeviceState(device=self._config.id, state="up", code="ready", at_ms=at_ms))
        while not self._closed.is_set():
            lease = self._slot.current()
            if lease is not None:
                self._serve(fd, lease)
            else:
                self._read(fd)  # and forget: what is typed outside a lease is nobody's business

    def _serve(self, fd: int, lease: Lease) -> None:
        """Wait for a valid number under `lease`, or say why there is none; then the slot is free again."""
        assert self._sink is not None
        began = time.monotonic()
        outcome = self._heard(fd, lease)
        if lease.cancelled.is_set():
            outcome = "lease_over"
        self._slot.take()
        if isinstance(outcome, CardRead):
            self._sink.observe(outcome)
        else:
            self._fail(lease.id, outcome)
        code = outcome if isinstance(outcome, str) else "read"
        took_ms = round((time.monotonic() - began) * 1000)
        log.info("device=%s lease ended code=%s took_ms=%d", self._config.id, code, took_ms)

    def _heard(self, fd: int, lease: Lease) -> CardRead | str:
        while self._read(fd, 0.0):
            continue  # typed before the lease
        keys, code = Keys(), "no_card"
        while not (lease.over() or self._closed.is_set()):
            for line in keys.feed(self._read(fd)):
                card = self._card(line, lease)
                if card is not None:
                    return card
                code = "invalid_number"
        return "stopping" if self._closed.is_set() else code

    def _read(self, fd: int, within_s: float = _STEP_S) -> bytes:
        """Return what the reader sent by now or `within_s`; LinkDown if it is gone."""
        try:
            if not select.select([fd], [], [], within_s)[0]:
                return b""
            if data := os.read(fd, 64 * EVENT.size):
                return data
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkDown(_OPERATION, "device_vanished", "is its cable in place?") from error
        raise LinkDown(_OPERATION, "device_vanished", "is its cable in place?")

    def _card(self, line: str, lease: Lease) -> CardRead | None:
        """Return the card whose number stands in `line`, or None if there is no valid one."""
        told = dict(zip(self._config.fields, line.split(self._config.separator), strict=False))
        number = told.get("number", "").strip().upper()
        kind, name = kind_of_number(number), told.get("name", "").strip()
        if kind is None or len(name) > _LONGEST_NAME:
            return None
        foreign = kind in (CardKind.FOREIGNER_2017, CardKind.FOREIGNER_2023)
        return CardRead(
            device=self._config.id,
            lease=lease.id,
            at_ms=time.time_ns() // 1_000_000,
            kind=kind,
            name="" if foreign else name,
            english_name=name.upper() if foreign else "",
            birth=birth_of(number) or _youngest(number),
            number=number,
            valid_until="",
            confirmed_twice=False,
        )

    def _fail(self, lease: str, code: str) -> None:
        if self._sink is not None:
            self._sink.observe(CardFailed(device=self._config.id, lease=lease, code=code))


def _youngest(number: str) -> str:
    """Return the latest date of birth that 15 characters allow: a doubt may only make somebody a minor."""
    this_century = "20" + number[7:13]
    born = is_date(this_century) and this_century <= f"{date.today():%Y%m%d}"  # noqa: DTZ011 — a day, no moment
    return this_century if born else "19" + number[7:13]
