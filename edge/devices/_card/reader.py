"""How one card is found, selected and read over a line; knows no lease, keeps nothing of a card.

An 8-bit checksum passes one damaged frame in 256, so a card is read twice where the terminal
grants it, and its number, dates and codes must be valid in any case.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.devices._card.commands import (
    FIND,
    HEARD_BADLY,
    READ_BASE,
    SAM_ID,
    SELECT,
    STATUS,
    Command,
    Reading,
    Status,
    sam_id,
    status_of,
)
from edge.devices._card.frames import Response
from edge.devices._card.line import Line, NotHeard
from edge.domain.errors import DeviceMisconfigured, InvalidInput, LinkDown, ProtocolError
from edge.domain.idcard import PermitCard, ResidentCard, parse_text

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

    card: ResidentCard | PermitCard = field(repr=False)
    confirmed_twice: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """A line with the question whether to go on, asked all the time while waiting for an answer."""

    line: Line
    cancelled: Callable[[], bool]

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

    def read(self, confirm: bool) -> Read:
        """Select and read the card that lies there; raise NotRead, or NotHeard if all is silent."""
        status, _ = self._insist(SELECT)
        if status is not Status.DONE:
            raise NotRead("no_card" if status is Status.SELECT_FAILED else status.code)
        text, twice = self._text(confirm)
        try:
            return Read(parse_text(text), twice)
        except InvalidInput as error:
            # Twice the same: it is the card and not the line.
            raise NotRead(error.code, final=twice) from None

    def _text(self, confirm: bool) -> tuple[bytes, bool]:
        """Return a card's text and whether two reads in a row agreed."""
        first, differed = self._read_base(), False
        if not confirm:
            return first, False
        for _ in range(_TRIES):
            try:
                second = self._read_base()
            except NotRead as refused:
                log.info("second read refused code=%s", refused.code)
                break
            except NotHeard:
                continue
            if second == first:
                return first, True
            first, differed = second, True
        if differed:
            raise NotRead("reads_differ")
        return first, False

    def _read_base(self) -> bytes:
        status, response = self._insist(READ_BASE)
        if status is not Status.DONE:
            raise NotRead(status.code)
        try:
            return Reading.from_response(response).text
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
