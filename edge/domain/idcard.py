"""What is printed on a second-generation ID card: layouts, numbers, dates; never reads a card, keeps nothing.

The text of a card is 256 bytes UTF-16LE in fixed widths, padded with spaces, with a letter at byte
248 that names the layout. Errors carry a code and never a value from the card.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import accumulate

from edge.domain.errors import InvalidInput

TEXT_BYTES = 256
LONG_TERM = "长期"
"""Stands in place of the last date of a card that doesn't expire."""

_TYPE_AT = 248
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_LETTERS = "10X98765432"
_SEXES = frozenset("0129")

_NATION_NAMES = (
    "汉 蒙古 回 藏 维吾尔 苗 彝 壮 布依 朝鲜 满 侗 瑶 白 土家 哈尼 哈萨克 傣 黎 傈僳 "
    "佤 畲 高山 拉祜 水 东乡 纳西 景颇 柯尔克孜 土 达斡尔 仫佬 羌 布朗 撒拉 毛南 仡佬 锡伯 阿昌 普米 "
    "塔吉克 怒 乌孜别克 俄罗斯 鄂温克 德昂 保安 裕固 京 塔塔尔 独龙 鄂伦春 赫哲 门巴 珞巴 基诺"
)
NATIONS = tuple(_NATION_NAMES.split())
"""Names of nations 01 to 56, in the order of GB/T 3304."""
_NATION_CODES = frozenset([f"{n:02d}" for n in range(1, len(NATIONS) + 1)] + ["97", "98"])

_PROVINCE_CODES = (
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71"
)
_PROVINCES = frozenset(_PROVINCE_CODES.split())  # first two digits of GB/T 2260
_RESIDENCE_PERMITS = frozenset({"810000", "820000", "830000"})
_OPERATION = "read a card's text"


class Layout(StrEnum):
    """What the type letter says the card is."""

    RESIDENT = " "
    HONG_KONG_MACAO_TAIWAN = "J"
    FOREIGNER_2017 = "I"
    FOREIGNER_2023 = "Y"


@dataclass(frozen=True, slots=True)
class ResidentCard:
    """A resident's card; dates are YYYYMMDD, `valid_until` may be 长期, `nation` and `sex` are codes."""

    name: str = field(repr=False)
    sex: str = field(repr=False)
    nation: str = field(repr=False)
    birth: str = field(repr=False)
    address: str = field(repr=False)
    number: str = field(repr=False)
    issuer: str = field(repr=False)
    valid_from: str = field(repr=False)
    valid_until: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PermitCard:
    """A residence permit of a person from Hong Kong, Macao or Taiwan; it names no nation."""

    name: str = field(repr=False)
    sex: str = field(repr=False)
    birth: str = field(repr=False)
    address: str = field(repr=False)
    number: str = field(repr=False)
    issuer: str = field(repr=False)
    valid_from: str = field(repr=False)
    valid_until: str = field(repr=False)
    pass_number: str = field(repr=False)
    issue_count: str = field(repr=False)


# Widths in bytes, in order; "-" is reserved.
_RESIDENT = (
    ("name", 30),
    ("sex", 2),
    ("nation", 4),
    ("birth", 16),
    ("address", 70),
    ("number", 36),
    ("issuer", 30),
    ("valid_from", 16),
    ("valid_until", 16),
    ("-", 36),
)
_PERMIT = (
    ("name", 30),
    ("sex", 2),
    ("-", 4),
    ("birth", 16),
    ("address", 70),
    ("number", 36),
    ("issuer", 30),
    ("valid_from", 16),
    ("valid_until", 16),
    ("pass_number", 18),
    ("issue_count", 4),
    ("-", 6),
    ("-", 2),
    ("-", 6),
)


def check_letter(digits: str) -> str:
    """Return the 18th character that belongs to the first 17 digits (GB 11643)."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True))
    return _CHECK_LETTERS[total % 11]


def is_number(number: str) -> bool:
    """Whether `number` is 17 ASCII digits with a real date of birth and the right check letter."""
    digits = number[:17]
    if len(number) != 18 or not (digits.isascii() and digits.isdigit()):
        return False
    return is_date(number[6:14]) and check_letter(digits) == number[17]


def is_date(text: str) -> bool:
    """Whether `text` is YYYYMMDD of a day that exists, from 1900 on."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()) or text < "1900":
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def layout_of(text: bytes) -> Layout:
    """Return which layout a card's text has; InvalidInput `unsupported_layout` for an unknown letter."""
    if len(text) != TEXT_BYTES:
        raise InvalidInput(_OPERATION, "wrong_length")
    try:
        return Layout(text[_TYPE_AT : _TYPE_AT + 2].decode("utf-16-le"))
    except ValueError:
        raise InvalidInput(_OPERATION, "unsupported_layout") from None


def parse_text(text: bytes) -> ResidentCard | PermitCard:
    """Return the card that 256 bytes of text describe.

    Raises InvalidInput with a code: wrong_length, unsupported_layout, not_text, invalid_name,
    invalid_sex, invalid_nation, invalid_number, invalid_dates.
    """
    layout = layout_of(text)
    card: ResidentCard | PermitCard
    if layout is Layout.RESIDENT:
        card = ResidentCard(**_fields(text, _RESIDENT))
        _require(card.nation in _NATION_CODES, "invalid_nation")
        _require(card.number[:2] in _PROVINCES, "invalid_number")
    elif layout is Layout.HONG_KONG_MACAO_TAIWAN:
        card = PermitCard(**_fields(text, _PERMIT))
        _require(card.number[:6] in _RESIDENCE_PERMITS, "invalid_number")
    else:
        raise InvalidInput(_OPERATION, "unsupported_layout")
    _check(card)
    return card


def _check(card: ResidentCard | PermitCard) -> None:
    _require(bool(card.name), "invalid_name")
    _require(card.sex in _SEXES, "invalid_sex")
    _require(is_number(card.number), "invalid_number")
    _require(is_date(card.birth) and card.birth == card.number[6:14], "invalid_dates")
    _require(is_date(card.valid_from) and card.birth <= card.valid_from, "invalid_dates")
    if card.valid_until != LONG_TERM:
        _require(is_date(card.valid_until) and card.valid_from < card.valid_until, "invalid_dates")


def _fields(text: bytes, widths: tuple[tuple[str, int], ...]) -> dict[str, str]:
    ends = list(accumulate(width for _, width in widths))
    fields: dict[str, str] = {}
    for (name, width), end in zip(widths, ends, strict=True):
        if name != "-":
            fields[name] = _decode(text[end - width : end])
    return fields


def _decode(raw: bytes) -> str:
    try:
        value = raw.decode("utf-16-le").rstrip(" ")
    except UnicodeDecodeError:
        raise InvalidInput(_OPERATION, "not_text") from None
    # Private-use characters stand for rare names on real cards, so only what no name can hold is refused.
    _require(all(c == " " or c.isprintable() or "\ue000" <= c <= "\uf8ff" for c in value), "not_text")
    return value


def _require(holds: bool, code: str) -> None:
    if not holds:
        raise InvalidInput(_OPERATION, code)
