"""Enrolment wants agreement, confirmation wants more than one frame, and broken bytes are no template."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.errors import InvalidInput
from edge.domain.faces import (
    ENOUGH_TO_CONFIRM,
    ENOUGH_TO_ENROL,
    ENOUGH_TO_REFUSE,
    confirmation,
    cosine,
    enrolment,
    mean,
    pack,
    unpack,
)

LIKE = (1.0, 0.0, 0.0)
NEAR = (math.cos(0.3), math.sin(0.3), 0.0)  # cosine 0.955 to LIKE
UNLIKE = (0.0, 0.0, 1.0)
AT = 0.45

floats = st.floats(-1, 1, width=32)
vectors = st.lists(floats, min_size=4, max_size=4).map(tuple)


@given(st.lists(floats, min_size=1, max_size=64))
def test_a_vector_survives_its_bytes(values: list[float]) -> None:
    assert unpack(pack(values)) == tuple(values)


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0" * 7, pack([math.nan]), pack([1.0, math.inf]), pack([-math.inf, 0.5])]
)
def test_broken_bytes_are_no_template(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="not_a_template"):
        unpack(data)


@given(st.binary(max_size=64))
def test_any_bytes_give_a_finite_vector_or_invalid_input(data: bytes) -> None:
    try:
        vector = unpack(data)
    except InvalidInput:
        return
    assert all(math.isfinite(x) for x in vector)


@given(vectors, vectors)
def test_cosine_is_symmetric_and_between_minus_one_and_one(
    a: tuple[float, ...], b: tuple[float, ...]
) -> None:
    assert cosine(a, b) == pytest.approx(cosine(b, a))
    assert -1 - 1e-9 <= cosine(a, b) <= 1 + 1e-9


def test_templates_of_two_models_are_not_alike() -> None:
    assert cosine(LIKE, (*LIKE, 0.0)) == 0.0
    assert cosine((0.0, 0.0), (0.0, 0.0)) == 0.0


@given(st.lists(vectors, min_size=1, max_size=5))
def test_a_mean_is_a_unit_vector_or_nothing(several: list[tuple[float, ...]]) -> None:
    length = math.sqrt(sum(x * x for x in mean(several)))
    assert length == pytest.approx(1.0) or length == pytest.approx(0.0)


def test_enrolment_waits_for_three_that_agree() -> None:
    assert ENOUGH_TO_ENROL == 3
    assert enrolment([LIKE, NEAR], AT) is None
    template = enrolment([LIKE, NEAR, LIKE], AT)
    assert template is not None
    assert cosine(template, LIKE) > 0.98


def test_two_people_in_one_lease_enrol_nobody_until_one_stays() -> None:
    assert enrolment([LIKE, UNLIKE, LIKE], AT) is None
    assert enrolment([UNLIKE, LIKE, NEAR, LIKE], AT) is not None


def test_frames_of_two_models_enrol_nobody() -> None:
    assert enrolment([LIKE, (*LIKE, 0.0), LIKE], AT) is None


def test_one_frame_confirms_nobody() -> None:
    assert ENOUGH_TO_CONFIRM == 2
    assert confirmation([LIKE], [LIKE], AT) is None
    assert confirmation([LIKE, NEAR], [LIKE], AT) is True


def test_another_person_is_refused_after_six_frames_and_not_before() -> None:
    assert ENOUGH_TO_REFUSE == 6
    assert confirmation([UNLIKE] * 5, [LIKE], AT) is None
    assert confirmation([UNLIKE] * 6, [LIKE], AT) is False
    assert confirmation([UNLIKE] * 4 + [LIKE, NEAR], [LIKE], AT) is True


def test_who_has_no_template_is_never_confirmed() -> None:
    assert confirmation([LIKE] * 5, [], AT) is None
    assert confirmation([LIKE] * 6, [], AT) is False


@given(st.lists(vectors, max_size=8), st.lists(vectors, max_size=3), st.floats(0.3, 1.0))
def test_a_confirmation_needs_two_frames_at_the_threshold(
    seen: list[tuple[float, ...]], templates: list[tuple[float, ...]], threshold: float
) -> None:
    alike = sum(any(cosine(v, t) >= threshold for t in templates) for v in seen)
    expected = True if alike >= 2 else (False if len(seen) >= 6 else None)
    assert confirmation(seen, templates, threshold) is expected
