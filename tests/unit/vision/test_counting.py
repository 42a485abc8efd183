"""Counting people at an entrance: intervals, tracks, and the whole path on a film with a known truth."""

import json
import threading
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ipc.driver import Frame
from edge.ipc.messages import FromWorker, Headcount
from edge.vision.decode import to_bgr
from edge.vision.detect import Detector, Face
from edge.vision.entrance import EntranceCount
from edge.vision.interval import Intervals
from edge.vision.track import EntryCounter
from scripts.site.cameras import film


def face(x: float, y: float = 100, size: float = 60) -> Face:
    box = np.array([x, y, x + size, y + size * 1.3], np.float32)
    return Face(box, np.zeros((5, 2), np.float32), 0.9)


def walk(counter: EntryCounter, *pictures: list[Face], start: float = 0.0, every: float = 0.2) -> int:
    return sum(counter.update(faces, start + at * every) for at, faces in enumerate(pictures))


def test_one_person_walking_is_one() -> None:
    assert walk(EntryCounter(), *([face(20 * at)] for at in range(15))) == 1


def test_two_who_walk_side_by_side_are_two() -> None:
    assert walk(EntryCounter(), *([face(15 * at), face(15 * at + 200)] for at in range(12))) == 2


def test_two_whose_ways_cross_are_two() -> None:
    pictures = [[face(40 * at, y=100), face(480 - 40 * at, y=180)] for at in range(13)]
    assert walk(EntryCounter(), *pictures) == 2


def test_a_face_that_turns_away_for_a_moment_is_not_counted_again() -> None:
    pictures = [[] if at in {5, 6, 7} else [face(20 * at)] for at in range(15)]
    assert walk(EntryCounter(), *pictures) == 1


def test_a_second_person_after_the_first_has_gone_is_counted() -> None:
    first = [[face(20 * at)] for at in range(6)]
    assert walk(EntryCounter(), *first, *([[]] * 8), *first) == 2


def test_a_false_detection_that_flashes_up_is_nobody() -> None:
    assert walk(EntryCounter(), [face(10)], [face(10)], *([[]] * 10), [face(300)]) == 0


def test_faces_too_small_to_be_at_the_door_are_nobody() -> None:
    assert walk(EntryCounter(), *([face(5 * at, size=12)] for at in range(10))) == 0


@given(
    st.lists(st.lists(st.tuples(st.floats(0, 640), st.floats(0, 360), st.floats(5, 300)), max_size=6)),
    st.floats(0.01, 2),
)
def test_never_more_people_than_faces_seen(
    pictures: list[list[tuple[float, float, float]]], every: float
) -> None:
    seen = [[face(*one) for one in picture] for picture in pictures]
    assert 0 <= walk(EntryCounter(), *seen, every=every) <= sum(map(len, seen)) / 3


@given(
    st.integers(1, 900), st.integers(0, 10**13), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 10**7)))
)
def test_intervals_lose_nothing_join_up_and_end_on_the_clock(
    seconds: int, start: int, steps: list[tuple[int, int]]
) -> None:
    intervals, now, done, added = Intervals(seconds, start), start, [], 0
    for count, passed in steps:
        now += passed
        if (one := intervals.turn(now)) is not None:
            done.append(one)
        intervals.add(count)
        added += count
    done.append(intervals.finish(now))
    assert sum(one.count for one in done) == added
    assert done[0].from_ms == start
    assert all(one.to_ms % (seconds * 1000) == 0 for one in done[:-1])
    assert all(one.from_ms % (seconds * 1000) == 0 for one in done[1:])
    assert all(one.from_ms <= one.to_ms <= other.from_ms for one, other in pairwise(done))


@given(st.integers(1, 900), st.integers(10**9, 10**13), st.integers(-(10**9), 10**9), st.integers(0, 99))
def test_a_clock_that_is_set_loses_no_count(seconds: int, start: int, jump: int, count: int) -> None:
    intervals = Intervals(seconds, start)
    intervals.add(count)
    turned = intervals.turn(start + jump)
    last = intervals.finish(start + jump)
    assert (turned.count if turned else 0) + last.count == count
    assert last.from_ms <= last.to_ms
    assert intervals.ends_ms > start + jump


class Told:
    """A sink that remembers messages and wakes whoever waits for a count."""

    def __init__(self) -> None:
        self.counts: list[Headcount] = []
        self.came = threading.Event()

    def observe(self, message: FromWorker) -> None:
        assert isinstance(message, Headcount)
        self.counts.append(message)
        self.came.set()

    def frame(self, device: str, frame: Frame) -> None:
        raise AssertionError("counting hands no picture on")


def test_counting_sends_nothing_but_headcounts_and_what_is_left_at_the_end(models: object) -> None:
    """P51: of people who agreed to nothing there is a count."""
    told = Told()
    count = EntranceCount("door", f"{models}/yunet.onnx", 1, told)
    assert told.came.wait(10)
    count.close()
    assert len(told.counts) >= 2
    assert {one.device for one in told.counts} == {"door"}
    assert [one.count for one in told.counts] == [0] * len(told.counts)


@pytest.mark.parametrize("first", [0, 2, 4])
def test_the_count_of_a_film_is_its_truth_within_one(detector: Detector, first: int) -> None:
    """Ten people, five pictures a second, at three offsets; measured 10 of 10 at each."""
    path = film("entrance")
    truth = len(json.loads(path.with_suffix(".json").read_text())["people"])
    counter, counted = EntryCounter(), 0
    with av.open(str(path)) as container:
        for at, picture in enumerate(container.decode(video=0)):
            if at % 5 == first:
                counted += counter.update(detector.detect(to_bgr(picture)), at / 25)
    assert abs(counted - truth) <= 1
