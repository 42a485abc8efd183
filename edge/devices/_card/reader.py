"""How one card is found, selected and read over a line; knows no lease, keeps nothing of a card.

An 8-bit checksum passes one damaged frame in 256, so a card is read twice where the terminal
grants it, and its number, dates and codes must be valid in any case.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge.devices._card.commands import (
    FIND,
    HEARD_BADLY,
    READ_ADDRESS,
    READ_BASE,
    SAM_ID,
    SELECT,
    STATUS,
    Command,
    Reading,
    Status,
    newest_address,
    sam_id,
    status_of,
)
from edge.devices._card.frames import Response
from edge.devices._card.line import Line, NotHeard
from edge.domain.errors import DeviceMisconfigured, InvalidInput, LinkDown, ProtocolError
from edge.domain.idcard import Card, parse_text

log = logging.getLogger(__name__)

_TRIES = 3
_OPERATION = "speak to the card terminal"


class NotRead(Exception):
    """There is no card to hand out; `code` says why, `final` that another try won't help."""

    def __init__(self, code: str, *, final: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.final = final


@dataclass(frozen=True, slots=True)
class Read:
    """A valid card, and whether two reads of it were identical."""

    card: Card = field(repr=False)
    confirmed_twice: bool
    photo: bytes = field(repr=False, default=b"")
    """1024 bytes of WLT, if they were asked for."""


def find_rate(line: Line, rates: Sequence[int], cancelled: Callable[[], bool]) -> int:
    """Return the first of `rates` at which the terminal answers; the line stays at it.

    Raises NotHeard if it answers at none, and as Line.ask. Garbage may be a wrong rate or a disturbed
    line, so after garbage all are tried once more.
    """
    damaged = False
    for _ in range(2):
        for rate in rates:
            line.set_rate(rate)
            heard = _answers(line, _TRIES if rate == rates[0] else 1, cancelled)
            if heard:
                return rate
            damaged = damaged or heard is None
        if not damaged:
            break
    raise NotHeard(damaged)


def _answers(line: Line, tries: int, cancelled: Callable[[], bool]) -> bool | None:
    """Return whether the terminal answers at this rate; None if what came was garbage."""
    for _ in range(tries):
        try:
            line.ask(STATUS, cancelled)
        except NotHeard as error:
            if not error.damaged:
                return False
        else:
            return True
    return None


@dataclass(frozen=True, slots=True)
class Reader:
    """A line with the question whether to go on, asked all the time while waiting for an answer."""

    line: Line
    cancelled: Callable[[], bool]
    with_photo: bool = False

    def hello(self) -> str:
        """Return the SAM number of a terminal that works; raise LinkDown or DeviceMisconfigured."""
        status, _ = self._insist(STATUS)
        if status in (Status.SAM_UNAUTHORISED, Status.LOGIN_FAILED):
            raise DeviceMisconfigured(_OPERATION, status.code, "the SAM module needs the vendor's service")
        if status is not Status.DONE:
            raise LinkDown(_OPERATION, status.code, "switch the terminal off and on")
        status, response = self._insist(SAM_ID)
        return sam_id(response) if status is Status.DONE else "unknown"

    def find(self) -> bool | None:
        """Return whether a card that wasn't read yet lies there; None if the line was disturbed.

        Raises NotHeard if the terminal was silent.
        """
        try:
            status = self._once(FIND)[0]
        except NotHeard as error:
            if error.damaged:
                return None
            raise
        return None if status in HEARD_BADLY else status is Status.FOUND

    def selects(self) -> bool:
        """Return whether a card lies there, read or not; NotHeard if all is silent. Reads nothing."""
        return self._insist(SELECT)[0] is Status.DONE

    def read(self, confirm: bool) -> Read:
        """Read the card that lies there; raise NotRead, or NotHeard if all is silent."""
        status, _ = self._insist(SELECT)
        if status is not Status.DONE:
            raise NotRead("no_card" if status is Status.SELECT_FAILED else status.code)
        reading, twice, more = self._reading(confirm)
        try:
            return Read(parse_text(reading.text), twice, reading.photo)
        except InvalidInput as error:
            # Twice the same: it is the card and not the line. Or the terminal won't read it again.
            raise NotRead(error.code, final=twice or not more) from None

    def newest_address(self) -> str | None:
        """Return the selected card's newer address, or None if it has none or the terminal can't tell.

        Raises NotHeard if the terminal doesn't answer the question.
        """
        status, response = self._insist(READ_ADDRESS)
        if status is not Status.DONE:
            return None
        try:
            return newest_address(response) or None
        except ProtocolError:
            return None

    def _reading(self, confirm: bool) -> tuple[Reading, bool, bool]:
        """Return one read, whether two in a row agreed in their text, and whether it can be read again."""
        first, differed = self._read_base(), False
        if not confirm:
            return first, False, True
        for _ in range(_TRIES):
            try:
                second = self._read_base()
            except NotRead as refused:
                if self._insist(FIND)[0] is Status.FOUND:  # moved: to the terminal it is newly placed
                    raise NotRead("card_moved") from None
                log.info("second read refused code=%s", refused.code)
                return first, False, False
            except NotHeard:
                continue
            if second == first:
                return first, True, True
            first, differed = second, True
        if differed:
            raise NotRead("reads_differ")
        return first, False, True

    def _read_base(self) -> Reading:
        status, response = self._insist(READ_BASE)
        if status is not Status.DONE:
            raise NotRead(status.code)
        try:
            return Reading.from_response(response, self.with_photo)
        except ProtocolError as error:
            raise NotRead("wrong_parts") from error

    def _insist(self, command: Command) -> tuple[Status, Response]:
        """Ask up to three times while the line is disturbed, then raise NotHeard; silence isn't repeated."""
        for _ in range(_TRIES - 1):
            try:
                status, response = self._once(command)
            except NotHeard as error:
                if not error.damaged:
                    raise
                continue
            if status not in HEARD_BADLY:
                return status, response
        return self._once(command)

    def _once(self, command: Command) -> tuple[Status, Response]:
        response = self.line.ask(command, self.cancelled)
        status = status_of(response)
        if status is None:  # Command.accepts has seen to it; kept for the type
            raise NotHeard(damaged=True)
        return status, response
