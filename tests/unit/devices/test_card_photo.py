"""The decoder port: a vendor's library by configuration, none at all, and all that can be wrong with one."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge.devices._card.photo import (
    Library,
    NoDecoder,
    NotDecodable,
    Photo,
    PhotoConfig,
    decoder_of,
    hand_over,
)
from edge.vision.feed import read_pictures
from tests.fakes.photo_codec import HEIGHT, WIDTH, Picture, build, wlt

RAMP: Picture = np.arange(WIDTH * HEIGHT * 3, dtype=np.uint32).reshape(HEIGHT, WIDTH, 3).astype(np.uint8)
FORMS = [{}, {"symbol": "wlt_to_bmp", "arguments": [], "success": 0, "output": "bmp"}]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("codec"), [RAMP, 255 - RAMP])


def decoder(path: Path, **change: object) -> Library:
    return Library(PhotoConfig.model_validate({"library": str(path)} | change))


def code_of(one: Library | NoDecoder, data: bytes) -> str:
    with pytest.raises(NotDecodable) as caught:
        one.decode(data)
    return caught.value.code


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", [0, 1])
def test_pixels_come_out_with_the_top_row_first(library: Path, form: dict[str, object], number: int) -> None:
    """Both forms that such libraries have: bare pixels from the bottom up, and a BMP with padded rows."""
    photo = decoder(library, **form).decode(wlt(number))
    assert (photo.width, photo.height) == (WIDTH, HEIGHT)
    expected = RAMP if number == 0 else 255 - RAMP
    assert photo.pixels == expected.tobytes()


@pytest.mark.parametrize("form", FORMS)
def test_what_the_library_refuses_is_not_decodable(library: Path, form: dict[str, object]) -> None:
    one = decoder(library, **form)
    assert code_of(one, bytes(1024)) == "refused_by_decoder"
    assert code_of(one, wlt(0)[:-1]) == "wrong_length"
    assert code_of(one, wlt(7)) == "refused_by_decoder"


def test_a_library_that_is_none(library: Path, tmp_path: Path) -> None:
    assert code_of(decoder(tmp_path / "nothing.so"), wlt(0)) == "library_not_loaded"
    text = tmp_path / "text.so"
    text.write_text("not a library")
    assert code_of(decoder(text), wlt(0)) == "library_not_loaded"
    assert code_of(decoder(library, symbol="no_such_thing"), wlt(0)) == "no_such_function"
    assert code_of(decoder(library, output="bmp"), wlt(0)) == "no_picture"


def test_without_a_library_nothing_is_decodable() -> None:
    assert isinstance(decoder_of(None), NoDecoder)
    assert code_of(NoDecoder(), wlt(0)) == "no_decoder"


def test_a_picture_goes_through_the_socket_as_a_recogniser_reads_it(library: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        hand_over(ours.fileno(), decoder(library).decode(wlt(0)))
        ours.shutdown(socket.SHUT_WR)
        theirs.settimeout(5)
        (picture,) = list(read_pictures(theirs, time.monotonic() + 5))
        assert (picture == RAMP).all()


def test_a_reader_that_is_gone_is_no_crash() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(NotDecodable, match="not_taken"):
        hand_over(ours.fileno(), Photo(16, 16, bytes(768)))


def test_nothing_is_written_anywhere(library: Path, tmp_path: Path) -> None:
    """The usual libraries save a file beside the caller when they are told to: they never are."""
    script = (
        "import sys; from pathlib import Path; from edge.devices._card.photo import Library, PhotoConfig\n"
        "from tests.fakes.photo_codec import wlt\n"
        f"assert Library(PhotoConfig(library={str(library)!r})).decode(wlt(0)).pixels"
    )
    root = str(Path(__file__).parents[3])

    subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=os.environ | {"PYTHONPATH": root}, check=True
    )
    assert list(tmp_path.iterdir()) == []


def test_neither_configuration_nor_photo_shows_pixels() -> None:
    assert "7777" not in repr(Photo(1, 1, b"7777"))
    for bad in ({"library": "lib.so"}, {"symbol": "a b"}, {"buffer_bytes": 1024}, {"colour": "red"}):
        with pytest.raises(ValueError):
            PhotoConfig.model_validate({"library": "/lib.so"} | bad)
