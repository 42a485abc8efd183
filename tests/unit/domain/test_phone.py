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
        ("00852 9123 4567", "+85291234567"),
        ("+853 6612 3456", "+85366123456"),
        ("＋８６　１０　６２３４　５６７８", "+861062345678"),
        ("(0551) 6234 5678", "+8655162345678"),
        ("0551-6234567", "+865516234567"),
        ("400-800-1234", "+864008001234"),
    ],
)
def test_landlines_and_foreign_numbers_are_numbers(written: str, normal: str) -> None:
    assert normalise(written) == normal


@pytest.mark.parametrize(
    "written",
    ["", "8001", "110", "62345678", "6234 567", "95588", "1380013800",
     "138001380001", "12345", "138****8000", "1380013800a",
     "13800138000 ext 5", "anonymous", "张三", "+", "=1+1", "13800138000,13900139000", "\x00"],
)  # fmt: skip
def test_what_cannot_be_a_whole_number_is_refused_without_repeating_it(written: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        normalise(written)
    assert refused.value.code == "not_a_phone_number"
    assert len(written) < 3 or written not in str(refused.value)


_WIDE = str.maketrans("0123456789+", "０１２３４５６７８９＋")
_LANDLINES = st.sampled_from([("10", 8), ("21", 8), ("551", 8), ("855", 8), ("391", 7)]).flatmap(
    lambda area: st.integers(2 * 10 ** (area[1] - 1), 9 * 10 ** (area[1] - 1) - 1).map(
        lambda line: (f"+86{area[0]}{line}", f"0{area[0]}{line}")
    )
)
_MOBILES = mobiles.map(lambda number: (f"+86{number}", number))
_OVERSEAS = st.sampled_from([("852", "9"), ("853", "66")]).flatmap(
    lambda start: st.integers(0, 10 ** (8 - len(start[1])) - 1).map(
        lambda rest: (n := f"+{start[0]}{start[1]}{rest:0{8 - len(start[1])}d}", n)
    )
)


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    """Return a number's one form, and one of the many ways in which a person may write it."""
    normal, local = draw(_LANDLINES | _MOBILES | _OVERSEAS)
    country = normal.removeprefix("+")
    text = draw(st.sampled_from((local, normal, f"00{country}")))
    gap = draw(st.sampled_from(("", " ", "-", "\u3000", "\u00a0")))
    written = gap.join(re.findall(r"\+?\d{1,4}", text))
    return normal, draw(st.sampled_from((written, written.translate(_WIDE), f"  {written} ")))


@given(spellings())
def test_every_spelling_of_a_number_has_its_one_form(spelt: tuple[str, str]) -> None:
    """So that one person has one token, on every box of a project."""
    normal, written = spelt
    assert normalise(written) == normal


@given(st.integers(2_000_000, 89_999_999))
def test_a_landline_without_its_area_code_is_nobodys(line: int) -> None:
    """It names another line in every town, and two people would have one token."""
    with pytest.raises(InvalidInput):
        normalise(str(line))


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
