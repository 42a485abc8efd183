"""Telephone numbers in their one normal form (E.164); never stored or logged here."""

from edge.domain.errors import InvalidInput


def normalise(number: str, region: str = "CN") -> str:
    """Return `number` as E.164 (+8613800138000); raise InvalidInput if it can't be one."""
    import phonenumbers  # 90 ms: only who handles numbers pays for it

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        raise InvalidInput("read a phone number", "not_a_phone_number") from None
    if not phonenumbers.is_possible_number(parsed):
        raise InvalidInput("read a phone number", "not_a_phone_number")
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def masked(number: str) -> str:
    """Return the number as a person may see it on a shared screen: 138****1234."""
    local = number.removeprefix("+86")
    return f"{local[:3]}****{local[-4:]}"
