"""What is printed on a second-generation ID card: four layouts and when they hold; never reads a card.

The text of a card is 256 bytes UTF-16LE in fixed widths, padded with spaces, with a letter at byte
248 that names the layout. Errors carry a code and never a value from the card.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate

from edge.domain import idnumber
from edge.domain.errors import InvalidInput
from edge.domain.idnumber import NATIONS, is_country, is_date

TEXT_BYTES = 256
LONG_TERM = "长期"
"""Stands in place of the last date of a resident's card that doesn't expire."""

_TYPE_AT = 248
_SEXES = frozenset("0129")
_ENGLISH = re.compile(r"[A-Za-z][A-Za-z ,.'-]*")
_OPERATION = "read a card's text"


class CardKind(StrEnum):
    """Which card it is."""

    RESIDENT = "resident"
    PERMIT = "permit"
    """Residence permit for people from Hong Kong, Macao and Taiwan."""
    FOREIGNER_2017 = "foreigner_2017"
    FOREIGNER_2023 = "foreigner_2023"


@dataclass(frozen=True, slots=True)
class Card:
    """The fields of one card; those that its kind doesn't have are empty."""

    kind: CardKind
    number: str = field(repr=False)
    """18 characters of GB 11643; on a foreigner's card of 2017 15: country, 11 digits, check digit."""
    birth: str = field(repr=False)
    """YYYYMMDD, as all dates."""
    sex: str = field(repr=False)
    """0 unknown, 1 male, 2 female, 9 unstated."""
    valid_from: str = field(repr=False)
    valid_until: str = field(repr=False)
    """The last day, or 长期 on a resident's card."""
    name: str = field(repr=False, default="")
    """In Chinese; a foreigner may have none."""
    english_name: str = field(repr=False, default="")
    """A foreigner's, as in the passport."""
    nation: str = field(repr=False, default="")
    """A resident's: a key of NATIONS."""
    country: str = field(repr=False, default="")
    """A foreigner's: alpha-3 of ISO 3166-1."""
    address: str = field(repr=False, default="")
    issuer: str = field(repr=False, default="")


# Widths in bytes, in order; "-" is not taken (reserved, the type letter, or of no use to anybody here).
_CITIZEN = (("birth", 16), ("address", 70), ("number", 36), ("issuer", 30), ("valid_from", 16))
_WIDTHS: dict[CardKind, tuple[tuple[str, int], ...]] = {
    CardKind.RESIDENT: (
        ("name", 30), ("sex", 2), ("nation", 4), *_CITIZEN, ("valid_until", 16), ("-", 36),
    ),
    CardKind.PERMIT: (
        ("name", 30), ("sex", 2), ("-", 4), *_CITIZEN, ("valid_until", 16),
        ("-", 18), ("-", 4), ("-", 6), ("-", 2), ("-", 6),
    ),
    CardKind.FOREIGNER_2017: (
        ("english_name", 120), ("sex", 2), ("number", 30), ("country", 6), ("name", 30),
        ("valid_from", 16), ("valid_until", 16), ("birth", 16), ("-", 4), ("issuer", 8), ("-", 2), ("-", 6),
    ),
    CardKind.FOREIGNER_2023: (
        ("name", 30), ("sex", 2), ("-", 4), ("birth", 16), ("english_name", 70), ("number", 36), ("-", 30),
        ("valid_from", 16), ("valid_until", 16), ("english_rest", 22), ("country", 6), ("-", 2), ("-", 6),
    ),
}  # fmt: skip
_LETTERS = {
    " ": CardKind.RESIDENT,
    "J": CardKind.PERMIT,
    "I": CardKind.FOREIGNER_2017,
    "Y": CardKind.FOREIGNER_2023,
}
_NUMBERS = {
    CardKind.RESIDENT: idnumber.is_resident,
    CardKind.PERMIT: idnumber.is_permit,
    CardKind.FOREIGNER_2017: idnumber.is_foreigner_2017,
    CardKind.FOREIGNER_2023: idnumber.is_foreigner_2023,
}
_FOREIGN = frozenset({CardKind.FOREIGNER_2017, CardKind.FOREIGNER_2023})


