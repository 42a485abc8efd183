"""Makes a certificate that a tablet can be told to trust; it is no authority and signs nothing else."""

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A certificate and its key as PEM; `fingerprint` is the SHA-256 that browsers show, in pairs of hex."""

    certificate: bytes
    key: bytes = field(repr=False)
    names: tuple[str, ...]
    until: datetime
    fingerprint: str


def self_signed(host: str, names: tuple[str, ...], days: int) -> OwnCertificate:
    """Return a certificate on P-256 for `host` and `names`, addresses and host names, valid from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    every = tuple(dict.fromkeys((host, *names)))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Gatehouse kiosk")])
    now = datetime.now(UTC).replace(microsecond=0)
    until = now + timedelta(days=days)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a tablet's clock may be a little behind
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([_name(one) for one in every]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return OwnCertificate(
        certificate=made.public_bytes(Encoding.PEM),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        names=every,
        until=until,
        fingerprint=made.fingerprint(hashes.SHA256()).hex(":").upper(),
    )


def _name(one: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(one))
    except ValueError:
        return x509.DNSName(one)
