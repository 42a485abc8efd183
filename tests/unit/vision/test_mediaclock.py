"""When a picture was filmed: bursts, drifting and broken time stamps, and what they do to a head count."""

import json
import random
from itertools import pairwise

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.vision.decode import to_bgr
from edge.vision.detect import Detector, Face
from edge.vision.mediaclock import LATEST_S, MediaClock
from edge.vision.track import EntryCounter
from scripts.site.cameras import film


def test_pictures_of_a_burst_are_as_far_apart_as_they_were_filmed() -> None:
    clock = MediaClock()
    calm = [clock.filmed(at / 25, 100 + at / 25) for at in range(25)]
    late = [clock.filmed(at / 25, 103.0) for at in range(25, 75)]
    apart = [b - a for a, b in pairwise(calm + late)]
    assert apart == pytest.approx([0.04] * len(apart), abs=0.005)


def test_a_slow_quartz_never_makes_a_picture_old() -> None:
    """50 parts in a million over two days."""
    clock = MediaClock()
    for second in range(0, 2 * 86_400, 10):
        arrival = second * 1.00005
        assert arrival - clock.filmed(float(second), arrival) < 0.1


@pytest.mark.parametrize("stamps", [[None] * 50, [7.0] * 50, [50.0 - at for at in range(50)]])
def test_without_usable_stamps_the_time_of_arrival_counts(stamps: list[float | None]) -> None:
    clock = MediaClock()
    assert [clock.filmed(one, float(at)) for at, one in enumerate(stamps)] == [float(at) for at in range(50)]


def test_a_clock_that_was_set_is_followed_at_once() -> None:
    clock = MediaClock()
    clock.filmed(1000.0, 1.0)
    assert clock.filmed(1000.0 - 500, 1.2) == pytest.approx(1.2)
    assert clock.filmed(9000.0, 1.4) == pytest.approx(1.4)
    assert clock.filmed(9000.2, 1.6) == pytest.approx(1.6, abs=0.01)


@given(
    st.lists(
        st.tuples(st.none() | st.floats(-1e6, 1e6), st.floats(0, 10)),
        min_size=1,
        max_size=60,
    )
)
def test_never_in_the_future_never_backwards_never_long_ago(steps: list[tuple[float | None, float]]) -> None:
    clock, arrival, last = MediaClock(), 1000.0, float("-inf")
    for stamp, passed in steps:
        arrival += passed
        at = clock.filmed(stamp, arrival)
        assert last <= at <= arrival
        assert arrival - at <= LATEST_S + 1e-6
        last = at


@pytest.fixture(scope="module")
def seen(detector: Detector) -> list[list[Face]]:
    """The faces in each picture of the entrance film."""
    with av.open(str(film("entrance"))) as container:
        return [detector.detect(to_bgr(picture)) for picture in container.decode(video=0)]


@pytest.mark.parametrize("seed", range(8))
def test_pictures_that_come_in_bursts_neither_lose_nor_double_a_person(
    seen: list[list[Face]], seed: int
) -> None:
    """Two rounds of the film, with stalls of up to 2.5 s at random: counted as when nothing stalls.

    By times of arrival 36 of 60 such rounds were counted wrong, from 17 to 21.
    """
    truth = 2 * len(json.loads(film("entrance").with_suffix(".json").read_text())["people"])
    rng, clock, counter = random.Random(seed), MediaClock(), EntryCounter()
    stalled_until, given, counted = 0.0, float("-inf"), 0
    for at in range(2 * len(seen)):
        filmed = at / 25
        if filmed > stalled_until and rng.random() < 0.01:
            stalled_until = filmed + rng.uniform(0.3, 2.5)
        now = clock.filmed(filmed, 500.0 + max(filmed, stalled_until))
        if now - given >= 0.18:
            given = now
            counted += counter.update(seen[at % len(seen)], now)
    assert counted == truth
