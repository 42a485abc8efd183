"""The card photo's decoder as a port, and its way into a lease's socket; never writes a photo to a file.

A card holds 1024 bytes of WLT, a licensed codec without a public decoder. A site that has the vendor's
library names it. The usual interface is `int unpack(char *wlt, char *picture, int save)`, which answers 1
and leaves 102x126 pixels of BGR, the bottom row first; what differs is configured.
"""

import contextlib
import ctypes
import json
import os
import socket
import struct
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

WLT_BYTES = 1024
_SEND_S = 2.0
_BMP_HEAD = struct.Struct("<2sIHHIIiiHH")


class PhotoConfig(BaseModel):
    """The vendor's library and how its function is called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    library: Annotated[str, StringConstraints(pattern=r"^/.+$")]
    symbol: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*$")] = "unpack"
    arguments: Annotated[tuple[int, ...], Field(max_length=4)] = (0,)
    """Further integers after the two buffers: for `unpack` the "save a file" flag, which must be 0."""
    success: int = 1
    """What the function returns when it decoded."""
    output: Literal["bgr", "bmp"] = "bgr"
    """Bare pixels, or a whole BMP of 24 bits."""
    width: Annotated[int, Field(ge=16, le=640)] = 102
    height: Annotated[int, Field(ge=16, le=640)] = 126
    bottom_row_first: bool = True
    """Of bare pixels; a BMP says it itself."""
    buffer_bytes: Annotated[int, Field(ge=1024, le=1 << 22)] = 65536
    """What the library may write; more than it needs."""

    @model_validator(mode="after")
    def _room(self) -> Self:
        if self.buffer_bytes < self.width * self.height * 3:
            raise ValueError("buffer_bytes is too small for width x height x 3")
        return self


class NotDecodable(Exception):
    """There is no picture; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Photo:
    """Pixels in memory: `height` rows of `width` BGR triples, the top row first."""

    width: int
    height: int
    pixels: bytes = field(repr=False)


class Decoder(Protocol):
    """Turns a card's WLT into pixels."""

    def decode(self, wlt: bytes) -> Photo:
        """Return the picture in 1024 bytes; raise NotDecodable."""
        ...


class NoDecoder:
    """A site without the vendor's library."""

    def decode(self, wlt: bytes) -> Photo:
        """Raise NotDecodable."""
        raise NotDecodable("no_decoder")


class Library:
    """The vendor's library, loaded when a lease first needs it. It runs in the card worker's sandbox."""

    def __init__(self, config: PhotoConfig) -> None:
        self._config = config
        self._library: ctypes.CDLL | None = None

    def decode(self, wlt: bytes) -> Photo:
        """Return the picture in 1024 bytes; raise NotDecodable."""
        config = self._config
        if len(wlt) != WLT_BYTES:
            raise NotDecodable("wrong_length")
        function = self._function()
        picture = ctypes.create_string_buffer(config.buffer_bytes)
        try:
            source = ctypes.create_string_buffer(wlt, WLT_BYTES)
            if function(source, picture, *config.arguments) != config.success:
                raise NotDecodable("refused_by_decoder")
            return _bmp(picture.raw) if config.output == "bmp" else self._bare(picture.raw)
        finally:
            ctypes.memset(picture, 0, config.buffer_bytes)

    def _bare(self, raw: bytes) -> Photo:
        width, height = self._config.width, self._config.height
        return Photo(width, height, _rows(raw, width * 3, height, self._config.bottom_row_first, width * 3))

    def _function(self) -> "ctypes._NamedFuncPointer":
        try:
            self._library = self._library or ctypes.CDLL(self._config.library)
            function = self._library[self._config.symbol]
        except OSError:
            raise NotDecodable("library_not_loaded") from None
        except AttributeError:
            raise NotDecodable("no_such_function") from None
        function.restype = ctypes.c_int
        return function


def decoder_of(config: PhotoConfig | None) -> Decoder:
    """Return the decoder that is configured."""
    return NoDecoder() if config is None else Library(config)


def hand_over(fd: int, photo: Photo) -> None:
    """Write a picture into the lease's socket, as edge.vision.feed reads it; NotDecodable if nobody takes it.

    The descriptor stays the caller's.
    """
    header = json.dumps({"w": photo.width, "h": photo.height}).encode() + b"\n"
    with contextlib.closing(socket.socket(fileno=os.dup(fd))) as out:
        out.settimeout(_SEND_S)
        try:
            out.sendall(header + photo.pixels)
        except OSError:
            raise NotDecodable("not_taken") from None


def _bmp(raw: bytes) -> Photo:
    """Return the pixels of an uncompressed BMP of 24 bits."""
    magic, _, _, _, start, _, width, height, planes, bits = _BMP_HEAD.unpack_from(raw)
    stride = -(-width * 3 // 4) * 4 if width > 0 else 0
    fits = 0 < width <= 640 and 0 < abs(height) <= 640 and start + stride * abs(height) <= len(raw)
    if (magic, planes, bits) != (b"BM", 1, 24) or not fits:
        raise NotDecodable("no_picture")
    return Photo(width, abs(height), _rows(raw[start:], stride, abs(height), height > 0, width * 3))


def _rows(raw: bytes, stride: int, height: int, bottom_first: bool, used: int) -> bytes:
    rows = [raw[at * stride : at * stride + used] for at in range(height)]
    return b"".join(reversed(rows) if bottom_first else rows)
