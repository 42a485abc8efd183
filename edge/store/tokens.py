"""Turns a normalised number into a purpose's token; never keeps, logs or returns the number."""

import hashlib
import hmac
import re
from collections.abc import Mapping

from edge.domain.errors import InvalidInput
from edge.wire import Token

_E164 = re.compile(r"\+[1-9]\d{6,14}")
SUPPRESSION = "suppression"
"""The key of tombstones; never one of tokens that leave."""


class TokenKeys:
    """Holds the project's keys, 32 bytes for each purpose."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)

    def __repr__(self) -> str:
        return f"TokenKeys({sorted(self._keys)})"

    def token(self, purpose: str, number: str) -> Token:
        """Return `<purpose>:<HMAC-SHA256 hex>` of `number` (E.164); InvalidInput on anything else."""
        if purpose == SUPPRESSION or purpose not in self._keys:
            raise InvalidInput("make a token", "no_key_for_this_purpose")
        if not _E164.fullmatch(number):
            raise InvalidInput("make a token", "not_a_normalised_number")
        return f"{purpose}:{self._mac(purpose, number)}"

    def mark(self, token: Token) -> str:
        """Return the tombstone's mark of `token`: 64 hex digits, under the suppression key."""
        return self._mac(SUPPRESSION, token)

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self._keys[purpose], text.encode(), hashlib.sha256).hexdigest()
