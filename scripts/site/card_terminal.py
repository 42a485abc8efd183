"""An ID-card terminal on a virtual serial line, speaking the whole protocol; knows nothing of the box.

    card_terminal.py --link PATH [--baud 115200] [--slow] [--think-ms N] [--noise P --seed N]
                     [--single-read] [--single-select]

Commands come on stdin, one per line: `place {json}`, `move`, `lift`, `mute`, `unmute`, `vanish`, `back`,
`stats`, `quit`. Each is acknowledged on stdout with a JSON line; so is every select and read that the host
sent.
"""

import argparse
import errno
import json
import os
import random
import select
import struct
import sys
import termios
import threading
import time
import tty
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

PREAMBLE = bytes.fromhex("AAAAAA9669")
BAUD_RATES = (115200, 57600, 38400, 19200, 9600)
SPEEDS = {getattr(termios, f"B{baud}"): baud for baud in BAUD_RATES}
NAMES = {
    (0x10, 0xFF): "reset",
    (0x11, 0xFF): "status",
    (0x12, 0xFF): "sam_id",
    (0x20, 0x01): "find",
    (0x20, 0x02): "select",
    (0x30, 0x01): "read_base",
    (0x30, 0x10): "read_fingerprint",
    (0x30, 0x03): "read_address",
} | {(0x60, n): "set_baud" for n in range(len(BAUD_RATES))}
READS = ("read_base", "read_fingerprint", "read_address")
SAM = struct.pack("<HHIII", 5, 1, 20160322, 123456, 987654321)

# Name of a field → bytes, in the card's order; None is filled with spaces.
RESIDENT: tuple[tuple[str | None, int], ...] = (
    ("name", 30),
    ("sex", 2),
    ("nation", 4),
    ("birth", 16),
    ("address", 70),
    ("number", 36),
    ("issuer", 30),
    ("valid_from", 16),
    ("valid_until", 16),
    (None, 36),
)
PERMIT: tuple[tuple[str | None, int], ...] = (
    ("name", 30),
    ("sex", 2),
    (None, 4),
    ("birth", 16),
    ("address", 70),
    ("number", 36),
    ("issuer", 30),
    ("valid_from", 16),
    ("valid_until", 16),
    ("pass_number", 18),
    ("issue_count", 4),
    (None, 6),
    ("type", 2),
    (None, 6),
)
FOREIGNER: tuple[tuple[str | None, int], ...] = (
    ("english_name", 120),
    ("sex", 2),
    ("number", 30),
    ("country", 6),
    ("name", 30),
    ("valid_from", 16),
    ("valid_until", 16),
    ("birth", 16),
    ("version", 4),
    ("authority", 8),
    ("type", 2),
    (None, 6),
)
FOREIGNER_2023: tuple[tuple[str | None, int], ...] = (
    ("name", 30),
    ("sex", 2),
    ("renewals", 4),
    ("birth", 16),
    ("english_name", 70),
    ("number", 36),
    (None, 30),
    ("valid_from", 16),
    ("valid_until", 16),
    ("english_rest", 22),
    ("country", 6),
    ("type", 2),
    ("old_number", 6),
)
LAYOUTS = {"": RESIDENT, "J": PERMIT, "I": FOREIGNER, "Y": FOREIGNER_2023}
LAST_COLUMN = 124


def frame(body: bytes) -> bytes:
    """Wrap a body: preamble, length, body, checksum."""
    counted = struct.pack(">H", len(body) + 1) + body
    return PREAMBLE + counted + bytes([reduce(xor, counted)])


