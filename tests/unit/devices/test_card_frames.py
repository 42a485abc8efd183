"""Frames of the card terminal: round trips, the published bytes, noise, damage, cutting into pieces."""

from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.devices._card import commands
from edge.devices._card.commands import Command, Reading, Status, newest_address, sam_id, set_baud, status_of
from edge.devices._card.frames import MAX_RESPONSE, PREAMBLE, FrameBuffer, Request, Response, checksum
from edge.domain.errors import ProtocolError
from edge.domain.idcard import TEXT_BYTES, CardKind
from scripts.fuzz_card import LONG, fuzz

HEX = bytes.fromhex
requests = st.builds(Request, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40))
responses = st.builds(
    Response,
    st.binary(min_size=3, max_size=3),
    st.binary(max_size=60) | st.binary(min_size=1000, max_size=1300),
)
# Noise that looks like frames: random bytes alone would hit a preamble once in 2^40.
noise = st.lists(
    st.sampled_from([PREAMBLE, PREAMBLE[:3], b"\xaa", b"\x00\x04\x00\x00\x90", b"\x09\x0a", b"\x05\x08"])
    | st.binary(max_size=30),
    max_size=20,
).map(b"".join)


def fed_whole(data: bytes) -> list[Response]:
    return FrameBuffer().feed(data)


def fed_in(data: bytes, cuts: list[int]) -> tuple[list[Response], FrameBuffer]:
    buffer, found, start = FrameBuffer(), [], 0
    for end in [*sorted(c % (len(data) + 1) for c in cuts), len(data)]:
        found += buffer.feed(data[start:end])
        start = end
    return found, buffer


# ---- the published bytes -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "published"),
    [
        (commands.RESET, "00 03 10 FF EC"),
        (commands.STATUS, "00 03 11 FF ED"),
        (commands.SAM_ID, "00 03 12 FF EE"),
        (commands.FIND, "00 03 20 01 22"),
        (commands.SELECT, "00 03 20 02 21"),
        (commands.READ_BASE, "00 03 30 01 32"),
        (commands.READ_FINGERPRINT, "00 03 30 10 23"),
        (commands.READ_ADDRESS, "00 03 30 03 30"),
        (set_baud(115200), "00 03 60 00 63"),
        (set_baud(9600), "00 03 60 04 67"),
    ],
)
def test_requests_are_the_published_bytes(command: Command, published: str) -> None:
    assert command.request.to_bytes() == PREAMBLE + HEX(published)


@pytest.mark.parametrize(
    ("command", "published", "status"),
    [
        (commands.STATUS, "00 04 00 00 90 94", Status.DONE),
        (commands.STATUS, "00 04 00 00 60 64", Status.SELF_TEST_FAILED),
        (commands.FIND, "00 08 00 00 9F 00 00 00 00 97", Status.FOUND),
        (commands.FIND, "00 04 00 00 80 84", Status.FIND_FAILED),
        (commands.SELECT, "00 0C 00 00 90 00 00 00 00 00 00 00 00 9C", Status.DONE),
        (commands.SELECT, "00 04 00 00 81 85", Status.SELECT_FAILED),
        (commands.READ_BASE, "00 04 00 00 41 45", Status.READ_FAILED),
    ],
)
def test_published_answers_are_understood_and_by_their_command_only(
    command: Command, published: str, status: Status
) -> None:
    response = Response.from_bytes(PREAMBLE + HEX(published))
    assert status_of(response) is status
    assert command.accepts(response)
    if status in (Status.FOUND, Status.FIND_FAILED, Status.SELECT_FAILED):
        others = (commands.STATUS, commands.FIND, commands.SELECT, commands.READ_BASE, commands.READ_ADDRESS)
        assert [c for c in others if c.accepts(response)] == [command]


def test_an_unknown_baud_rate_is_refused() -> None:
    with pytest.raises(ValueError):
        set_baud(14400)


def test_a_read_is_1295_bytes_and_2321_with_fingerprint() -> None:
    base = HEX("0100 0400") + bytes(range(256)) + bytes(1024)
    frame = Response(b"\x00\x00\x90", base).to_bytes()
    assert (len(frame), frame[5:7]) == (1295, HEX("0508"))
    assert Reading.from_response(Response.from_bytes(frame)).text == bytes(range(256))
    full = HEX("0100 0400 0400") + bytes(range(256)) + bytes(2048)
    frame = Response(b"\x00\x00\x90", full).to_bytes()
    assert (len(frame), frame[5:7]) == (2321, HEX("090A"))
    assert commands.READ_FINGERPRINT.accepts(Response.from_bytes(frame))
    assert Reading.from_response(Response.from_bytes(frame)).text == bytes(range(256))


def test_of_a_read_only_the_text_is_kept() -> None:
    photo = b"\x5a" * 1024
    reading = Reading.from_response(Response(b"\x00\x00\x90", HEX("0100 0400") + b"T\x00" * 128 + photo))
    assert reading == Reading(b"T\x00" * 128)
    assert "T" not in repr(reading).removeprefix("Reading")


@given(st.binary(max_size=1300))
def test_other_parts_are_a_protocol_error(data: bytes) -> None:
    try:
        assert len(Reading.from_response(Response(b"\x00\x00\x90", data)).text) == TEXT_BYTES
    except ProtocolError:
        return


