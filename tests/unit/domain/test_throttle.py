"""Waiting after wrong PINs, and PINs that are guessed first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.throttle import LONGEST_S, wait_s, weak


def test_five_are_free_then_the_wait_doubles() -> None:
    assert [wait_s(n) for n in range(9)] == [0, 0, 0, 0, 0, 30, 60, 120, 240]


@given(st.integers(0, 10**6))
def test_it_never_shrinks_and_has_an_end(failures: int) -> None:
    assert wait_s(failures) <= wait_s(failures + 1) <= LONGEST_S


@pytest.mark.parametrize(
    ("pin", "is_weak"),
    [("000000", True), ("123456", True), ("987654", True), ("123455", False), ("280914", False)],
)
def test_runs_and_repetitions_are_weak(pin: str, is_weak: bool) -> None:
    assert weak(pin) is is_weak
