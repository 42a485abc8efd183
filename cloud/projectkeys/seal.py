"""Seals a project's keys to one box and signs the seal; what it returns holds no key that can be read."""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from cloud.projectkeys.keyfile import KeyFile
from edge.wire.project import SealedFor, SealedKeys, officer_signing_input, sealing_info


def seal(file: KeyFile, box: str, enrolment_key: str) -> SealedKeys:
    """Return the newest generation sealed to `enrolment_key` (X25519, 64 hex digits) of `box`.

    Raises ValueError if a name or the key has another form.
    """
    sealed_for = SealedFor(
        tenant=file.tenant,
        project=file.project,
        box=box,
        enrolment_key=enrolment_key,
        generation=file.generation,
        officer=file.officer,
    )
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(enrolment_key))
    sealed = suite.encrypt(file.keys.model_dump_json().encode(), public, sealing_info(sealed_for)).hex()
    signature = file.signer.sign(officer_signing_input(sealed_for, sealed)).hex()
    return SealedKeys(sealed_for=sealed_for, sealed=sealed, signature=signature)
