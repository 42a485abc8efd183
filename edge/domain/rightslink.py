"""The keys in a visitor's code and what they seal: the box's packages, the page's requests; keeps nothing.

A code is an address `<headquarters>/r/<link>#<secret>`: 128 and 256 random bits. Browsers don't send what
stands after the `#`, so headquarters has the link and never the secret. Each direction has its own AES-256
key, HKDF-SHA256 over the secret, which the page's WebCrypto computes as well. What is sealed is padded to
one length, so that its size says nothing, and bound to its link and direction.
"""

import base64
import os
import re
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edge.domain.errors import InvalidInput
from edge.wire.commands import REQUEST_BYTES
from edge.wire.records import PACKAGE_BYTES

SECRET_BYTES = 32
_NONCE, _TAG = 12, 16
ROOM = PACKAGE_BYTES - _NONCE - _TAG
"""Bytes of a package's content."""
REQUEST_ROOM = REQUEST_BYTES - _NONCE - _TAG
_ADDRESS = re.compile(r"/r/([0-9a-f]{32})#([A-Za-z0-9_-]{43})")


def new_secret() -> bytes:
    """Return 256 random bits."""
    return secrets.token_bytes(SECRET_BYTES)


def address(page: str, link: str, secret: bytes) -> str:
    """Return what the code says; `page` is headquarters' public address."""
    text = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return f"{page.rstrip('/')}/r/{link}#{text}"


def parts(code: str) -> tuple[str, bytes]:
    """Return link and secret of an address that `address` made; InvalidInput on anything else."""
    found = _ADDRESS.search(code)
    if found is None:
        raise InvalidInput("read a code", "not_a_code")
    return found[1], base64.urlsafe_b64decode(found[2] + "=")


def seal_package(secret: bytes, link: str, plain: bytes) -> str:
    """Return the sealed package in base64; InvalidInput if `plain` has more than ROOM bytes."""
    return _seal(secret, "package", link, plain, ROOM)


def open_package(secret: bytes, link: str, sealed: str) -> bytes:
    """Return a package's content without its padding; InvalidInput if the secret doesn't open it."""
    return _open(secret, "package", link, sealed)


def seal_request(secret: bytes, link: str, plain: bytes) -> str:
    """Return the sealed request in base64, as the page makes it; InvalidInput if it is too long."""
    return _seal(secret, "request", link, plain, REQUEST_ROOM)


def open_request(secret: bytes, link: str, sealed: str) -> bytes:
    """Return a request's content without its padding; InvalidInput if the secret doesn't open it."""
    return _open(secret, "request", link, sealed)


def _key(secret: bytes, direction: str, link: str) -> AESGCM:
    derived = HKDF(SHA256(), 32, salt=None, info=_bound(direction, link))
    return AESGCM(derived.derive(secret))


def _bound(direction: str, link: str) -> bytes:
    return f"gatehouse/v1/rights/{direction}/{link}".encode()


def _seal(secret: bytes, direction: str, link: str, plain: bytes, room: int) -> str:
    if len(plain) > room:
        raise InvalidInput(f"seal a {direction}", "too_long")
    nonce = os.urandom(_NONCE)
    # Spaces after JSON are no part of it: the reader needs no length.
    sealed = _key(secret, direction, link).encrypt(nonce, plain.ljust(room), _bound(direction, link))
    return base64.b64encode(nonce + sealed).decode()


def _open(secret: bytes, direction: str, link: str, sealed: str) -> bytes:
    try:
        raw = base64.b64decode(sealed, validate=True)
        plain = _key(secret, direction, link).decrypt(raw[:_NONCE], raw[_NONCE:], _bound(direction, link))
    except (ValueError, InvalidTag):
        raise InvalidInput(f"open a {direction}", "not_opened") from None
    return plain.rstrip(b" ")
