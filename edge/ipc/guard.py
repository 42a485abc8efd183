"""Holds an exception that arises in a callback from native code, where nobody could catch it; never hides it.

An exception that leaves such a callback ends the process in the middle of C. The owner of the session
calls `check` in its own thread, and the session ends with the exception there.
"""

from types import TracebackType


class Guard:
    """`with guard:` around the body of every callback. Any thread may enter it, several at once."""

    def __init__(self) -> None:
        self._failure: BaseException | None = None

    def __enter__(self) -> None:
        """Enter the callback's body."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Keep the first exception for `check`; let none out."""
        if error is not None and self._failure is None:
            self._failure = error
        return True

    def take(self) -> BaseException | None:
        """Return what a callback raised, once."""
        failure, self._failure = self._failure, None
        return failure

    def check(self) -> None:
        """Raise what a callback raised, once."""
        failure = self.take()
        if failure is not None:
            raise failure
