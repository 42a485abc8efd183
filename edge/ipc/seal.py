"""Sealed files: written in chunks, readable up to the last whole chunk after a crash; never plaintext.

libsodium's secretstream (XChaCha20-Poly1305) under one random key per file. Layout: magic and format
version, the stream's 24-byte header, then chunks of a 2-byte length and as many bytes of ciphertext.
The last chunk of a file that was closed is tagged final and empty, so a cut end is told from a whole.
Each chunk is authenticated together with its length; order and place are part of the stream's state.
"""

import contextlib
import os
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from nacl import bindings as sodium
from nacl.exceptions import RuntimeError as SodiumError

from edge.domain.errors import InvalidInput

OVERHEAD = sodium.crypto_secretstream_xchacha20poly1305_ABYTES
HEADER_BYTES = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES
KEY_BYTES = sodium.crypto_secretstream_xchacha20poly1305_KEYBYTES
_TAG_MESSAGE = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_TAG_FINAL = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_State = sodium.crypto_secretstream_xchacha20poly1305_state

MAGIC = b"GHSEAL\x00\x01"
"""Six letters, a zero, the format version."""
MAX_CHUNK = 0xFFFF - OVERHEAD
"""Bytes of plaintext in one chunk."""
_LENGTH = struct.Struct(">H")


class SealedWriter:
    """Seals chunks into `fd`, which it owns from now on. One thread at a time.

    What `write` returned from is in the file (the kernel's cache; `close` syncs). OSError passes through.
    """

    def __init__(self, fd: int, key: bytes) -> None:
        self._fd = fd
        self._state: _State | None = _State()
        try:
            header = sodium.crypto_secretstream_xchacha20poly1305_init_push(self._state, _checked(key))
            _write_all(fd, MAGIC + header)
        except BaseException:
            self._abandon()
            raise

    def write(self, plain: bytes) -> None:
        """Seal `plain` (1 to MAX_CHUNK bytes) as one chunk; ValueError on any other length or when closed."""
        if not 0 < len(plain) <= MAX_CHUNK:
            raise ValueError(f"a chunk has 1 to {MAX_CHUNK} bytes, not {len(plain)}")
        self._push(plain, _TAG_MESSAGE)

    def close(self) -> None:
        """Write the final mark, sync and close; safe to call again. OSError passes through."""
        if self._state is None:
            return
        try:
            self._push(b"", _TAG_FINAL)
            os.fdatasync(self._fd)
        finally:
            self._abandon()

    def _push(self, plain: bytes, tag: int) -> None:
        if self._state is None:
            raise ValueError("the sealed file is closed")
        length = _LENGTH.pack(len(plain) + OVERHEAD)
        sealed = sodium.crypto_secretstream_xchacha20poly1305_push(self._state, plain, length, tag)
        _write_all(self._fd, length + sealed)

    def _abandon(self) -> None:
        """Forget the key and close without a final mark."""
        if self._state is None:
            return
        self._state = None
        with contextlib.suppress(OSError):  # what close() can still tell, fdatasync told before
            os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._abandon()


class SealedReader(Iterator[bytes]):
    """The chunks of a sealed file, each authenticated before it is given out. Doesn't own `fd`."""

    def __init__(self, fd: int, key: bytes) -> None:
        self._file = os.fdopen(fd, "rb", closefd=False)
        self._state = _State()
        self.complete = False
        """Whether the final mark was reached: the file is whole. Known once the iteration ended."""
        self._over = not self._start(_checked(key))

    def _start(self, key: bytes) -> bool:
        head = self._file.read(len(MAGIC) + HEADER_BYTES)
        if not MAGIC.startswith(head[: len(MAGIC)]):
            raise InvalidInput("read a sealed file", "not_sealed", "another format, or a newer version")
        if len(head) < len(MAGIC) + HEADER_BYTES:
            return False
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(self._state, head[len(MAGIC) :], key)
        return True

    def __next__(self) -> bytes:
        """Return the next chunk; InvalidInput `seal_broken` if the file was altered or the key is another."""
        if self._over:
            raise StopIteration
        sealed = self._next_sealed()
        if sealed is None:
            self._over = True
            raise StopIteration
        length, body = sealed
        plain, tag = self._open(length, body)
        if tag == _TAG_FINAL:
            self._finish()
            raise StopIteration
        return plain

    def _next_sealed(self) -> tuple[bytes, bytes] | None:
        """Return length and ciphertext, or None at a torn end (the disk may leave it cut or zeroed)."""
        length = self._file.read(_LENGTH.size)
        if len(length) < _LENGTH.size or length == b"\0\0":
            return None
        (size,) = _LENGTH.unpack(length)
        if size < OVERHEAD:
            self._over = True
            raise _broken()
        body = self._file.read(size)
        return (length, body) if len(body) == size else None

    def _open(self, length: bytes, body: bytes) -> tuple[bytes, int]:
        try:
            return sodium.crypto_secretstream_xchacha20poly1305_pull(self._state, body, length)
        except SodiumError as error:
            self._over = True
            raise _broken() from error

    def _finish(self) -> None:
        self._over = True
        if self._file.read(1):
            raise _broken()
        self.complete = True


def open_sealed(fd: int, key: bytes) -> SealedReader:
    """Read a sealed file from `fd`'s position: an iterator over its authenticated chunks.

    It ends at the last whole chunk; `complete` says then whether that was the end that the writer
    set. InvalidInput `not_sealed` at once for another format, `seal_broken` when it meets a change.
    """
    return SealedReader(fd, key)


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    return key


def _broken() -> InvalidInput:
    return InvalidInput("read a sealed file", "seal_broken", "altered after it was written, or another key")


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
