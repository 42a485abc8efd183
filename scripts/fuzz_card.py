#!/usr/bin/env python3
"""Feeds the card protocol with noise and damaged frames, and counts what gets through; needs no device.

    scripts/fuzz_card.py [--long | --bytes 600000] [--seed 1]      --long: 10,000,000 bytes

Cards of all four layouts. Four campaigns: a stream of noise, damaged and good frames into the frame buffer,
and the same cut differently; noise alone; whole reads over a line that damages half of all frames; texts with
a few bytes changed under a checksum that fits again. Prints one JSON line of figures
and exits 1 if anything raised, a good frame was missed, pieces gave something else than the whole, or
a false card was confirmed by two reads.
"""

import argparse
import json
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).parents[1]))

from edge.devices._card.commands import FIND, READ_BASE, SELECT, Command, Reading
from edge.devices._card.frames import PREAMBLE, FrameBuffer, Response
from edge.devices._card.line import Line, NotHeard
from edge.devices._card.reader import NotRead, Reader
from edge.domain.errors import InvalidInput, ProtocolError
from edge.domain.idcard import CardKind, kind_of_number, parse_text
from edge.domain.idnumber import check_digit, check_letter
from scripts.site.card_terminal import card_text

DONE = b"\x00\x00\x90"
LENGTHS = struct.pack(">HH", 256, 1024)
LONG = 10_000_000


FOREIGN_NUMERIC = {"CAN": "124", "SAU": "682", "USA": "840", "DEU": "276"}


def card_response(rng: random.Random) -> Response:
    """Return a valid card of any of the four layouts as the terminal would send it."""
    kind = rng.choice(list(CardKind))
    born = f"{rng.randint(1930, 2010)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    fields = {
        "name": "".join(chr(rng.randint(0x4E00, 0x9FA5)) for _ in range(3)),
        "sex": rng.choice("0129"),
        "birth": born,
        "valid_from": "20150101",
        "valid_until": "20350101",
    } | _of_kind(kind, born, rng)
    return Response(DONE, LENGTHS + card_text(fields) + rng.randbytes(1024))


def _of_kind(kind: CardKind, born: str, rng: random.Random) -> dict[str, str]:
    """Return the fields that only cards of this kind have, as the protocol lays them out."""
    number = _number(kind, born, rng)
    if kind in (CardKind.RESIDENT, CardKind.PERMIT):
        fields = {"number": number, "address": "北京市某路1号", "issuer": "北京市公安局"}
        return fields | (
            {"nation": "01"} if kind is CardKind.RESIDENT else {"type": "J", "pass_number": "H12345678"}
        )
    name = "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ ,-") for _ in range(rng.randint(1, 34)))
    letter = "I" if kind is CardKind.FOREIGNER_2017 else "Y"
    return {
        "number": number,
        "english_name": "X" + name,
        "country": rng.choice(list(FOREIGN_NUMERIC)),
        "type": letter,
    }


def _number(kind: CardKind, born: str, rng: random.Random) -> str:
    order, country = f"{rng.randint(0, 999):03d}", rng.choice(list(FOREIGN_NUMERIC))
    if kind is CardKind.FOREIGNER_2017:
        digits = f"{country}1100{born[2:]}{order[0]}"
        return digits + check_digit(digits)
    place = {CardKind.RESIDENT: "110105", CardKind.PERMIT: rng.choice(("810000", "820000", "830000"))}
    digits = place.get(kind, "911" + FOREIGN_NUMERIC[country]) + born + order
    return digits + check_letter(digits)


def damaged(frame: bytes, rng: random.Random) -> bytes:
    """Return `frame` with one of the damages that lines do."""
    at = rng.randrange(len(frame))
    kind = rng.randrange(5)
    if kind == 0:
        return frame[:at] + bytes([frame[at] ^ rng.randint(1, 255)]) + frame[at + 1 :]
    if kind == 1:
        return frame[:at] + frame[at + 1 :]
    if kind == 2:
        return frame[:at] + rng.randbytes(1) + frame[at:]
    if kind == 3:
        return frame[:at]
    size = min(rng.randint(2, 40), len(frame) - at)
    return frame[:at] + rng.randbytes(size) + frame[at + size :]


def junk(rng: random.Random) -> bytes:
    """Return noise, half of it looking like the beginning of frames."""
    if rng.random() < 0.5:
        return rng.randbytes(rng.randint(1, 200))
    return (
        PREAMBLE
        + struct.pack(">H", rng.choice((0, 3, 4, 8, 0x508, 0x90A, 0xFFFF)))
        + rng.randbytes(rng.randint(0, 9))
    )


def text_in(response: Response) -> bytes | None:
    """Return the text of a response that would be accepted as a read."""
    if not READ_BASE.accepts(response) or response.status != DONE:
        return None
    try:
        text = Reading.from_response(response).text
        parse_text(text)
    except (ProtocolError, InvalidInput):
        return None
    return text


