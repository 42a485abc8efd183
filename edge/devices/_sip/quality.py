"""Makes loss and an E-model score of the library's stream statistics; never guesses what it lacks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.domain.voice import mos, rating

if TYPE_CHECKING:
    import pjsua2

_PACKET_MS = 20


@dataclass
class Quality:
    """What one call's streams received; None for everything as long as nothing came."""

    received: int = 0
    lost: int = 0
    _burst_packets: float = 0.0
    _delay_ms: float = 0.0

    def add(self, stat: "pjsua2.StreamStat") -> None:
        """Add one ended stream (pjsua2.StreamStat)."""
        received = stat.rtcp.rxStat
        self.received += received.pkt
        self.lost += received.loss
        if received.lossPeriodUsec.n:
            self._burst_packets = max(self._burst_packets, received.lossPeriodUsec.mean / 1000 / _PACKET_MS)
        round_trip_ms = stat.rtcp.rttUsec.mean / 1000 if stat.rtcp.rttUsec.n else 0.0
        self._delay_ms = max(self._delay_ms, round_trip_ms / 2 + stat.jbuf.avgDelayMsec + _PACKET_MS)

    @property
    def loss(self) -> float | None:
        """Share of the packets sent to us that didn't come (0 to 1)."""
        expected = self.received + self.lost
        return self.lost / expected if self.received else None

    @property
    def loss_permille(self) -> int | None:
        """The same, in thousandths."""
        return None if self.loss is None else min(1000, round(1000 * self.loss))

    @property
    def mos_x100(self) -> int | None:
        """Hundred times the mean opinion score of what we heard of the caller."""
        if self.loss is None:
            return None
        # G.107: observed burst length over the one that random loss of the same share would have.
        burst_ratio = self._burst_packets * (1 - self.loss) if self._burst_packets else 1.0
        return round(100 * mos(rating(self._delay_ms, self.loss, burst_ratio)))
