"""Turns a normalised number into a purpose's token; never keeps, logs or returns the number.

A project's keys come in generations. Tokens are made under the newest; what was kept or sent under an
earlier one is found by its keys, which stay for as long as tombstones do (their marks can't be made anew).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from edge.domain.errors import InvalidInput
from edge.wire import Token

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_MASK = re.compile(r"[0-9]{3}\*{4}[0-9]{4}")
SUPPRESSION = "suppression"
"""The box's own key of tombstones; never one of tokens that leave, and the same in every generation."""

Keys = Mapping[str, bytes]
"""32 bytes for each purpose."""


class TokenKeys:
    """Holds the keys of each generation, newest first, and the box's own key of tombstones."""

    def __init__(self, generations: Sequence[tuple[int, Keys]], suppression: bytes) -> None:
        self._generations = tuple(sorted(((n, dict(keys)) for n, keys in generations), reverse=True))
        self._suppression = suppression

    def __repr__(self) -> str:
        return f"TokenKeys(generations={[number for number, _ in self._generations]})"

    @property
    def generation(self) -> int:
        """The newest generation; 0 is one that the box made for itself."""
        return self._generations[0][0]

    def token(self, purpose: str, number: str) -> Token:
        """Return `<purpose>:<HMAC-SHA256 hex>` of `number` (E.164) under the newest key for `purpose`.

        Raises InvalidInput on anything else.
        """
        return self._token(self._generations[0][1], purpose, number)

    def tokens(self, purpose: str, number: str) -> tuple[Token, ...]:
        """Return the tokens of `number` in every generation that is held, newest first."""
        earlier = (keys for _, keys in self._generations[1:] if purpose in keys)
        return (self.token(purpose, number), *(self._token(keys, purpose, number) for keys in earlier))

    def masked(self, purpose: str, mask: str) -> tuple[Token, ...]:
        """Return the tokens of a masked number (138****1234) in every generation that is held, newest first.

        Whoever has one of them knows nothing of a number: seven digits are told of eleven. InvalidInput on
        anything else.
        """
        if not _MASK.fullmatch(mask):
            raise InvalidInput("make a token", "not_a_masked_number")
        held = [keys for _, keys in self._generations if purpose in keys]
        if not held or purpose == SUPPRESSION:
            raise InvalidInput("make a token", "no_key_for_this_purpose")
        return tuple(f"{purpose}:{_mac(keys[purpose], f'mask:{mask}')}" for keys in held)

    def mark(self, token: Token) -> str:
        """Return the mark of `token` (or of a book's row): 64 hex digits, under the suppression key."""
        return _mac(self._suppression, token)

    def _token(self, keys: Keys, purpose: str, number: str) -> Token:
        if purpose == SUPPRESSION or purpose not in keys:
            raise InvalidInput("make a token", "no_key_for_this_purpose")
        if not _E164.fullmatch(number):
            raise InvalidInput("make a token", "not_a_normalised_number")
        return f"{purpose}:{_mac(keys[purpose], number)}"


def _mac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
