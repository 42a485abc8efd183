"""What a caller says, as a capture file that sipp plays: speech, tones, keys (RFC 4733), chosen loss.

G.711 A-law, 20 ms a packet; one stream per call, so that loss in it is exactly what was chosen.
"""

import array
import math
import random
import struct
import subprocess
import warnings
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop  # part of Python 3.11, which this project pins

RATE = 8000
PACKET = 160
"""Samples in a packet: 20 ms."""
_PCMA = 8
_EVENT = 101
_SSRC = 0x6761_7465
_KEYS = "0123456789*#"


def tone(seconds: float, hertz: float = 440.0, level: int = 8000) -> bytes:
    """Return a sine as 16-bit mono PCM at 8 kHz."""
    wave_ = (int(level * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(int(seconds * RATE)))
    return array.array("h", wave_).tobytes()


def silence(seconds: float) -> bytes:
    """Return silence as 16-bit mono PCM at 8 kHz."""
    return bytes(2 * int(seconds * RATE))


def speech(text: str, voice: str = "cmn") -> bytes:
    """Return `text` spoken by espeak-ng as 16-bit mono PCM at 8 kHz."""
    spoken = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", "180", "--stdout", "--stdin"],
        input=text.encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    # espeak-ng can't know the length when it writes to a pipe: its header says so, its data are right.
    with wave.open(BytesIO(spoken.stdout)) as source:
        rate = source.getframerate()
    pcm = spoken.stdout[44:]
    return audioop.ratecv(pcm[: len(pcm) // 2 * 2], 2, 1, rate, RATE, None)[0]


def energy(pcm: bytes) -> float:
    """Return the root mean square of 16-bit samples."""
    return float(audioop.rms(pcm, 2)) if pcm else 0.0


def from_alaw(payload: bytes) -> bytes:
    """Return G.711 A-law as 16-bit PCM."""
    return audioop.alaw2lin(payload, 2)


def from_ulaw(payload: bytes) -> bytes:
    """Return G.711 mu-law as 16-bit PCM."""
    return audioop.ulaw2lin(payload, 2)


@dataclass(frozen=True)
class Key:
    """A key pressed `at` seconds after the answer, for 160 ms."""

    name: str
    at: float


def capture(path: Path, pcm: bytes, keys: Sequence[Key] = (), *, loss: float = 0.0, seed: int = 1) -> int:
    """Write `pcm` and `keys` as a capture file; return how many packets `loss` (a share) took out of it."""
    packets = _packets(pcm, keys)
    chosen = random.Random(seed)
    inner = range(1, len(packets) - 1)  # a loss at an end shows to nobody
    lost = set(chosen.sample(inner, round(loss * len(packets))))
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, (millis, packet) in enumerate(packets):
            if number not in lost:
                out.write(_frame(millis, packet))
    return len(lost)


def _packets(pcm: bytes, keys: Sequence[Key]) -> list[tuple[int, bytes]]:
    """Return (milliseconds, RTP packet) in order; while a key is down its events replace the audio."""
    encoded = audioop.lin2alaw(pcm, 2)
    pressed = {int(key.at * 50) + n: (key, n) for key in keys for n in range(10)}
    made = []
    for number in range(len(encoded) // PACKET):
        stamp = number * PACKET
        if number in pressed:
            key, n = pressed[number]
            # Eight packets of 20 ms; the last one three times over with the end bit (RFC 4733, 2.5.1.4).
            event = struct.pack(
                ">BBH", _KEYS.index(key.name), 0x8A if n > 6 else 0x0A, min(n + 1, 8) * PACKET
            )
            made.append((number, _EVENT | (0x80 if n == 0 else 0), stamp - n * PACKET, event))
        else:
            made.append((number, _PCMA, stamp, encoded[stamp : stamp + PACKET]))
    return [
        (number * 20, struct.pack(">BBHII", 0x80, kind, number + 1, stamp, _SSRC) + payload)
        for number, kind, stamp, payload in made
    ]


def _frame(millis: int, rtp: bytes) -> bytes:
    udp = struct.pack(">HHHH", 6000, 6000, 8 + len(rtp), 0) + rtp
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    ethernet = bytes(12) + b"\x08\x00" + ip + udp
    return struct.pack("<IIII", millis // 1000, millis % 1000 * 1000, len(ethernet), len(ethernet)) + ethernet