def test_sam_id_and_newest_address() -> None:
    body = HEX("0500 0100 00A23301 40E20100 B168DE3A")
    assert sam_id(Response(b"\x00\x00\x90", body)) == "5.1-20161024-0000123456-0987654321"
    assert newest_address(Response(b"\x00\x00\x91")) is None
    raw = "北京市新址".ljust(35).encode("utf-16-le")
    assert newest_address(Response(b"\x00\x00\x90", raw)) == "北京市新址"
    for bad in (
        Response(b"\x00\x00\x90", b"\x00\xd8" * 35),
        Response(b"\x00\x00\x90", raw[:-2]),
        Response(b"\x00\x00\x41"),
    ):
        with pytest.raises(ProtocolError):
            newest_address(bad)


# ---- round trips ---------------------------------------------------------------------------


@given(st.binary(max_size=2000))
def test_the_checksum_is_the_xor_of_all_bytes(data: bytes) -> None:
    assert checksum(data) == reduce(xor, data, 0)


@given(requests)
def test_requests_round_trip(request_: Request) -> None:
    assert Request.from_bytes(request_.to_bytes()) == request_


@given(responses)
def test_responses_round_trip(response: Response) -> None:
    assert Response.from_bytes(response.to_bytes()) == response
    assert checksum(response.to_bytes()[5:]) == 0


@given(responses, st.data())
def test_a_frame_with_one_changed_byte_is_no_frame(response: Response, data: st.DataObject) -> None:
    frame = bytearray(response.to_bytes())
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProtocolError):
        Response.from_bytes(bytes(frame))


@given(st.binary(max_size=64))
def test_no_bytes_break_the_decoders(data: bytes) -> None:
    for decode in (Request.from_bytes, Response.from_bytes):
        try:
            assert decode(data).to_bytes() == data
        except ProtocolError:
            continue


# ---- the stream ----------------------------------------------------------------------------


@given(st.lists(responses, max_size=4), noise)
def test_good_frames_are_found_after_noise_that_holds_no_preamble(sent: list[Response], junk: bytes) -> None:
    calm = junk.replace(b"\xaa", b"\x55")
    stream = b"".join(calm + response.to_bytes() for response in sent) + calm
    buffer = FrameBuffer()
    assert buffer.feed(stream) == sent
    assert buffer.skipped + len(buffer) == len(calm) * (len(sent) + 1)


@given(noise, st.lists(responses, max_size=2), noise, st.lists(st.integers(0, 10_000), max_size=30))
def test_pieces_give_what_the_whole_gives(
    before: bytes, sent: list[Response], after: bytes, cuts: list[int]
) -> None:
    stream = before + b"".join(r.to_bytes() for r in sent) + after
    whole = fed_whole(stream)
    assert fed_in(stream, cuts)[0] == whole
    single: list[Response] = []
    buffer = FrameBuffer()
    for byte in stream:
        single += buffer.feed(bytes([byte]))
    assert single == whole


@given(noise)
def test_noise_is_never_an_exception_and_the_buffer_stays_bounded(junk: bytes) -> None:
    buffer = FrameBuffer()
    for response in buffer.feed(junk * 5) + buffer.abandon():
        assert response.to_bytes() in junk * 5  # only what really is there, checksum and all
    assert len(buffer) < 7
    buffer.feed(PREAMBLE + b"\x09\x0a" + junk * 50)
    assert len(buffer) <= 7 + MAX_RESPONSE


@given(responses, responses, st.data())
def test_after_a_damaged_frame_the_next_good_one_is_read(
    bad: Response, good: Response, data: st.DataObject
) -> None:
    frame = bytearray(bad.to_bytes())
    at = data.draw(st.integers(0, len(frame) - 1).filter(lambda at: at not in (5, 6)))
    frame[at] ^= data.draw(st.integers(1, 255))
    assert FrameBuffer().feed(bytes(frame) + good.to_bytes()) == [good]


@given(responses, responses, st.sampled_from((5, 6)), st.integers(1, 255))
def test_after_a_damaged_length_the_next_good_one_is_read_once_the_line_is_quiet(
    bad: Response, good: Response, at: int, bits: int
) -> None:
    frame = bytearray(bad.to_bytes())
    frame[at] ^= bits
    stream = bytes(frame) + good.to_bytes()
    buffer = FrameBuffer()
    found = buffer.feed(stream) + buffer.abandon()
    # Where a wrong length happens to end on a fitting checksum (1 in 256) that is what is found.
    assert found
    assert good in found or found[0].to_bytes() in stream


@given(responses)
def test_half_a_frame_given_up_hides_nothing(response: Response) -> None:
    frame = response.to_bytes()
    buffer = FrameBuffer()
    assert buffer.feed(frame[:-1] + frame) + buffer.abandon() == [response]


@given(st.binary(max_size=8), noise)
def test_clearing_forgets_the_unfinished_frame(part: bytes, junk: bytes) -> None:
    buffer = FrameBuffer()
    buffer.feed(junk + PREAMBLE + b"\x00\x20" + part)
    buffer.clear()
    good = Response(b"\x00\x00\x90")
    assert buffer.feed(good.to_bytes()) == [good]


def test_the_campaign_in_its_short_form_holds() -> None:
    held, figures = fuzz(600_000, seed=11)
    assert held, figures
    assert (
        figures["good_frames_found"] + figures["good_frames_swallowed"] == figures["good_frames_sent"] > 100
    )
    assert figures["reads_confirmed_true"] > 10
    assert all(figures[f"reads_of_{kind}"] > 0 for kind in CardKind), "every layout took part"


@pytest.mark.long
def test_the_campaign_at_full_length_holds() -> None:
    held, figures = fuzz(LONG, seed=1)
    assert held, figures
