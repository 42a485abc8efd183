"""What counts as a telephone or identity number in what headquarters keeps as it stands."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.wire.facts import parse_row
from edge.wire.nobody import holds_a_number, names_nobody

NUMBERS = (
    "13800138000", "138-0013-8000", "138 0013 8000", "138_0013_8000", "138.0013.8000", "138，0013，8000",
    "138–0013–8000", "138  0013  8000", "138-001-38000", "138-00138000", "1380013 8000", "8613800138000",
    "+86 138 0013 8000", "008613800138000", "(138)00138000", "１３８００１３８０００", "138\u200b00138000",
    "R-13800138000", "2026-13800138000", "王姐 138 0013 8000", "110105-19491231-002x", "11010519491231002X",
    "110105 19491231 0021", "110105194912310021",
)  # fmt: skip
NONE = (
    "R-2026-0417", "13-2-1101-0312", "15-2026-1125-7", "HT-20261125-1400000012", "20261125140000001234",
    "D-2026-031", "R-20940", "alpha", "lianjia-77", "链家新房", "客户电话", "2026-11-25 14:05", "138****8000",
    "9", "123456789012",
)  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_known_however_it_is_written(text: str) -> None:
    assert holds_a_number(text)
    with pytest.raises(ValueError, match="no telephone or identity number") as refused:
        names_nobody(text)
    assert text not in str(refused.value)


@pytest.mark.parametrize("text", NONE)
def test_a_reference_that_only_looks_a_little_like_one_is_taken(text: str) -> None:
    assert names_nobody(text) == text


@pytest.mark.parametrize("text", ["1 3 8 0 0 1 3 8 0 0 0", "13 80 01 38 00 0", "340123 19900101 12 34"])
def test_in_what_people_write_the_digits_may_stand_apart(text: str) -> None:
    assert holds_a_number(f"客户{text}是他的", anyhow=True)


@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.sampled_from(["", "-", " ", "_", ".", " - ", "/"]),
    st.text(st.characters(exclude_categories=["Nd", "Nl", "No"]), max_size=6),
)
def test_any_mobile_number_in_its_groups_is_found_in_any_words(number: str, gap: str, words: str) -> None:
    assert holds_a_number(f"{words}{number[:3]}{gap}{number[3:7]}{gap}{number[7:]}")


@pytest.mark.parametrize("code", ["13800138000", "138-0013-8000"])
def test_no_row_names_a_channel_or_an_agent_by_a_number(code: str) -> None:
    said = {"kind": "report", "ref": "R-1", "changed_ms": 1, "phone": "+8613900139000", "channel": "alpha"}
    for field in ("channel", "agent"):
        with pytest.raises(ValidationError):
            parse_row(json.dumps(said | {field: code}).encode())
