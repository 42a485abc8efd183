"""Numbers have one normal form, whatever way they are written; a masked one hides what it should."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.errors import InvalidInput
from edge.domain.phone import masked, normalise

mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)


@pytest.mark.parametrize(
    "written",
    ["13800138000", "138 0013 8000", "138-0013-8000", "+86 138 0013 8000", "0086 13800138000",
     "86 13800138000", "１３８００１３８０００", "  13800138000 "],
)  # fmt: skip
def test_one_number_has_one_form_however_it_is_written(written: str) -> None:
    assert normalise(written) == "+8613800138000"


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("010-12345678", "+861012345678"),
        ("+44 20 7946 0958", "+442079460958"),
        ("+852 2345 6789", "+85223456789"),
    ],
)
def test_landlines_and_foreign_numbers_are_numbers(written: str, normal: str) -> None:
    assert normalise(written) == normal


@pytest.mark.parametrize(
    "written",
    ["", "8001", "110", "1380013800", "138001380001", "12345", "138****8000", "1380013800a",
     "13800138000 ext 5", "anonymous", "张三", "+", "=1+1", "13800138000,13900139000", "\x00"],
)  # fmt: skip
def test_what_cannot_be_a_whole_number_is_refused_without_repeating_it(written: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        normalise(written)
    assert refused.value.code == "not_a_phone_number"
    assert len(written) < 3 or written not in str(refused.value)


@given(st.text(max_size=40))
def test_any_text_gives_a_normal_form_or_invalid_input(text: str) -> None:
    try:
        normal = normalise(text)
    except InvalidInput:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{5,14}", normal)
    assert normalise(normal) == normal


@given(mobiles)
def test_p20_a_masked_number_hides_four_digits(mobile: str) -> None:
    """P20: 138****1234, the form that domain.md gives."""
    shown = masked(normalise(mobile))
    assert shown == f"{mobile[:3]}****{mobile[7:]}"


@given(st.from_regex(r"\+[1-9][0-9]{2,14}", fullmatch=True))
def test_masking_always_hides_something(number: str) -> None:
    digits = number.removeprefix("+86").removeprefix("+")
    shown = masked(number).replace("*", "")
    assert len(shown) < len(digits) or len(digits) <= 2
    assert "****" in masked(number)