def kind_of(text: bytes) -> CardKind:
    """Return which card a text is of; InvalidInput `unsupported_layout` for an unknown letter."""
    if len(text) != TEXT_BYTES:
        raise InvalidInput(_OPERATION, "wrong_length")
    try:
        return _LETTERS[text[_TYPE_AT : _TYPE_AT + 2].decode("utf-16-le")]
    except (KeyError, UnicodeDecodeError):
        raise InvalidInput(_OPERATION, "unsupported_layout") from None


def kind_of_number(number: str) -> CardKind | None:
    """Return on which kind of card `number` stands, or None if it is no valid number of any."""
    return next((kind for kind, holds in _NUMBERS.items() if holds(number)), None)


def birth_of(number: str) -> str | None:
    """Return the birth date that a valid number says, or None: 15 characters have no century."""
    return number[6:14] if len(number) == 18 else None


def parse_text(text: bytes) -> Card:
    """Return the card that 256 bytes of text describe.

    Raises InvalidInput with a code: wrong_length, unsupported_layout, not_text, invalid_name,
    invalid_sex, invalid_nation, invalid_country, invalid_number, invalid_dates.
    """
    kind = kind_of(text)
    fields = _fields(text, _WIDTHS[kind])
    if kind is CardKind.FOREIGNER_2023:
        fields["english_name"] = " ".join((fields["english_name"] + fields.pop("english_rest")).split())
    card = Card(kind, **{name: value.rstrip(" ") for name, value in fields.items()})
    _check(card)
    return card


def _check(card: Card) -> None:
    foreign = card.kind in _FOREIGN
    named = _ENGLISH.fullmatch(card.english_name) if foreign else card.name
    _require(bool(named), "invalid_name")
    _require(card.sex in _SEXES, "invalid_sex")
    _require(card.kind is not CardKind.RESIDENT or card.nation in NATIONS, "invalid_nation")
    _require(not foreign or is_country(card.country), "invalid_country")
    _require(_NUMBERS[card.kind](card.number), "invalid_number")
    _require(is_date(card.birth) and _born_as_its_number_says(card), "invalid_dates")
    _require(is_date(card.valid_from) and card.birth <= card.valid_from, "invalid_dates")
    if card.kind is not CardKind.RESIDENT or card.valid_until != LONG_TERM:
        _require(is_date(card.valid_until) and card.valid_from < card.valid_until, "invalid_dates")


def _born_as_its_number_says(card: Card) -> bool:
    born = birth_of(card.number)
    return card.birth == born if born else card.birth[2:] == card.number[7:13]


def _fields(text: bytes, widths: tuple[tuple[str, int], ...]) -> dict[str, str]:
    ends = list(accumulate(width for _, width in widths))
    return {
        name: printed(text[end - width : end])
        for (name, width), end in zip(widths, ends, strict=True)
        if name != "-"
    }


def printed(raw: bytes) -> str:
    """Return UTF-16LE as text that can stand on a card; InvalidInput `not_text` otherwise."""
    try:
        value = raw.decode("utf-16-le")
    except UnicodeDecodeError:
        raise InvalidInput(_OPERATION, "not_text") from None
    # Private-use characters stand for rare names on real cards, so only what no name can hold is refused.
    _require(all(c == " " or c.isprintable() or "\ue000" <= c <= "\uf8ff" for c in value), "not_text")
    return value


def _require(holds: bool, code: str) -> None:
    if not holds:
        raise InvalidInput(_OPERATION, code)


def expired(valid_until: str, today: str) -> bool:
    """Whether a card's last day (YYYYMMDD, 长期, or empty if it isn't told) is over on `today` (YYYYMMDD)."""
    return valid_until not in ("", LONG_TERM) and valid_until < today
