"""Numbers, dates and layouts of ID cards."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.errors import InvalidInput
from edge.domain.idcard import (
    LONG_TERM,
    TEXT_BYTES,
    Card,
    CardKind,
    birth_of,
    kind_of,
    kind_of_number,
    parse_text,
)
from edge.domain.idnumber import (
    NATIONS,
    check_digit,
    check_letter,
    is_country,
    is_date,
    is_foreigner_2017,
    is_foreigner_2023,
    is_number,
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
WIDTHS_2017 = (
    ("english_name", 60),
    ("sex", 1),
    ("number", 15),
    ("country", 3),
    ("name", 15),
    ("valid_from", 8),
    ("valid_until", 8),
    ("birth", 8),
    ("version", 2),
    ("issuer", 4),
)
WIDTHS_2023 = (
    ("name", 15),
    ("sex", 1),
    ("renewals", 2),
    ("birth", 8),
    ("english_name", 35),
    ("number", 18),
    ("", 15),
    ("valid_from", 8),
    ("valid_until", 8),
    ("english_rest", 11),
    ("country", 3),
)
PERMIT_DIGITS = "81000019491231002"
PERMIT = {
    "name": "陈大文",
    "sex": "1",
    "birth": "19491231",
    "address": "广东省深圳市某路2号",
    "number": PERMIT_DIGITS + check_letter(PERMIT_DIGITS),
    "issuer": "深圳市公安局",
    "valid_from": "20240301",
    "valid_until": "20290301",
}
# The numbers of the authority's own specimens.
FOREIGNER_2017 = {
    "english_name": "ZHENGJIAN, YANGBEN",
    "sex": "2",
    "number": "CAN110081080310",
    "country": "CAN",
    "name": "证件样本",
    "valid_from": "20151025",
    "valid_until": "20251024",
    "birth": "19810803",
    "issuer": "1500",
}
FOREIGNER_2023 = {
    "name": "证件样本",
    "sex": "2",
    "birth": "19810803",
    "english_name": "ZHENGJIAN, YANGBEN",
    "number": "911124198108030024",
    "valid_from": "20230915",
    "valid_until": "20330914",
    "country": "CAN",
}
LAYOUTS = {
    CardKind.RESIDENT: (RESIDENT, WIDTHS, ""),
    CardKind.PERMIT: (PERMIT, PERMIT_WIDTHS, "J"),
    CardKind.FOREIGNER_2017: (FOREIGNER_2017, WIDTHS_2017, "I"),
    CardKind.FOREIGNER_2023: (FOREIGNER_2023, WIDTHS_2023, "Y"),
}
KINDS = pytest.mark.parametrize("kind", list(CardKind))


def text_of(fields: dict[str, str], widths: tuple[tuple[str, int], ...] = WIDTHS, letter: str = "") -> bytes:
    text = "".join(fields.get(name, "").ljust(width)[:width] for name, width in widths)
    return (text.ljust(124)[:124] + (letter or " ")).ljust(128).encode("utf-16-le")


def text_as(kind: CardKind, **change: str) -> bytes:
    fields, widths, letter = LAYOUTS[kind]
    return text_of(fields | change, widths, letter)


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


def test_there_are_56_nations_and_two_codes_for_others() -> None:
    assert len(NATIONS) == 58
    assert (NATIONS["01"], NATIONS["30"], NATIONS["56"]) == ("汉", "土", "基诺")


@pytest.mark.parametrize("number", ["911124198108030024", "932682198501010017"])
def test_the_numbers_of_the_specimens_of_2023(number: str) -> None:
    assert is_foreigner_2023(number)
    assert kind_of_number(number) is CardKind.FOREIGNER_2023
    assert birth_of(number) == number[6:14]
    assert not is_foreigner_2023(
        number[:3] + "999" + number[6:17] + check_letter(number[:3] + "999" + number[6:17])
    )


def test_the_number_of_the_specimen_of_2017() -> None:
    assert is_foreigner_2017("CAN110081080310")
    assert kind_of_number("CAN110081080310") is CardKind.FOREIGNER_2017
    assert birth_of("CAN110081080310") is None
    assert check_digit("CAN11008108031") == "0"


@given(st.integers(0, 14), st.sampled_from("0123456789ACN"))
def test_one_changed_character_of_fifteen_is_noticed_but_by_a_tenth(at: int, other: str) -> None:
    number = "CAN110081080310"
    changed = number[:at] + other + number[at + 1 :]
    if is_foreigner_2017(changed):  # one digit of ten: another character may stand for the same remainder
        assert check_digit(changed[:14]) == changed[14]
        assert is_country(changed[:3])


@pytest.mark.parametrize("code", ["CHN", "USA", "XXA", "HKG", "CAN"])
def test_country_codes(code: str) -> None:
    assert is_country(code)
    assert not is_country(code.lower())
    assert not is_country(code[:2])


@pytest.mark.parametrize(
    "number", ["", "12345", "11010519491231002x", "AAA110081080310", "999124198108030024"]
)
def test_no_kind_of_card_has_such_a_number(number: str) -> None:
    assert kind_of_number(number) is None


# ---- text ----------------------------------------------------------------------------------


@given(residents())
def test_a_residents_card_comes_out_as_it_was_written(fields: dict[str, str]) -> None:
    assert parse_text(text_of(fields)) == Card(CardKind.RESIDENT, **fields)


def test_the_widths_add_up() -> None:
    assert sum(width for _, width in WIDTHS) * 2 == TEXT_BYTES


@KINDS
def test_each_layout_comes_out_as_it_was_written(kind: CardKind) -> None:
    fields, _, _ = LAYOUTS[kind]
    assert kind_of(text_as(kind)) is kind
    assert parse_text(text_as(kind)) == Card(kind, **fields)


def test_of_a_permit_neither_pass_number_nor_issue_count_is_taken() -> None:
    assert parse_text(text_as(CardKind.PERMIT, pass_number="H12345678", issue_count="01")) == Card(
        CardKind.PERMIT, **PERMIT
    )


def test_a_permits_number_on_a_residents_card_and_the_other_way_round() -> None:
    assert code_of(text_of(RESIDENT | {"number": PERMIT["number"]})) == "invalid_number"
    assert code_of(text_of(RESIDENT, PERMIT_WIDTHS, "J")) == "invalid_number"


@pytest.mark.parametrize("kind", [k for k in CardKind if k is not CardKind.RESIDENT])
def test_only_a_residents_card_can_be_valid_for_ever(kind: CardKind) -> None:
    assert parse_text(text_of(RESIDENT)).valid_until == LONG_TERM
    assert code_of(text_as(kind, valid_until=LONG_TERM)) == "invalid_dates"


@pytest.mark.parametrize(("first", "rest", "whole"), [
    ("ZHENGJIAN, YANGBEN", "", "ZHENGJIAN, YANGBEN"),
    ("WOLFESCHLEGELSTEINHAUSENBERGERDORFF", " SENIOR", "WOLFESCHLEGELSTEINHAUSENBERGERDORFF SENIOR"),
    ("A" * 35, "B" * 11, "A" * 35 + "B" * 11),
    ("O'NEIL-SMITH, ANN", "MARIE", "O'NEIL-SMITH, ANN MARIE"),
])  # fmt: skip
def test_an_english_name_of_2023_may_go_on_in_a_second_field(first: str, rest: str, whole: str) -> None:
    card = parse_text(text_as(CardKind.FOREIGNER_2023, english_name=first, english_rest=rest))
    assert card.english_name == whole


@pytest.mark.parametrize("kind", [CardKind.FOREIGNER_2017, CardKind.FOREIGNER_2023])
@pytest.mark.parametrize(("change", "code"), [
    ({"english_name": ""}, "invalid_name"),
    ({"english_name": "张三"}, "invalid_name"),
    ({"country": "ZZZ"}, "invalid_country"),
    ({"country": "CA"}, "invalid_country"),
    ({"birth": "19810804"}, "invalid_dates"),
    ({"number": "CAN110081080311"}, "invalid_number"),
    ({"number": "911124198108030025"}, "invalid_number"),
    ({"number": RESIDENT["number"]}, "invalid_number"),
    ({"valid_until": "20150101"}, "invalid_dates"),
    ({"sex": "F"}, "invalid_sex"),
])  # fmt: skip
def test_each_field_of_a_foreigners_card_is_checked(
    kind: CardKind, change: dict[str, str], code: str
) -> None:
    assert code_of(text_as(kind, **change)) == code


@pytest.mark.parametrize("kind", [CardKind.FOREIGNER_2017, CardKind.FOREIGNER_2023])
def test_a_foreigner_may_have_no_chinese_name_and_another_country_than_the_number(kind: CardKind) -> None:
    """The number keeps the country of the first issue."""
    card = parse_text(text_as(kind, name="", country="USA"))
    assert (card.name, card.country) == ("", "USA")


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


@KINDS
@given(
    data=st.data(), hits=st.lists(st.tuples(st.integers(0, TEXT_BYTES - 1), st.integers(1, 255)), max_size=8)
)
def test_damaged_text_is_refused_or_a_wholly_valid_card(
    kind: CardKind, data: st.DataObject, hits: list[tuple[int, int]]
) -> None:
    fields = data.draw(residents()) if kind is CardKind.RESIDENT else LAYOUTS[kind][0]
    raw = bytearray(text_as(kind, **fields))
    for at, bits in hits:
        raw[at] ^= bits
    try:
        card = parse_text(bytes(raw))
    except InvalidInput as error:
        assert fields["number"] not in str(error)
        assert fields["name"] not in str(error)
    else:
        assert kind_of_number(card.number) is card.kind
        assert card.birth[2:] == (birth_of(card.number) or "19" + card.number[7:13])[2:]
        assert is_date(card.valid_from)


@KINDS
def test_neither_repr_nor_error_shows_a_person(kind: CardKind) -> None:
    shown = repr(parse_text(text_as(kind))).replace(repr(kind), "")
    assert not any(value in shown for value in LAYOUTS[kind][0].values())
