"""Numbers, dates and layouts of ID cards."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.errors import InvalidInput
from edge.domain.idcard import (
    LONG_TERM,
    NATIONS,
    TEXT_BYTES,
    Layout,
    PermitCard,
    ResidentCard,
    check_letter,
    is_date,
    is_number,
    layout_of,
    parse_text,
)

RESIDENT = {
    "name": "张小满",
    "sex": "2",
    "nation": "01",
    "birth": "19491231",
    "address": "北京市朝阳区某路1号",
    "number": "11010519491231002X",
    "issuer": "北京市公安局朝阳分局",
    "valid_from": "20150301",
    "valid_until": LONG_TERM,
}
WIDTHS = (
    ("name", 15),
    ("sex", 1),
    ("nation", 2),
    ("birth", 8),
    ("address", 35),
    ("number", 18),
    ("issuer", 15),
    ("valid_from", 8),
    ("valid_until", 8),
    ("", 18),
)
PERMIT_WIDTHS = (*WIDTHS[:2], ("", 2), *WIDTHS[3:9], ("pass_number", 9), ("issue_count", 2), ("", 3))


def text_of(fields: dict[str, str], widths: tuple[tuple[str, int], ...] = WIDTHS, letter: str = "") -> bytes:
    text = "".join(fields.get(name, "").ljust(width)[:width] for name, width in widths)
    return (text + letter).ljust(128).encode("utf-16-le")


def code_of(text: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse_text(text)
    return caught.value.code


def numbers(prefix: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    digits = st.builds(
        lambda p, born, n: f"{p}{born:%Y%m%d}{n:03d}",
        prefix,
        st.dates(date(1900, 1, 1), date(2024, 12, 31)),
        st.integers(0, 999),
    )
    return digits.map(lambda d: d + check_letter(d))


names = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=15)


@st.composite
def residents(draw: st.DrawFn) -> dict[str, str]:
    number = draw(numbers(st.integers(110000, 119999).map(str)))
    starts = draw(st.dates(date(2025, 1, 1), date(2040, 12, 31)))
    ends = draw(st.none() | st.dates(date(2041, 1, 1), date(2060, 12, 31)))
    return {
        "name": draw(names),
        "sex": draw(st.sampled_from("0129")),
        "nation": draw(st.sampled_from([f"{n:02d}" for n in range(1, 57)] + ["97", "98"])),
        "birth": number[6:14],
        "address": draw(names),
        "number": number,
        "issuer": draw(names),
        "valid_from": f"{starts:%Y%m%d}",
        "valid_until": LONG_TERM if ends is None else f"{ends:%Y%m%d}",
    }


# ---- numbers -------------------------------------------------------------------------------


def test_the_published_example_has_check_letter_x() -> None:
    assert check_letter("11010519491231002") == "X"
    assert is_number("11010519491231002X")


@given(numbers(st.integers(110000, 659999).map(str)), st.integers(0, 17), st.sampled_from("0123456789X"))
def test_one_changed_character_is_noticed(number: str, at: int, other: str) -> None:
    assert is_number(number)
    changed = number[:at] + other + number[at + 1 :]
    assert is_number(changed) == (changed == number)


@given(numbers(st.integers(110000, 659999).map(str)), st.integers(0, 16))
def test_two_swapped_neighbours_are_noticed(number: str, at: int) -> None:
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    if swapped != number:
        assert not is_number(swapped)


@given(st.text(max_size=20))
def test_no_text_breaks_the_number_check(text: str) -> None:
    if is_number(text):
        assert len(text) == 18
        assert text[:17].isascii()


@pytest.mark.parametrize(
    "bad", ["", "11010519491231002x", "１１０１０５19491231002X", "11010519490231002" + "0"]
)
def test_numbers_that_are_none(bad: str) -> None:
    assert not is_number(bad)


@pytest.mark.parametrize(
    "bad", ["20230229", "20231301", "18991231", "2023010", "2023-1-1", "２０２３0101", ""]
)
def test_dates_that_are_none(bad: str) -> None:
    assert not is_date(bad)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_every_day_is_a_date(day: date) -> None:
    assert is_date(f"{day:%Y%m%d}")


def test_there_are_56_nations() -> None:
    assert len(NATIONS) == 56
    assert (NATIONS[0], NATIONS[55]) == ("汉", "基诺")


# ---- text ----------------------------------------------------------------------------------


@given(residents())
def test_a_residents_card_comes_out_as_it_was_written(fields: dict[str, str]) -> None:
    assert parse_text(text_of(fields)) == ResidentCard(**fields)


def test_the_widths_add_up() -> None:
    assert sum(width for _, width in WIDTHS) * 2 == TEXT_BYTES


def test_a_permit_has_a_pass_number_and_no_nation() -> None:
    fields = {k: v for k, v in RESIDENT.items() if k != "nation"}
    digits = "81000019491231002"
    fields |= {"number": digits + check_letter(digits), "pass_number": "H12345678", "issue_count": "01"}
    assert parse_text(text_of(fields, PERMIT_WIDTHS, "J")) == PermitCard(**fields)


def test_a_permits_number_on_a_residents_card_and_the_other_way_round() -> None:
    digits = "81000019491231002"
    assert code_of(text_of(RESIDENT | {"number": digits + check_letter(digits)})) == "invalid_number"
    assert code_of(text_of(RESIDENT, PERMIT_WIDTHS, "J")) == "invalid_number"


@pytest.mark.parametrize(("letter", "layout"), [("I", Layout.FOREIGNER_2017), ("Y", Layout.FOREIGNER_2023)])
def test_foreigners_cards_are_recognised_and_not_taken_for_residents(letter: str, layout: Layout) -> None:
    text = " " * 124 + letter + " " * 3
    assert layout_of(text.encode("utf-16-le")) is layout
    assert code_of(text.encode("utf-16-le")) == "unsupported_layout"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": ""}, "invalid_name"),
        ({"name": "张\x07满"}, "not_text"),
        ({"sex": "3"}, "invalid_sex"),
        ({"nation": "57"}, "invalid_nation"),
        ({"number": "110105194912310021"}, "invalid_number"),
        ({"number": "990105194912310020"}, "invalid_number"),
        ({"birth": "19491230"}, "invalid_dates"),
        ({"valid_from": "20230229"}, "invalid_dates"),
        ({"valid_from": "19400101"}, "invalid_dates"),
        ({"valid_until": "20150301"}, "invalid_dates"),
        ({"valid_until": "长"}, "invalid_dates"),
    ],
)
def test_each_field_is_checked(change: dict[str, str], code: str) -> None:
    assert code_of(text_of(RESIDENT | change)) == code


def test_other_lengths_and_letters_are_refused() -> None:
    assert code_of(text_of(RESIDENT)[:-2]) == "wrong_length"
    assert code_of(text_of(RESIDENT, PERMIT_WIDTHS, "Q")) == "unsupported_layout"
    broken = bytearray(text_of(RESIDENT))
    broken[0:2] = b"\x00\xd8"
    assert code_of(bytes(broken)) == "not_text"


@given(st.binary(min_size=TEXT_BYTES, max_size=TEXT_BYTES))
def test_random_bytes_are_never_a_card_nor_a_crash(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_text(raw)


@given(residents(), st.lists(st.tuples(st.integers(0, TEXT_BYTES - 1), st.integers(1, 255)), max_size=8))
def test_damaged_text_is_refused_or_a_wholly_valid_card(
    fields: dict[str, str], hits: list[tuple[int, int]]
) -> None:
    raw = bytearray(text_of(fields))
    for at, bits in hits:
        raw[at] ^= bits
    try:
        card = parse_text(bytes(raw))
    except InvalidInput as error:
        assert fields["number"] not in str(error)
        assert fields["name"] not in str(error)
    else:
        assert is_number(card.number)
        assert card.birth == card.number[6:14]


def test_neither_repr_nor_error_shows_a_person() -> None:
    shown = repr(parse_text(text_of(RESIDENT)))
    assert not any(value in shown for value in RESIDENT.values())