def card_text(card: dict[str, str]) -> bytes:
    """Write a card's fields as its 256 bytes of text; an unknown type is a resident's with that letter."""
    kind = card.get("type", "")
    if kind not in LAYOUTS:
        text = card_text(card | {"type": ""})
        return text[: 2 * LAST_COLUMN] + kind.encode("utf-16-le") + text[2 * LAST_COLUMN + 2 :]
    parts = []
    for name, width in LAYOUTS[kind]:
        raw = card.get(name or "", "").encode("utf-16-le")
        if len(raw) > width:
            raise ValueError(f"{name} is longer than its {width} bytes")
        parts.append(raw + b" \x00" * ((width - len(raw)) // 2))
    return b"".join(parts)


@dataclass
class Card:
    """A card in a hand or on the terminal."""

    text: bytes
    photo: bytes
    fingerprint: bytes
    address: bytes | None
    found: bool = False
    selected: bool = False
    was_read: bool = False


@dataclass(frozen=True)
class Heard:
    """A request that arrived whole, and the status byte it was answered with (None: muted)."""

    command: str
    status: int | None
    wall_ms: int
    monotonic: float


@dataclass
class Terminal:
    """The terminal as an object: a thread serves the line from `start` to `stop`."""

    link: Path
    baud: int = 115200
    slow: bool = False
    think_s: float = 0.0
    noise: float = 0.0
    seed: int = 1
    grants_second_read: bool = True
    grants_second_select: bool = True
    """Whether a card that was read can be selected again before it was lifted."""
    on_event: Callable[[dict[str, Any]], None] = lambda event: None
    heard: deque[Heard] = field(default_factory=lambda: deque(maxlen=100_000))
    injected: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._master = self._slave = -1
        self._card: Card | None = None
        self._muted = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Terminal":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---- what a person does with it --------------------------------------------------------

    def place(self, fields: dict[str, str], photo: bytes | None = None) -> Card:
        """Lay a card on it; without a photo of 1024 bytes it is random bytes, as opaque as a real one."""
        photo, fingerprint = photo or self._random.randbytes(1024), self._random.randbytes(1024)
        newer = fields.get("new_address")
        address = None if newer is None else newer.ljust(35).encode("utf-16-le")
        card = Card(card_text(fields), photo, fingerprint, address)
        with self._lock:
            self._card = card
        return card

    def move(self) -> None:
        """Shift the card so that the terminal loses it for a moment: it has to be found anew."""
        with self._lock:
            if self._card is not None:
                self._card.found = self._card.selected = self._card.was_read = False

    def lift(self) -> None:
        """Take the card away."""
        with self._lock:
            self._card = None

    def mute(self, muted: bool = True) -> None:
        """Stop answering, or answer again."""
        with self._lock:
            self._muted = muted

    def start(self) -> None:
        """Plug it in: make the line and serve it."""
        self._stopping.clear()
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self._set_speed()
        os.set_blocking(self._master, False)
        partial = self.link.with_name(self.link.name + ".new")
        partial.unlink(missing_ok=True)
        partial.symlink_to(os.ttyname(self._slave))
        partial.replace(self.link)
        self._thread = threading.Thread(target=self._serve, name="card-terminal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Pull the cable: the line is gone and so is its name. Harmless when it is out already."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self.link.unlink(missing_ok=True)
            os.close(self._master)
            os.close(self._slave)

    # ---- what its own word is --------------------------------------------------------------

    def count(self, *commands: str) -> int:
        """Return how many of these commands were heard."""
        return sum(h.command in commands for h in self.heard)

    # ---- the line --------------------------------------------------------------------------

    def _serve(self) -> None:
        rest = b""
        while not self._stopping.is_set():
            ready, _, _ = select.select([self._master], [], [], 0.02)
            if ready:
                try:
                    rest = self._hear(rest + os.read(self._master, 4096))
                except OSError as error:
                    if error.errno not in (errno.EAGAIN, errno.EIO):
                        raise
            elif self.noise and self._random.random() < self.noise / 10:
                self._inject("idle_noise", self._junk())

    def _hear(self, data: bytes) -> bytes:
        """Answer the requests in `data`; return the unfinished rest."""
        while (start := data.find(PREAMBLE)) >= 0:
            data = data[start:]
            if len(data) < 7:
                return data
            length = struct.unpack(">H", data[5:7])[0]
            if not 3 <= length <= 64:
                data = data[1:]
                self._send(self._status(0x11))
                continue
            if len(data) < 7 + length:
                return data
            self._request(data[5 : 7 + length])
            data = data[7 + length :]
        return data[-4:]

    def _request(self, counted: bytes) -> None:
        if not self._same_speed():
            if not self._muted:
                self._write(self._random.randbytes(6))  # at the wrong speed both sides hear garbage
            return
        with self._lock:
            name = NAMES.get((counted[2], counted[3]), "unknown")
            body = self._status(0x10) if reduce(xor, counted) else self._answer(name)
            muted = self._muted
        event = Heard(name, None if muted else body[2], time.time_ns() // 1_000_000, time.monotonic())
        self.heard.append(event)
        if name in (*READS, "select"):
            status = None if event.status is None else f"{event.status:02X}"
            self.on_event({"event": "asked", "command": name, "status": status, "wall_ms": event.wall_ms})
        if not muted:
            if self.think_s and name in READS:
                self._stopping.wait(self.think_s)
            self._send(body)
        if name == "set_baud" and body[2] == 0x90 and not muted:
            self.baud = BAUD_RATES[counted[3]]

    def _answer(self, name: str) -> bytes:
        """Return the body of the answer to a request that came undamaged."""
        if name in ("reset", "status", "set_baud"):
            return self._status(0x90)
        if name == "sam_id":
            return self._status(0x90) + SAM
        if name == "find":
            return self._find(self._card)
        if name == "select":
            return self._select(self._card)
        return self._read(name, self._card) if name in READS else self._status(0x21)

    def _find(self, card: Card | None) -> bytes:
        if card is None or card.was_read:
            return self._status(0x80)
        card.found = True
        return self._status(0x9F) + bytes(4)

    def _select(self, card: Card | None) -> bytes:
        if card is None or not card.found or (card.was_read and not self.grants_second_select):
            return self._status(0x81)
        card.selected = True
        return self._status(0x90) + bytes(8)

    def _read(self, name: str, card: Card | None) -> bytes:
        refused = card is None or not card.selected or (card.was_read and not self.grants_second_read)
        if card is None or refused:
            return self._status(0x41)
        if name == "read_address":
            return self._status(0x91) if card.address is None else self._status(0x90) + card.address
        card.was_read = True
        parts = [card.text, card.photo]
        if name == "read_fingerprint":
            parts.append(card.fingerprint)
        lengths = b"".join(struct.pack(">H", len(part)) for part in parts)
        return self._status(0x90) + lengths + b"".join(parts)

    @staticmethod
    def _status(last: int) -> bytes:
        return bytes([0, 0, last])

    def _send(self, body: bytes) -> None:
        """Send an answer, sometimes damaged, sometimes with noise around it."""
        data = frame(body)
        if self.noise and self._random.random() < self.noise:
            data = self._damage(data)
        if self.noise and self._random.random() < self.noise:
            self._inject("noise_before", self._junk())
        self._write(data)
        if self.noise and self._random.random() < self.noise:
            self._inject("noise_after", self._junk())

    def _junk(self) -> bytes:
        junk = self._random.randbytes(self._random.randint(1, 12))
        return junk + PREAMBLE[: self._random.randint(0, 5)] if self._random.random() < 0.3 else junk

    def _inject(self, kind: str, junk: bytes) -> None:
        self.injected[kind] += 1
        self._write(junk)

    def _damage(self, data: bytes) -> bytes:
        kind = self._random.choice(("flip", "drop", "insert", "truncate", "burst"))
        self.injected[kind] += 1
        at = self._random.randrange(len(data))
        if kind == "flip":
            return data[:at] + bytes([data[at] ^ self._random.randint(1, 255)]) + data[at + 1 :]
        if kind == "drop":
            return data[:at] + data[at + 1 :]
        if kind == "insert":
            return data[:at] + self._random.randbytes(1) + data[at:]
        if kind == "truncate":
            return data[:at]
        size = min(8, len(data) - at)
        return data[:at] + self._random.randbytes(size) + data[at + size :]

    def _write(self, data: bytes) -> None:
        """Write to the line, at the line's speed if `slow`; what nobody takes for a second is lost."""
        step = 16 if self.slow else len(data)
        began, give_up = time.monotonic(), time.monotonic() + 1.0 + len(data) * 10 / self.baud
        sent = 0
        while sent < len(data) and time.monotonic() < give_up and not self._stopping.is_set():
            with suppress(BlockingIOError):
                sent += os.write(self._master, data[sent : sent + step])
            due = began + sent * 10 / self.baud  # 8N1: ten bits a byte
            if self.slow and due > time.monotonic():
                self._stopping.wait(due - time.monotonic())

    def _set_speed(self) -> None:
        attributes = termios.tcgetattr(self._slave)
        attributes[4] = attributes[5] = getattr(termios, f"B{self.baud}")
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)

    def _same_speed(self) -> bool:
        return SPEEDS.get(termios.tcgetattr(self._slave)[5]) == self.baud


def obey(terminal: Terminal, line: str) -> dict[str, Any]:
    """Carry out one line of stdin; return what to acknowledge."""
    command, _, rest = line.strip().partition(" ")
    more: dict[str, Any] = {}
    if command == "place":
        card = terminal.place(json.loads(rest))
        more["photo"] = card.photo[:16].hex()
    elif command == "move":
        terminal.move()
    elif command == "lift":
        terminal.lift()
    elif command in ("mute", "unmute"):
        terminal.mute(command == "mute")
    elif command == "vanish":
        terminal.stop()
    elif command == "back":
        terminal.stop()
        terminal.start()
    elif command == "stats":
        heard = list(terminal.heard)
        more["heard"] = dict(Counter(h.command for h in heard))
        more["injected"] = dict(terminal.injected)
    elif command != "quit":
        raise ValueError("unknown command")
    return {"event": "done", "command": command, "wall_ms": time.time_ns() // 1_000_000} | more


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--link", type=Path, required=True, help="name of the line's end for the host")
    parser.add_argument("--baud", type=int, choices=BAUD_RATES, default=115200)
    parser.add_argument("--slow", action="store_true", help="send no faster than the line's speed")
    parser.add_argument("--think-ms", type=int, default=0, help="time that a read takes inside")
    parser.add_argument("--noise", type=float, default=0.0, help="chance per frame, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--single-read", action="store_true", help="refuse a second read of a placement")
    parser.add_argument("--single-select", action="store_true", help="refuse to select a card that was read")
    return parser.parse_args()


def main() -> None:
    given = options()
    lock = threading.Lock()

    def say(event: dict[str, Any]) -> None:
        with lock:
            print(json.dumps(event), flush=True)

    terminal = Terminal(
        given.link,
        baud=given.baud,
        slow=given.slow,
        think_s=given.think_ms / 1000,
        noise=given.noise,
        seed=given.seed,
        grants_second_read=not given.single_read,
        grants_second_select=not given.single_select,
        on_event=say,
    )
    with terminal:
        say({"event": "ready", "link": str(given.link), "wall_ms": time.time_ns() // 1_000_000})
        for line in sys.stdin:
            try:
                answer = obey(terminal, line)
            except (ValueError, KeyError) as error:
                # The text of the error could repeat a card's fields; its type can't.
                answer = {"event": "refused", "reason": type(error).__name__}
            say(answer)
            if answer.get("command") == "quit":
                break


if __name__ == "__main__":
    main()
