"""The files a person is handed: an archive of all that is held, a list of consents; made and checked here.

Anybody can check one with the file and the box's public key alone. A file has exactly one spelling (sorted
JSON, a zip without times or compression), so that not one byte can be changed unnoticed. Never reads a
store, never holds a private key.
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from edge.domain.errors import InvalidInput
from edge.domain.held import Held, HeldConsent
from edge.domain.judging import inputs
from edge.domain.judging.judge import judge
from edge.wire import Millis, Signed, TimeQuality, canonical, key_id
from edge.wire.base import Frozen, Name
from edge.wire.finding import FINDING, FindingEvidence
from edge.wire.zipped import zipped

F = TypeVar("F", bound=Frozen)

Sign = Callable[[bytes], bytes]
"""Raw Ed25519 of the box, 64 bytes."""

AGREED = b"gatehouse/v1/consent\n"
"""What stands before a consent's record when the box signs it."""
_GUARDIAN = b"gatehouse/v1/guardian\n"
_EXPORTED = b"gatehouse/v1/consents\n"
_ARCHIVED = b"gatehouse/v1/access\n"

DATA, PAGE, STYLE = "data.json", "index.html", "style.css"
CONSENTS, MANIFEST = "consents.json", "manifest.json"
_FILES = (CONSENTS, DATA, PAGE, STYLE)
MOST_BYTES = 16 << 20
_BROKEN_ZIP = (
    zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, ValueError, OverflowError, EOFError,
    struct.error, zlib.error, OSError,
)  # fmt: skip
"""What zipfile raises on bytes that are no sound archive."""


class Exported(Frozen):
    """The consents of one person as a box had them at `at_ms`."""

    v: Literal[1] = 1
    tenant: Name
    site: Name
    box: Name
    at_ms: Millis
    quality: TimeQuality
    consents: tuple[HeldConsent, ...]


class GuardianEvidence(Frozen):
    """What shows that a guardian agreed for a child: the words that the box signed then, and what was shown.

    `words` hold the SHA-256 of `shown`; both are JSON as it was signed. `proof` is the signature, in hex.
    """

    v: Literal[1] = 1
    kind: Literal["guardian"] = "guardian"
    tenant: Name
    site: Name
    box: Name
    at_ms: Millis
    quality: TimeQuality
    words: str
    proof: str
    shown: str


class Manifest(Frozen):
    """The SHA-256 of each file of an archive, in hex."""

    v: Literal[1] = 1
    tenant: Name
    site: Name
    box: Name
    at_ms: Millis
    quality: TimeQuality
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class CheckedConsent:
    """One state of a scope; `holds` None where it claims no agreement, or its signed text isn't kept."""

    consent: HeldConsent
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Checked:
    """A file whose own signature holds."""

    kind: Literal["access", "consents", "guardian", "finding"]
    exported: Exported | GuardianEvidence | FindingEvidence
    consents: tuple[CheckedConsent, ...]

    @property
    def sound(self) -> bool:
        """Whether no consent in it is contradicted by its signature."""
        return all(one.holds is not False for one in self.consents)


# ---- making --------------------------------------------------------------------------------


def consents_file(held: Held, sign: Sign, key: str) -> bytes:
    """Return the signed list of the consents in `held`; `key` names the box's key (wire.key_id)."""
    where = held.model_dump(mode="json", include={"tenant", "site", "box", "at_ms", "quality", "consents"})
    return _signed(_EXPORTED, Exported.model_validate_json(canonical(where)), sign, key)


def access_file(held: Held, page: str, style: str, sign: Sign, key: str) -> bytes:
    """Return the signed archive of `held`, with `page` for people to read in the look of `style`."""
    files = {
        CONSENTS: consents_file(held, sign, key),
        DATA: canonical(held.model_dump(mode="json")),
        PAGE: page.encode(),
        STYLE: style.encode(),
    }
    where = held.model_dump(include={"tenant", "site", "box", "at_ms", "quality"})
    manifest = Manifest(**where, files={name: _sha256(content) for name, content in files.items()})
    return zipped(files | {MANIFEST: _signed(_ARCHIVED, manifest, sign, key)})


def guardian_file(evidence: GuardianEvidence, sign: Sign, key: str) -> bytes:
    """Return one guardian's evidence, signed; `key` names the box's key (wire.key_id)."""
    return _signed(_GUARDIAN, evidence, sign, key)


def finding_file(evidence: FindingEvidence, sign: Sign, key: str) -> bytes:
    """Return one finding with its inputs, signed; `key` names the box's key (wire.key_id)."""
    return _signed(FINDING, evidence, sign, key)


def _signed(context: bytes, message: Frozen, sign: Sign, key: str) -> bytes:
    body = message.model_dump(mode="json")
    signature = sign(context + canonical(body)).hex()
    return Signed(body=body, key_id=key, signature=signature).to_bytes()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# ---- checking ------------------------------------------------------------------------------


