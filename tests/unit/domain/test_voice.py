"""The E-model against the values that ITU-T G.107 and G.113 themselves give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.voice import BYTES_PER_MS, mos, rating

shares = st.floats(0, 1)
delays = st.floats(0, 2000)


def test_default_parameters_give_the_standards_rating_and_score() -> None:
    """G.107, clause 7.7: all parameters at their defaults give R = 93.2, MOS 4.41."""
    assert rating(0, 0) == pytest.approx(93.2, abs=0.05)
    assert mos(93.2) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(("r", "score"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_the_table_of_annex_b(r: float, score: float) -> None:
    """G.107, Table B.1: lower limits of R and MOS for the five categories of satisfaction."""
    assert mos(r) == pytest.approx(score, abs=0.01)


@pytest.mark.parametrize(("r", "score"), [(-5, 1.0), (0, 1.0), (100, 4.5), (120, 4.5)])
def test_the_scale_ends_where_annex_b_ends_it(r: float, score: float) -> None:
    assert mos(r) == score


@pytest.mark.parametrize(("percent", "impairment"), [(1, 3.64), (2, 7.01), (5, 15.78), (10, 27.07)])
def test_random_loss_impairs_g711_as_7_29_says(percent: float, impairment: float) -> None:
    """Ie,eff = Ie + (95 - Ie) * Ppl / (Ppl / BurstR + Bpl) with G.113's Ie = 0, Bpl = 25.1."""
    assert rating(0, 0) - rating(0, percent / 100) == pytest.approx(impairment, abs=0.01)


@pytest.mark.parametrize(
    ("ms", "lowest", "highest"), [(100, 90, 92), (150, 88, 91), (250, 77, 81), (400, 59, 64)]
)
def test_delay_follows_the_curve_of_g114(ms: float, lowest: float, highest: float) -> None:
    """G.114, figure 1 (drawn with this model): at 150 ms very satisfied, at 400 ms many dissatisfied."""
    assert lowest < rating(ms, 0) < highest


@given(delays, shares, shares)
def test_more_loss_never_sounds_better(ms: float, one: float, other: float) -> None:
    assert rating(ms, max(one, other)) <= rating(ms, min(one, other))


# Below 10 ms the standard's own curve for talker echo rises by less than 0.1 before it falls.
@given(shares, st.floats(10, 2000), st.floats(10, 2000))
def test_more_delay_never_sounds_better(loss: float, one: float, other: float) -> None:
    assert rating(max(one, other), loss) <= rating(min(one, other), loss) + 1e-6


@given(shares, st.floats(1, 50))
def test_bursts_are_worse_than_random_loss(loss: float, ratio: float) -> None:
    assert rating(0, loss, ratio) <= rating(0, loss) + 1e-9


@given(delays, st.floats(-1, 2), st.floats(0, 100))
def test_a_score_is_always_on_the_scale(ms: float, loss: float, ratio: float) -> None:
    assert 1 <= mos(rating(ms, loss, ratio)) <= 4.5


def test_a_millisecond_of_a_recording_is_whole_samples() -> None:
    assert BYTES_PER_MS == 32
