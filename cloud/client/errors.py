"""What can go wrong on a CRM's side; never a cell of a file, a number or a name in the text."""

from collections.abc import Sequence

from cloud.errors import CloudError

_MOST_SHOWN = 20


class ClientError(CloudError):
    """Base: nothing more was sent. `code` is stable."""

    def __init__(self, operation: str, code: str, hint: str = "") -> None:
        super().__init__(operation, code, hint)
        self.code = code


class WrongFile(ClientError):
    """The file, or a row of it, isn't as it has to be; nothing was sent. `wrong`: by line, what."""

    def __init__(self, code: str, hint: str = "", wrong: Sequence[tuple[int, str]] = ()) -> None:
        super().__init__("read the file", code, hint)
        self.wrong = tuple(wrong)

    def lines(self) -> list[str]:
        """Return the first wrong rows as a person reads them."""
        shown = [f"line {number}: {what}" for number, what in self.wrong[:_MOST_SHOWN]]
        more = len(self.wrong) - _MOST_SHOWN
        return [*shown, f"and {more} more"] if more > 0 else shown


class Refused(ClientError):
    """Headquarters said no, or what it said can't be trusted."""


class Unreachable(ClientError):
    """Headquarters didn't answer; the same again goes on where this ended."""

    recoverable = True
    retry_after_s = 0.0
    """For how long headquarters asks to be left alone."""