def check(content: bytes, public_key: bytes) -> Checked:
    """Return what `content` says if the box with `public_key` (32 bytes, raw) said exactly that.

    Raises InvalidInput: `not_an_export`, `another_key`, `signature_wrong`, `changed`.
    """
    if len(content) > MOST_BYTES:
        raise _bad("not_an_export", f"larger than {MOST_BYTES >> 20} MiB")
    if content[:1] == b"{":
        kind = _parsed(Signed, content).body.get("kind")
        if kind == "guardian":
            return _check_guardian(content, public_key)
        if kind == "finding":
            return _check_finding(content, public_key)
        return _check_consents(content, public_key, "consents")
    return _check_archive(content, public_key)


def _check_archive(content: bytes, public_key: bytes) -> Checked:
    files = _unzip(content)
    if sorted(files) != sorted((*_FILES, MANIFEST)) or zipped(files) != content:
        raise _bad("changed", "the archive isn't as the box wrote it")
    manifest = Manifest.model_validate_json(_opened(_ARCHIVED, files[MANIFEST], public_key, Manifest))
    if manifest.files != {name: _sha256(files[name]) for name in _FILES}:
        raise _bad("changed", "a file in it isn't the one that was signed")
    checked = _check_consents(files[CONSENTS], public_key, "access")
    held = _parsed(Held, files[DATA])
    if held.consents != tuple(one.consent for one in checked.consents):
        raise _bad("changed", "its two lists of consents differ")
    return checked


def _unzip(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > MOST_BYTES:
                raise _bad("not_an_export", "it unpacks to more than such a file can hold")
            return {one.filename: archive.read(one) for one in archive.infolist()}
    except _BROKEN_ZIP:
        raise _bad("not_an_export", "neither a list of consents nor a sound archive") from None


def _check_consents(content: bytes, public_key: bytes, kind: Literal["access", "consents"]) -> Checked:
    exported = Exported.model_validate_json(_opened(_EXPORTED, content, public_key, Exported))
    key = Ed25519PublicKey.from_public_bytes(public_key)
    consents = tuple(CheckedConsent(one, _holds(one, key)) for one in exported.consents)
    return Checked(kind, exported, consents)


def _check_guardian(content: bytes, public_key: bytes) -> Checked:
    body = _opened(_GUARDIAN, content, public_key, GuardianEvidence)
    evidence = GuardianEvidence.model_validate_json(body)
    key = Ed25519PublicKey.from_public_bytes(public_key)
    try:
        key.verify(bytes.fromhex(evidence.proof), AGREED + evidence.words.encode())
        promised = json.loads(evidence.words)["guardian"]["sha256"]
    except (InvalidSignature, ValueError, KeyError, TypeError):
        raise _bad("signature_wrong", "the agreement in it is not what the box signed") from None
    if promised != _sha256(evidence.shown.encode()):
        raise _bad("changed", "what was shown isn't what the agreement names")
    return Checked("guardian", evidence, ())


def _check_finding(content: bytes, public_key: bytes) -> Checked:
    """The box's word is one thing, the rules another: what it found has to follow from what it rests on."""
    evidence = FindingEvidence.model_validate_json(_opened(FINDING, content, public_key, FindingEvidence))
    try:
        case, rules = inputs.read(evidence.inputs.encode())
    except ValueError:
        raise _bad("changed", "what it rests on can't be read") from None
    found = judge(case, rules)
    if (found.verdict, found.reasons) != (evidence.verdict, evidence.reasons):
        raise _bad("another_finding", f"by these rules the same inputs give {found.verdict}")
    return Checked("finding", evidence, ())


def _opened(context: bytes, content: bytes, public_key: bytes, form: type[Frozen]) -> bytes:
    """Return the canonical body of a signed document, if it is of `form` and the signature is the box's."""
    signed = _parsed(Signed, content)
    if signed.key_id != key_id(public_key):
        raise _bad("another_key", "this file was signed by another box, or with another key of this one")
    try:
        body = canonical(signed.body)
        Ed25519PublicKey.from_public_bytes(public_key).verify(bytes.fromhex(signed.signature), context + body)
    except (InvalidSignature, ValueError):  # ValueError: numbers or text that have no canonical form
        raise _bad("signature_wrong", "what it says is not what the box signed") from None
    _parsed(form, body)
    return body


def _parsed(form: type[F], content: bytes) -> F:
    """Return `content` as `form`; only its one spelling is accepted."""
    try:
        value = form.model_validate_json(content)
        if canonical(value.model_dump(mode="json")) != content:
            raise _bad("changed", "it isn't spelled as the box spells it")
    except (ValidationError, ValueError, RecursionError):
        raise _bad("not_an_export", "not of the form that a box writes") from None
    return value


def _holds(consent: HeldConsent, key: Ed25519PublicKey) -> bool | None:
    """Return whether the box signed just this agreement; what was signed has to be what is shown."""
    record = consent.record
    if consent.proof is None or record is None:
        return None
    shown = (consent.scope, consent.version, consent.notice_version, consent.notice_hash, consent.act)
    signed = (record.scope, record.consent_version, record.notice_version, record.notice_hash, record.act)
    if shown != signed or consent.at_ms != record.at_ms:
        return False
    try:
        key.verify(bytes.fromhex(consent.proof), AGREED + canonical(record.model_dump(mode="json")))
    except (InvalidSignature, ValueError):
        return False
    return True


def _bad(code: str, hint: str) -> InvalidInput:
    return InvalidInput("check a file", code, hint)
