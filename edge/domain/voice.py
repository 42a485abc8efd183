"""Speech quality by the E-model (ITU-T G.107), and the form of a recording; pure, never touches audio.

R runs from 0 to about 93.2, the value of a perfect narrowband call under the standard's default
parameters; what this box can't measure (noise, echo paths, handsets) keeps those defaults.
"""

import math
from dataclasses import dataclass

SAMPLE_RATE = 8000
"""Samples a second of a recording."""
CHANNELS = 2
"""Interleaved: the caller first, then what the caller was given to hear."""
SAMPLE_BYTES = 2
"""Signed 16-bit, little-endian."""
BYTES_PER_MS = SAMPLE_RATE * CHANNELS * SAMPLE_BYTES // 1000

_G711_BPL = 25.1
"""Robustness of G.711 with packet loss concealment against random loss (G.113, Appendix I)."""
_G711_IE = 0.0


@dataclass(frozen=True, slots=True)
class _Line:
    """Default parameters of G.107, Table 2 (dB, dBm0p, dBmp, ms as in the standard)."""

    slr: float = 8.0
    rlr: float = 2.0
    stmr: float = 15.0
    lstr: float = 18.0
    ds: float = 3.0
    telr: float = 65.0
    wepl: float = 110.0
    qdu: float = 1.0
    nc: float = -70.0
    nfor: float = -64.0
    ps: float = 35.0
    pr: float = 35.0


_DEFAULT = _Line()


def rating(delay_ms: float, loss: float, burst_ratio: float = 1.0) -> float:
    """Return the transmission rating R of a G.711 call.

    `delay_ms` is the one-way delay mouth to ear, `loss` the share of packets lost (0 to 1), and
    `burst_ratio` the mean length of observed bursts over that of random loss (at least 1).
    """
    line = _DEFAULT
    noise = _noise(line)
    signal = 15 - 1.5 * (line.slr + noise)
    impairment = _simultaneous(line, signal, noise) + _delay(line, signal, noise, max(0.0, delay_ms))
    return signal - impairment - _equipment(loss, max(1.0, burst_ratio))


def mos(r: float) -> float:
    """Return the mean opinion score (1 to 4.5) that a rating stands for (G.107, Annex B)."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def _equipment(loss: float, burst_ratio: float) -> float:
    """Ie,eff (7-29): what the codec suffers from packet loss, in percent there."""
    percent = 100 * min(max(loss, 0.0), 1.0)
    if percent == 0:
        return _G711_IE
    return _G711_IE + (95 - _G711_IE) * percent / (percent / burst_ratio + _G711_BPL)


def _noise(line: _Line) -> float:
    """No (7-3 to 7-7): power sum of circuit, room and floor noise at the 0 dBr point."""
    at_sender = (
        line.ps - line.slr - line.ds - 100 + 0.004 * (line.ps - (line.slr + line.rlr) - line.ds - 14) ** 2
    )
    heard = line.pr + 10 * math.log10(1 + 10 ** ((10 - line.lstr) / 10))
    at_receiver = line.rlr - 121 + heard + 0.008 * (heard - 35) ** 2
    floor = line.nfor + line.rlr
    return 10 * math.log10(sum(10 ** (n / 10) for n in (line.nc, at_sender, at_receiver, floor)))


def _simultaneous(line: _Line, signal: float, noise: float) -> float:
    """Is (7-8 to 7-17): too loud a connection, sidetone, quantising."""
    loud = (line.slr + line.rlr) + 0.2 * (64 + noise - line.rlr)
    level = 20 * ((1 + (loud / 8) ** 8) ** (1 / 8) - loud / 8)
    # Without delay of its own the sidetone path is unchanged but for the echo's share (T = 0 there).
    side = -10 * math.log10(10 ** (-line.stmr / 10) + 10 ** (-line.telr / 10))
    sidetone = (
        12 * (1 + ((side - 13) / 6) ** 8) ** (1 / 8)
        - 28 * (1 + ((side + 1) / 19.4) ** 35) ** (1 / 35)
        - 13 * (1 + ((side - 3) / 33) ** 13) ** (1 / 13)
        + 29
    )
    q = 37 - 15 * math.log10(line.qdu)
    g = 1.07 + 0.258 * q + 0.0602 * q**2
    y = (signal - 100) / 15 + 46 / 8.4 - g / 9
    z = 46 / 30 - g / 40
    return float(level + sidetone + 15 * math.log10(1 + 10**y + 10**z))


def _delay(line: _Line, signal: float, noise: float, ms: float) -> float:
    """Id (7-18 to 7-28): echo to the talker, echo to the listener, and delay as such."""
    return _talker_echo(line, noise, ms) + _listener_echo(line, signal, ms) + _pure_delay(ms)


def _talker_echo(line: _Line, noise: float, ms: float) -> float:
    terv = line.telr - 40 * math.log10((1 + ms / 10) / (1 + ms / 150)) + 6 * math.exp(-0.3 * ms**2)
    roe = -1.5 * (noise - line.rlr)
    re = 80 + 2.5 * (terv - 14)
    half = (roe - re) / 2
    return (half + math.sqrt(half**2 + 100) - 1) * (1 - math.exp(-ms))


def _listener_echo(line: _Line, signal: float, ms: float) -> float:
    rle = 10.5 * (line.wepl + 7) * (2 * ms + 1) ** -0.25
    half = (signal - rle) / 2
    return float(half + math.sqrt(half**2 + 169))


def _pure_delay(ms: float) -> float:
    if ms <= 100:
        return 0.0
    x = math.log2(ms / 100)
    return float(25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2))
