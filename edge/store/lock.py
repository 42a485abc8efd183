"""One writer per store, by a file lock that the kernel drops with the process; never waits for it."""

import fcntl
import os
from pathlib import Path

from edge.domain.errors import StoreError


class StoreLock:
    """Held from construction to `close`; offline restore and decommission take it instead of the core."""

    def __init__(self, directory: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(directory / "box.lock", flags, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise StoreError(
                "open the store", "another process has it open", "stop the running gatehouse first"
            ) from None

    def close(self) -> None:
        """Let the next process in."""
        os.close(self._descriptor)
