"""Who calls, as the network says it: reads the headers of an INVITE; never normalises or judges a number."""

import re
from urllib.parse import unquote

MAX_NUMBER = 64

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_URI = re.compile(r"^(?P<scheme>sips?|tel):(?P<rest>.*)$", re.IGNORECASE | re.DOTALL)
_COMPACT = {"f": "from"}


def caller_number(message: str) -> str:
    """Return the number in an INVITE's headers, or "" if it is withheld, absent or unusable.

    P-Asserted-Identity (RFC 3325) goes before From: the provider vouches for it. The caller of this
    function must know that `message` came from the provider. Privacy (RFC 3323) is honoured.
    """
    headers = _headers(message)
    if any(level.strip().lower() in ("id", "user", "header") for level in _privacy(headers)):
        return ""
    for value in headers.get("p-asserted-identity", []) + headers.get("from", []):
        number = _number_of(value)
        if number is not None:
            return number
    return ""


def _headers(message: str) -> dict[str, list[str]]:
    head = re.split(r"\r?\n\r?\n", message, maxsplit=1)[0]
    unfolded = re.sub(r"\r?\n[ \t]+", " ", head)
    found: dict[str, list[str]] = {}
    for line in re.split(r"\r?\n", unfolded)[1:]:
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            found.setdefault(_COMPACT.get(key, key), []).append(value.strip())
    return found


def _privacy(headers: dict[str, list[str]]) -> list[str]:
    return [level for value in headers.get("privacy", []) for level in value.split(";")]


def _number_of(value: str) -> str | None:
    """Return the number of the first address in `value`; "" if withheld, None if there's no address."""
    bare = _QUOTED.sub("", value)
    inside = re.search(r"<([^>]*)>", bare)
    address = inside.group(1) if inside else re.split(r"[;,]", bare, maxsplit=1)[0]
    uri = _URI.match(address.strip())
    if uri is None:
        return None
    user = uri["rest"]
    if uri["scheme"].lower() != "tel":
        user, at, _host = uri["rest"].partition("@")
        if not at:
            return None
    return _usable(unquote(re.split(r"[;:?]", user, maxsplit=1)[0]))


def _usable(user: str) -> str:
    if user.lower() == "anonymous" or not user.isprintable() or len(user) > MAX_NUMBER:
        return ""
    return user.strip()