def stream_campaign(size: int, rng: random.Random, figures: Counter[str]) -> bool:
    """Feed about `size` bytes; return whether nothing was missed and cutting made no difference."""
    whole, pieces, fine, fed = FrameBuffer(), FrameBuffer(), True, 0
    while fed < size:
        response = card_response(rng)
        good = response.to_bytes()
        # What precedes the good frame may swallow its beginning; silence on the line gives it back.
        prefix = junk(rng) if rng.random() < 0.5 else damaged(good, rng)
        found = whole.feed(prefix + good) + whole.abandon()
        cut: list[Response] = []
        at, data = 0, prefix + good
        while at < len(data):
            step = rng.choice((1, 2, 7, 64, 500))
            cut += pieces.feed(data[at : at + step])
            at += step
        cut += pieces.abandon()
        fed += len(data)
        # A frame that lost a byte borrows the next one's first as its checksum: 1 in 256 fits.
        swallowed = response not in found and bool(found)
        fine = fine and (response in found or swallowed) and cut == found
        figures["good_frames_swallowed"] += swallowed
        figures["good_frames_sent"] += 1
        figures["good_frames_found"] += response in found
        figures["damaged_frames_past_the_checksum"] += sum(r != response for r in found)
        figures["false_cards_by_one_read"] += sum(
            text_in(r) not in (None, text_in(response)) for r in found if r != response
        )
    figures["stream_bytes"] += fed
    return fine


def noise_campaign(size: int, rng: random.Random, figures: Counter[str]) -> bool:
    """Feed about `size` bytes with no good frame in them; return whether no card came out."""
    buffer, fed, cards = FrameBuffer(), 0, 0
    while fed < size:
        data = b"".join(junk(rng) for _ in range(50))
        found = buffer.feed(data)
        figures["frames_in_noise"] += len(found)
        cards += sum(text_in(r) is not None for r in found)
        fed += len(data)
    figures["noise_bytes"] += fed
    figures["cards_in_noise"] += cards
    return cards == 0


@dataclass
class DamagingLine:
    """A line on which half of all answers are damaged, and the terminal behind it."""

    rng: random.Random
    card: Response
    sent: int = 0

    def ask(self, command: Command, _cancelled: Callable[[], bool]) -> Response:
        answers = {
            READ_BASE: self.card,
            SELECT: Response(DONE, bytes(8)),
            FIND: Response(b"\x00\x00\x9f", bytes(4)),
        }
        frame = answers[command].to_bytes()
        if self.rng.random() < 0.5:
            frame = damaged(frame, self.rng)
        self.sent += len(frame)
        buffer = FrameBuffer()
        for response in buffer.feed(junk(self.rng) + frame) + buffer.abandon():
            if command.accepts(response):
                return response
        raise NotHeard(damaged=True)


def read_campaign(size: int, rng: random.Random, figures: Counter[str]) -> bool:
    """Read cards until about `size` bytes went over the line; return whether none was falsely confirmed."""
    sent = 0
    while sent < size:
        line = DamagingLine(rng, card_response(rng))
        true = parse_text(Reading.from_response(line.card).text)
        try:
            read = Reader(cast(Line, line), lambda: False).read(confirm=True)
        except (NotRead, NotHeard) as error:
            figures["reads_refused_" + getattr(error, "code", "garbled")] += 1
        else:
            kind = "confirmed" if read.confirmed_twice else "unconfirmed"
            figures[f"reads_{kind}_{'true' if read.card == true else 'false'}"] += 1
            figures[f"reads_of_{true.kind}"] += 1
        sent += line.sent
    figures["read_bytes"] += sent
    return figures["reads_confirmed_false"] == 0


def forged_campaign(size: int, rng: random.Random, figures: Counter[str]) -> bool:
    """Change bytes of texts so that the checksum fits again; return whether what is accepted holds in itself.

    One read can't tell such a text from a true one: that is what the second read is for.
    """
    fed, fine = 0, True
    while fed < size:
        response = card_response(rng)
        data = bytearray(response.data)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(4, 260)] ^= rng.randint(1, 255)
        text = text_in(Response.from_bytes(Response(DONE, bytes(data)).to_bytes()))
        if text is not None and text != text_in(response):
            card = parse_text(text)
            figures["forged_texts_that_hold"] += 1
            fine = fine and kind_of_number(card.number) is card.kind
        figures["forged_texts"] += 1
        fed += len(data)
    figures["forged_bytes"] += fed
    return fine


def fuzz(size: int, seed: int) -> tuple[bool, dict[str, float]]:
    """Run all campaigns over about `size` bytes; return whether all held, and the figures."""
    rng = random.Random(seed)
    figures: Counter[str] = Counter(
        {"reads_confirmed_false": 0, "cards_in_noise": 0, "false_cards_by_one_read": 0}
    )
    began = time.monotonic()
    held = [
        campaign(share, rng, figures)
        for campaign, share in (
            (stream_campaign, size * 4 // 10),
            (noise_campaign, size * 2 // 10),
            (read_campaign, size * 3 // 10),
            (forged_campaign, size // 10),
        )
    ]
    return all(held), dict(sorted(figures.items())) | {
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bytes", type=int, default=600_000)
    parser.add_argument("--long", action="store_true", help=f"{LONG:,} bytes")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    held, figures = fuzz(LONG if given.long else given.bytes, given.seed)
    print(json.dumps({"ok": held} | figures))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
