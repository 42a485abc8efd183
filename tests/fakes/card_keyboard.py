"""A card reader that types like a keyboard: a pseudo-terminal that carries struct input_event byte for byte.

There is no /dev/uinput where the tests run, so this stands in place of the kernel's device: same bytes, same
loss when it is pulled. What it can't show is the kernel's own grab; TIOCEXCL, the terminal's, stands for it.
Knows nothing of the driver: events and codes are those of linux/input-event-codes.h.
"""

import fcntl
import os
import struct
import termios
import time
import tty
from pathlib import Path

KEY, SYN = 1, 0
SHIFT, ENTER = 42, 28
ROWS = {2: "1234567890-", 16: "qwertyuiop", 30: "asdfghjkl", 44: "zxcvbnm,./", 57: " ", 39: ";", 15: "\t"}
CODES = {char: first + at for first, row in ROWS.items() for at, char in enumerate(row)}


def event(kind: int, code: int, value: int) -> bytes:
    """Return one event as the kernel writes it."""
    now = time.time_ns()
    return struct.pack("@llHHi", now // 10**9, now % 10**9 // 1000, kind, code, value)


def stroke(code: int) -> bytes:
    """Return the events of one key, pressed and let go."""
    return b"".join(event(KEY, code, value) + event(SYN, 0, 0) for value in (1, 0))


def typed(text: str) -> bytes:
    """Return the events by which a reader types `text`; a newline is the Enter key."""
    parts = []
    for char in text:
        if char == "\n":
            parts.append(stroke(ENTER))
        elif char.isupper():
            parts.append(event(KEY, SHIFT, 1) + stroke(CODES[char.lower()]) + event(KEY, SHIFT, 0))
        else:
            parts.append(stroke(CODES[char]))
    return b"".join(parts)


def hold(fd: int) -> None:
    """Take the pseudo-terminal for this process alone: in place of the kernel's grab of an input device."""
    fcntl.ioctl(fd, termios.TIOCEXCL)


class Reader:
    """The reader as an object; use as a context manager."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._master = self._slave = -1

    def plug(self) -> None:
        """Make the device and its name."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self._slave))

    def pull(self) -> None:
        """Take the device away. Harmless when it is gone."""
        if self._master >= 0:
            self.link.unlink(missing_ok=True)
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1

    def type(self, text: str) -> None:
        """Type a text, as after a card was laid on it."""
        self.send(typed(text))

    def send(self, data: bytes) -> None:
        """Send raw bytes."""
        while data:
            data = data[os.write(self._master, data[:1024]) :]

    def __enter__(self) -> "Reader":
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self.pull()
