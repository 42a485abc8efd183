"""Telephone numbers in their one normal form (E.164); never stored or logged here."""

import re
import unicodedata

from edge.domain.errors import InvalidInput

_CHINESE_MOBILE = re.compile(r"\+861[3-9]")
_MASK = re.compile(r"1[3-9][0-9]\*{4}[0-9]{4}")
_CHINESE_MOBILE_LENGTH = len("+8613800138000")
_CHINESE = "+86"
_SHORTEST_CHINESE = len("+861062345678")
"""Area code and seven or eight digits, or 400 and seven: without its area code a landline is shorter."""
_SHORTEST_SHOWN = 9
"""Of fewer digits, first three and last four would show nearly all."""


def normalise(number: str, region: str = "CN") -> str:
    """Return `number` as E.164 (+8613800138000); raise InvalidInput if it can't be one.

    A number without its area code names another line in every town, and is none where that can be told.
    """
    import phonenumbers  # 90 ms: only who handles numbers pays for it

    if any(c.isalpha() or c == "*" for c in number):  # an extension, vanity letters, a masked number
        raise InvalidInput("read a phone number", "not_a_phone_number")
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        raise InvalidInput("read a phone number", "not_a_phone_number") from None
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    normal = str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE or not _whole(normal):
        raise InvalidInput("read a phone number", "not_a_phone_number")
    return normal


def _whole(normal: str) -> bool:
    """Whether no digit was forgotten or doubled, where that can be told."""
    if _CHINESE_MOBILE.match(normal):
        return len(normal) == _CHINESE_MOBILE_LENGTH
    return not normal.startswith(_CHINESE) or len(normal) >= _SHORTEST_CHINESE


def read_mask(typed: str) -> str | None:
    """Return a masked number as reports write it (138****1234), whatever its spaces; None for others."""
    plain = "".join(unicodedata.normalize("NFKC", typed).split())
    return plain if _MASK.fullmatch(plain) else None


def report_mask(number: str) -> str | None:
    """Return what a report by a masked number (隐号报备) says of a number (E.164): 138****1234.

    None for any but a mainland mobile number: of no other is that agreed.
    """
    if not _CHINESE_MOBILE.match(number) or len(number) != _CHINESE_MOBILE_LENGTH:
        return None
    local = number.removeprefix(_CHINESE)
    return f"{local[:3]}****{local[-4:]}"


def masked(number: str) -> str:
    """Return the number as a person may see it on a shared screen: 138****1234."""
    local = number.removeprefix("+86").removeprefix("+")
    if len(local) < _SHORTEST_SHOWN:
        return f"****{local[-2:]}"
    return f"{local[:3]}****{local[-4:]}"
