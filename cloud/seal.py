"""Seals a row of a book to a box, and checks the box's word on its key; opens nothing, keeps nothing.

Used by whoever has a book: a CRM's client, and headquarters for its own list of channels.
"""

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from edge.wire.facts import FactRow, SealingBox, box_keys_signing_input, padded, row_info

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def vouched(box: SealingBox) -> bool:
    """Tell whether the box itself signed that this is the key to which one seals."""
    said = box_keys_signing_input(box.tenant, box.site, box.box, box.project, box.enrolment_key)
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(box.public_key))
        public.verify(bytes.fromhex(box.signature), said)
    except (InvalidSignature, ValueError):
        return False
    return True


def seal(row: FactRow, box: SealingBox) -> str:
    """Return `row` sealed to `box`, in base64; ValueError if the row is too long or the key is none."""
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(box.enrolment_key))
    info = row_info(box.tenant, box.box, box.enrolment_key)
    return base64.b64encode(_SUITE.encrypt(padded(row), public, info)).decode()
