"""Loss and score are made of what was measured; without a packet there is neither."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.devices._sip.quality import Quality

counts = st.integers(0, 100_000)


def stat(
    packets: int, lost: int, *, burst_ms: float = 0, rtt_ms: float = 0, buffer_ms: int = 0
) -> SimpleNamespace:
    period = SimpleNamespace(n=1 if burst_ms else 0, mean=burst_ms * 1000)
    received = SimpleNamespace(pkt=packets, loss=lost, lossPeriodUsec=period)
    rtt = SimpleNamespace(n=1 if rtt_ms else 0, mean=rtt_ms * 1000)
    return SimpleNamespace(
        rtcp=SimpleNamespace(rxStat=received, rttUsec=rtt), jbuf=SimpleNamespace(avgDelayMsec=buffer_ms)
    )


def quality(*stats: SimpleNamespace) -> Quality:
    made = Quality()
    for one in stats:
        made.add(one)
    return made


def test_nothing_received_is_nothing_known() -> None:
    assert quality().loss_permille is None
    assert quality(stat(0, 0)).mos_x100 is None


def test_a_clean_call() -> None:
    clean = quality(stat(500, 0))
    assert (clean.loss_permille, clean.mos_x100) == (0, 440)


def test_streams_of_one_call_add_up() -> None:
    assert quality(stat(450, 50), stat(450, 50)).loss_permille == 100


def test_bursts_delay_and_buffer_each_cost() -> None:
    plain = quality(stat(950, 50)).mos_x100 or 0
    for worse in (stat(950, 50, burst_ms=200), stat(950, 50, rtt_ms=800), stat(950, 50, buffer_ms=400)):
        assert (quality(worse).mos_x100 or 0) < plain


@given(counts, counts, st.floats(0, 5000), st.floats(0, 5000), st.integers(0, 2000))
def test_whatever_was_measured_fits_the_message(
    packets: int, lost: int, burst: float, rtt: float, buffer: int
) -> None:
    made = quality(stat(packets, lost, burst_ms=burst, rtt_ms=rtt, buffer_ms=buffer))
    if packets == 0:
        assert made.loss_permille is made.mos_x100 is None
    else:
        assert made.loss_permille == pytest.approx(1000 * lost / (packets + lost), abs=0.51)
        assert 100 <= (made.mos_x100 or 0) <= 500
