"""Seals one call's audio as it comes; never holds more than some seconds of it and never writes it plain.

The media thread puts frames into a bounded queue, one thread per recording seals them. Both directions
are laid side by side (see domain.voice for the form), a chunk each 100 ms.
"""

import logging
import queue
import threading
from array import array
from typing import Literal

from edge.domain.voice import BYTES_PER_MS, CHANNELS, SAMPLE_BYTES, SAMPLE_RATE
from edge.ipc.seal import SealedWriter

log = logging.getLogger(__name__)

Side = Literal[0, 1]
"""0 is the caller, 1 what the caller is given to hear."""

CHUNK = SAMPLE_RATE // 10 * SAMPLE_BYTES
"""Bytes of one side in a sealed chunk: 100 ms."""
_QUEUED_FRAMES = 500
"""5 s of both sides in 20 ms frames: how long a disk may stall before audio is lost."""
_LAG = 5 * CHUNK
"""Bytes that one side may fall behind the other before it is taken for silent."""


class Recording:
    """One sealed file in the making. `feed` from the media thread, the rest from the session's thread."""

    def __init__(self, fd: int, key: bytes) -> None:
        self._writer = SealedWriter(fd, key)
        self._queue: queue.Queue[tuple[Side, bytes]] = queue.Queue(_QUEUED_FRAMES)
        self._sides = (bytearray(), bytearray())
        self._sealed_bytes = 0
        self._ending = threading.Event()
        self.dropped = 0
        """Frames that found the queue full, or came after the disk failed."""
        self._thread = threading.Thread(target=self._run, name="seal", daemon=True)
        self._thread.start()

    @property
    def sealed_ms(self) -> int:
        """Milliseconds of audio that are in the file."""
        return self._sealed_bytes // BYTES_PER_MS

    @property
    def done(self) -> bool:
        """Whether everything is sealed and the file is closed."""
        return not self._thread.is_alive()

    def feed(self, side: Side, pcm: bytes) -> None:
        """Take one frame of one side (16-bit little-endian mono); returns at once."""
        if self._ending.is_set() or not pcm:
            return
        try:
            self._queue.put_nowait((side, pcm))
        except queue.Full:
            self.dropped += 1

    def finish(self) -> None:
        """Take no more; seal what is queued and close. Returns at once, `done` tells when."""
        self._ending.set()

    def join(self, seconds: float) -> bool:
        """Wait for `done` after `finish`; return whether it came in time."""
        self._thread.join(seconds)
        return self.done

    def _run(self) -> None:
        try:
            with self._writer:
                self._seal_all()
        except OSError as error:
            # The call itself goes on; its CallEnded says how much was sealed.
            self._ending.set()
            log.error("recording stopped errno=%s sealed_ms=%s", error.errno, self.sealed_ms)
        if self.dropped:
            log.warning("recording lost frames=%s sealed_ms=%s", self.dropped, self.sealed_ms)

    def _seal_all(self) -> None:
        while True:
            try:
                side, pcm = self._queue.get(timeout=0.1)
            except queue.Empty:
                if self._ending.is_set():
                    break
                continue
            self._sides[side].extend(pcm)
            self._seal_whole_chunks()
        self._seal_rest()

    def _seal_whole_chunks(self) -> None:
        caller, heard = self._sides
        while max(len(caller), len(heard)) >= CHUNK:
            if min(len(caller), len(heard)) < CHUNK and max(len(caller), len(heard)) < _LAG:
                return
            self._seal(CHUNK)

    def _seal_rest(self) -> None:
        while rest := min(CHUNK, max(len(side) for side in self._sides)):
            self._seal(rest)

    def _seal(self, size: int) -> None:
        stereo = array("h", bytes(size * CHANNELS))
        for number, side in enumerate(self._sides):
            part = bytes(side[:size]).ljust(size, b"\0")
            del side[:size]
            stereo[number::CHANNELS] = array("h", part)
        self._writer.write(stereo.tobytes())
        self._sealed_bytes += len(stereo) * SAMPLE_BYTES
