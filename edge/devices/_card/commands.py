"""The terminal's commands, what each may answer, and what its answers mean; no I/O.

A command accepts answers of its own shape only, so that a late answer to an earlier command is
never taken for the answer to this one.
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum

from edge.devices._card.frames import Request, Response
from edge.domain.errors import InvalidInput, ProtocolError
from edge.domain.idcard import TEXT_BYTES, printed

PHOTO_BYTES = 1024
FINGERPRINT_BYTES = 1024
ADDRESS_BYTES = 70


class Status(IntEnum):
    """The third status byte."""

    DONE = 0x90
    NO_SUCH_ITEM = 0x91
    FOUND = 0x9F
    WRONG_CHECKSUM = 0x10
    WRONG_LENGTH = 0x11
    WRONG_COMMAND = 0x21
    NOT_PERMITTED = 0x23
    UNKNOWN_ERROR = 0x24
    CARD_REJECTS_SAM = 0x31
    SAM_REJECTS_CARD = 0x32
    CARD_NOT_VERIFIED = 0x33
    NO_CARD_YET = 0x34
    FINGERPRINT_NOT_VERIFIED = 0x37
    BAD_LENGTH = 0x3F
    UNKNOWN_CARD = 0x40
    READ_FAILED = 0x41
    RANDOM_FAILED = 0x47
    WRITE_FAILED = 0x50
    SELF_TEST_FAILED = 0x60
    LOGIN_FAILED = 0x61
    SAM_UNAUTHORISED = 0x66
    FIND_FAILED = 0x80
    SELECT_FAILED = 0x81

    @property
    def code(self) -> str:
        """Return the name as a code for states and messages."""
        return self.name.lower()


HEARD_BADLY = frozenset({Status.WRONG_CHECKSUM, Status.WRONG_LENGTH, Status.BAD_LENGTH})
"""The terminal got our request damaged: asking again helps."""
_FINDING = frozenset({Status.FOUND, Status.FIND_FAILED})
_SELECTING = frozenset({Status.DONE, Status.SELECT_FAILED})


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its request, how long its answer may take, how many bytes come with success."""

    request: Request
    within_s: float
    success: Status = Status.DONE
    data_bytes: int = 0
    never: frozenset[Status] = frozenset()
    """Statuses that only an answer to another command has."""

    def accepts(self, response: Response) -> bool:
        """Whether `response` can be an answer to this command."""
        status = status_of(response)
        if status is None or status in self.never:
            return False
        return len(response.data) == (self.data_bytes if status is self.success else 0)


RESET = Command(Request(0x10, 0xFF), 1.0, never=_FINDING | {Status.SELECT_FAILED})
STATUS = Command(Request(0x11, 0xFF), 1.0, never=_FINDING | {Status.SELECT_FAILED})
SAM_ID = Command(Request(0x12, 0xFF), 1.0, data_bytes=16, never=_FINDING | {Status.SELECT_FAILED})
FIND = Command(Request(0x20, 0x01), 1.5, Status.FOUND, 4, never=_SELECTING)
SELECT = Command(Request(0x20, 0x02), 1.5, data_bytes=8, never=_FINDING)
READ_BASE = Command(
    Request(0x30, 0x01), 3.5, data_bytes=4 + TEXT_BYTES + PHOTO_BYTES, never=_FINDING | {Status.SELECT_FAILED}
)
READ_FINGERPRINT = Command(
    Request(0x30, 0x10),
    3.5,
    data_bytes=6 + TEXT_BYTES + PHOTO_BYTES + FINGERPRINT_BYTES,
    never=_FINDING | {Status.SELECT_FAILED},
)
READ_ADDRESS = Command(
    Request(0x30, 0x03), 2.0, data_bytes=ADDRESS_BYTES, never=_FINDING | {Status.SELECT_FAILED}
)
BAUD_RATES = (115200, 57600, 38400, 19200, 9600)


def set_baud(baud: int) -> Command:
    """Return the command that switches the terminal to `baud`; ValueError for a rate it doesn't know."""
    return Command(Request(0x60, BAUD_RATES.index(baud)), 1.0, never=_FINDING | {Status.SELECT_FAILED})


def status_of(response: Response) -> Status | None:
    """Return the status, or None if the bytes are none that a terminal sends."""
    if response.status[:2] != b"\x00\x00":
        return None
    try:
        return Status(response.status[2])
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Reading:
    """The text of a card, and its photo if the lease is for it; fingerprints are never taken out."""

    text: bytes = field(repr=False)
    photo: bytes = field(repr=False, default=b"", compare=False)

    @classmethod
    def from_response(cls, response: Response, with_photo: bool = False) -> "Reading":
        """Return what an answer to READ_BASE or READ_FINGERPRINT holds; ProtocolError if it isn't one."""
        lengths = _lengths(response.data)
        if lengths[:2] != (TEXT_BYTES, PHOTO_BYTES) or lengths[2:] not in ((), (FINGERPRINT_BYTES,)):
            raise ProtocolError("read a terminal's answer", "wrong_parts")
        start = 2 * len(lengths)
        end = start + TEXT_BYTES
        photo = response.data[end : end + PHOTO_BYTES] if with_photo else b""
        return cls(response.data[start:end], photo)


def _lengths(data: bytes) -> tuple[int, ...]:
    """Return the part lengths at the front of `data`: two of a card, three with fingerprints."""
    for count in (2, 3):
        if len(data) >= 2 * count:
            lengths: tuple[int, ...] = struct.unpack_from(f">{count}H", data)
            if len(data) == 2 * count + sum(lengths):
                return lengths
    return ()


def newest_address(response: Response) -> str | None:
    """Return the address in an answer to READ_ADDRESS, None if the card has no newer one."""
    if status_of(response) is Status.NO_SUCH_ITEM:
        return None
    if status_of(response) is not Status.DONE or not READ_ADDRESS.accepts(response):
        raise ProtocolError("read a terminal's answer", "no_address")
    try:
        return printed(response.data).rstrip(" ")
    except InvalidInput:
        raise ProtocolError("read a terminal's answer", "not_text") from None


def sam_id(response: Response) -> str:
    """Return the terminal's SAM number as it is printed, e.g. `5.1-20160322-0000123456-0123456789`."""
    if status_of(response) is not Status.DONE or not SAM_ID.accepts(response):
        raise ProtocolError("read a terminal's answer", "no_sam_id")
    kind, maker, made, serial, rest = struct.unpack("<HHIII", response.data)
    return f"{kind}.{maker}-{made}-{serial:010d}-{rest:010d}"
