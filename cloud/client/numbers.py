"""Telephone numbers as a book writes them, in E.164, or masked (隐号报备); never keeps or logs one.

The box has the same rules for what is typed at its kiosk (edge/domain/phone.py) and applies them once more to
each row; a CRM's machine has nothing of the box installed. A test holds the two together.
"""

import re

_MASKED = re.compile(r"(1[3-9][0-9])[*＊xX]{4}([0-9]{4})")
_MOBILE = re.compile(r"\+861[3-9]")
_MOBILE_LENGTH = len("+8613800138000")
_SHORTEST_CHINESE = len("+861062345678")


def whole(text: str) -> str:
    """Return a number as E.164; ValueError, which doesn't repeat it, if it can't be one."""
    import phonenumbers

    if any(c.isalpha() or c == "*" for c in text):
        raise ValueError("no telephone number")
    try:
        parsed = phonenumbers.parse(text, "CN")
    except phonenumbers.NumberParseException:
        raise ValueError("no telephone number") from None
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    normal = str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE or not _complete(normal):
        raise ValueError("no telephone number")
    return normal


def whole_or_masked(text: str) -> str:
    """Return a number as E.164, or first three and last four digits as the wire has them."""
    masked = _MASKED.fullmatch(re.sub(r"[\s-]", "", text))
    return f"{masked[1]}****{masked[2]}" if masked else whole(text)


def _complete(normal: str) -> bool:
    if _MOBILE.match(normal):
        return len(normal) == _MOBILE_LENGTH
    return not normal.startswith("+86") or len(normal) >= _SHORTEST_CHINESE
