"""One open serial line to the terminal: ask, wait for the answer, notice that it is gone; never retries.

Not safe for several threads, except for `Cancel`, which any thread may set.
"""

import errno
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import serial

from edge.devices._card.commands import Command
from edge.devices._card.frames import FrameBuffer, Response
from edge.domain.errors import DeviceError, DeviceMisconfigured, LinkDown

_STEP_S = 0.05
"""How long one read blocks: the delay with which a cancel is noticed."""
QUIET_S = 0.3
"""A frame that has paused this long isn't going to be completed."""
_SHORTEST_ANSWER = 11
_OPERATION = "speak to the card terminal"


class NotHeard(Exception):
    """No good answer came in time: `damaged` if something came, else the line was silent."""

    def __init__(self, damaged: bool) -> None:
        super().__init__("damaged" if damaged else "silent")
        self.damaged = damaged


class Cancelled(Exception):
    """Whoever asked doesn't want the answer any more."""


class Line:
    """A serial port to which requests are written and from which answers are read."""

    def __init__(self, port: str, baud: int) -> None:
        """Open `port` for this process alone; raise DeviceError with a code that says what is wrong."""
        self._buffer = FrameBuffer()
        self._owed_until = 0.0
        self._serial = _open(port, baud)

    def set_rate(self, baud: int) -> None:
        """Speak at another rate from now on; raise LinkDown `device_vanished`."""
        with _vanishing():
            self._serial.baudrate = baud

    def close(self) -> None:
        """Close the port; harmless when the device is gone."""
        try:
            self._serial.close()
        except (OSError, termios.error):
            return  # the descriptor is closed by the kernel's rules even when the device vanished

    def ask(self, command: Command, cancelled: Callable[[], bool]) -> Response:
        """Return the terminal's answer to `command`.

        Raises NotHeard when none came in time, Cancelled as soon as `cancelled()` says so, and
        LinkDown `device_vanished`. An answer that arrives after Cancelled is thrown away unread.
        """
        with _vanishing():
            self._settle(cancelled)
            if cancelled():
                raise Cancelled  # nothing is sent for someone who doesn't want the answer
            self._serial.reset_input_buffer()
            self._buffer.clear()
            self._serial.write(command.request.to_bytes())
            return self._answer(command, cancelled)

    def _answer(self, command: Command, cancelled: Callable[[], bool]) -> Response:
        began = heard = time.monotonic()
        until, received = began + command.within_s, 0
        while (now := time.monotonic()) < until:
            if cancelled():
                self._owed_until = until
                raise Cancelled
            data = self._read()
            received += len(data)
            heard = time.monotonic() if data else heard
            quiet = not data and now - heard > QUIET_S
            for response in self._buffer.feed(data) if not quiet else self._buffer.abandon():
                if command.accepts(response):
                    return response
            if quiet and received >= _SHORTEST_ANSWER:
                break  # enough came for an answer, and it was no good one
        raise NotHeard(damaged=received > 0)

    def _settle(self, cancelled: Callable[[], bool]) -> None:
        """Wait for the answer that a cancelled request still has coming, and drop it."""
        quiet_since = None
        while (now := time.monotonic()) < self._owed_until:
            if cancelled():
                raise Cancelled
            if self._read():
                quiet_since = now
            elif quiet_since is not None and now - quiet_since > QUIET_S:
                break
        self._owed_until = 0.0

    def _read(self) -> bytes:
        data: bytes = self._serial.read(max(1, self._serial.in_waiting))
        return data


@contextmanager
def _vanishing() -> Iterator[None]:
    try:
        yield
    except (serial.SerialException, OSError, termios.error) as error:
        raise LinkDown(_OPERATION, "device_vanished", "is its cable in place?") from error


def _open(port: str, baud: int) -> serial.Serial:
    try:
        return serial.Serial(port, baud, timeout=_STEP_S, write_timeout=1.0, exclusive=True)
    except (OSError, termios.error) as error:  # SerialException is an OSError
        raise _why(error) from error


def _why(error: OSError | termios.error) -> DeviceError:
    inner = error.__context__ if isinstance(error.__context__, termios.error) else error
    number = inner.args[0] if inner.args and isinstance(inner.args[0], int) else None
    if number in (errno.EACCES, errno.EPERM):
        return _misconfigured("no_permission", "add the worker's account to the group that owns the port")
    if number in (errno.ENOTTY, errno.EINVAL, errno.EISDIR):
        return _misconfigured("not_a_serial_port", "check `port`")
    if number in (errno.EBUSY, errno.EAGAIN):
        return LinkDown(_OPERATION, "port_in_use", "another process has opened it")
    return LinkDown(_OPERATION, "no_port", "is the terminal plugged in?")


def _misconfigured(code: str, hint: str) -> DeviceError:
    return DeviceMisconfigured(_OPERATION, code, hint)
