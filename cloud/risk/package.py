"""The package that a channel is handed: all of one deal or report, signed, and nothing about anyone else.

Each finding in it is the box's own file, as `gatehouse verify` reads it. What people decided is headquarters'
word, under its own key. Nobody who decided is named in it; nor is a channel that the deal stood under before.
"""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from sqlalchemy import RowMapping

from cloud.errors import InvalidOrder
from cloud.risk.opinions import Subject
from edge.wire import Signed, TimeQuality, canonical, key_id
from edge.wire.base import HexKey, Millis, Name
from edge.wire.finding import FindingEvidence, Ref, evidence_signing_input
from edge.wire.zipped import zipped

MANIFEST, OPINIONS, PAGE, STYLE = "manifest.json", "opinions.json", "index.html", "style.css"
MOST_BYTES = 16 << 20
_CHECK = "check a package"
_PACKAGE = b"gatehouse/v1/risk-package\n"
_BROKEN_ZIP = (
    zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, ValueError, OverflowError, EOFError,
    struct.error, zlib.error, OSError,
)  # fmt: skip
"""What zipfile raises on bytes that are no sound archive."""
T = TypeVar("T", bound=BaseModel)
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Exactly(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Manifest(_Exactly):
    """What a package is about, with whose keys, and the SHA-256 of each of its files.

    `left_out`: findings that their box's key of now didn't sign (an earlier program, an earlier key).
    """

    v: Literal[1] = 1
    tenant: Name
    at_ms: Millis
    project: Name
    about: Literal["deal", "report"]
    ref: Ref
    boxes: dict[Name, HexKey]
    left_out: tuple[str, ...]
    files: dict[str, Digest]


class _Vouched(_Exactly):
    body: Manifest
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


@dataclass(frozen=True, slots=True)
class Opened:
    """A package whose signatures hold: what it is about, and its findings."""

    manifest: Manifest
    findings: tuple[FindingEvidence, ...]


def finding_file(row: RowMapping, tenant: str, public_key: bytes) -> bytes | None:
    """Return one finding as its box signed it; None if it wasn't signed with this key."""
    if row["inputs"] is None or row["signature"] is None:
        return None
    evidence = FindingEvidence(
        tenant=tenant,
        site=row["site"],
        box=row["box"],
        at_ms=row["decided_ms"],
        quality=TimeQuality(row["time_quality"]),
        report_ref=row["report_ref"],
        deal_ref=row["deal_ref"],
        version=row["version"],
        decided_ms=row["decided_ms"],
        verdict=row["verdict"],
        reasons=tuple(row["reasons"]),
        inputs=row["inputs"],
    )
    if not _holds(public_key, row["signature"], evidence_signing_input(evidence)):
        return None
    body = evidence.model_dump(mode="json")
    return Signed(body=body, key_id=key_id(public_key), signature=row["signature"]).to_bytes()


def package(
    subject: Subject,
    tenant: str,
    findings: Sequence[RowMapping],
    keys: Mapping[str, bytes],
    reviews: Sequence[RowMapping],
    appeals: Sequence[RowMapping],
    attached: Mapping[str, Sequence[RowMapping]],
    page: tuple[str, str],
    sign: Callable[[bytes], str],
    now_ms: int,
) -> bytes:
    """Return the archive. `keys`: each box's public key; `sign`: headquarters' key over bytes, in hex.

    `attached`: what came with each appeal, of which the SHA-256 goes into it. `page`: HTML for people, and
    its style sheet. Raises InvalidOrder(`too_large`) for what no checker takes.
    """
    files = dict(zip((PAGE, STYLE), (part.encode() for part in page), strict=True))
    left_out = []
    for row in findings:
        name, made = (
            f"finding-{row['box']}-{row['version']}.json",
            finding_file(row, tenant, keys[row["box"]]),
        )
        if made is None or name in files:  # a box that was replaced counts its versions from one again
            left_out.append(name)
        else:
            files[name] = made
    said = {
        "reviews": [
            {"at_ms": one["at_ms"], "outcome": one["outcome"], "reason": one["reason"]} for one in reviews
        ],
        "appeals": [
            {
                "at_ms": one["at_ms"],
                "text": one["text"],
                "files": [file["sha256"] for file in attached.get(one["appeal_id"], ())],
            }
            for one in appeals
        ],
    }
    files[OPINIONS] = canonical(said)
    manifest = Manifest(
        tenant=tenant,
        at_ms=now_ms,
        **subject.model_dump(),
        boxes={box: key.hex() for box, key in sorted(keys.items())},
        left_out=tuple(sorted(left_out)),
        files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    )
    body = manifest.model_dump(mode="json")
    made_of = files | {MANIFEST: canonical({"body": body, "signature": sign(_PACKAGE + canonical(body))})}
    whole = zipped(made_of)
    if len(whole) > MOST_BYTES:
        raise InvalidOrder("make a package", "too_large", f"at most {MOST_BYTES >> 20} MiB")
    return whole


def check(content: bytes, headquarters: bytes, boxes: Mapping[str, bytes]) -> Opened:
    """Return what a package holds, if headquarters and each of its boxes signed it just so.

    `headquarters` and `boxes` (by name): public keys, 32 bytes, from somebody whom one trusts. Raises
    InvalidOrder: `not_a_package`, `changed`, `signature_wrong`, `unknown_box`, `about_another`.
    """
    files = _unzipped(content)
    vouched = _parsed(_Vouched, files.pop(MANIFEST, b""))
    manifest = vouched.body
    body = canonical(manifest.model_dump(mode="json"))
    if not _holds(headquarters, vouched.signature, _PACKAGE + body):
        raise InvalidOrder(_CHECK, "signature_wrong", "headquarters didn't sign this, or with another key")
    if manifest.files != {name: hashlib.sha256(made).hexdigest() for name, made in files.items()}:
        raise InvalidOrder(_CHECK, "changed", "a file in it isn't the one that was signed")
    found = sorted(name for name in files if name.startswith("finding-"))
    return Opened(manifest, tuple(_finding(name, files[name], manifest, boxes) for name in found))


def _finding(name: str, content: bytes, manifest: Manifest, boxes: Mapping[str, bytes]) -> FindingEvidence:
    signed = _parsed(Signed, content)
    try:
        evidence = FindingEvidence.model_validate_json(canonical(signed.body))
    except ValidationError:
        raise InvalidOrder(_CHECK, "not_a_package", f"{name} is no finding") from None
    key = boxes.get(evidence.box)
    if key is None:
        raise InvalidOrder(_CHECK, "unknown_box", f"{evidence.box}: its public key wasn't given")
    if signed.key_id != key_id(key) or not _holds(key, signed.signature, evidence_signing_input(evidence)):
        raise InvalidOrder(
            _CHECK, "signature_wrong", f"{name}: the box didn't sign this, or with another key"
        )
    ref = evidence.deal_ref if manifest.about == "deal" else evidence.report_ref
    named = f"finding-{evidence.box}-{evidence.version}.json"
    if (evidence.tenant, ref, name) != (manifest.tenant, manifest.ref, named):
        raise InvalidOrder(_CHECK, "about_another", f"{name} isn't about what the package is about")
    return evidence


def _holds(key: bytes, signature: str, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(signature), message)
    except InvalidSignature:
        return False
    return True


def _parsed(form: type[T], content: bytes) -> T:
    """Return `content` as `form`; only its one spelling is accepted."""
    try:
        value = form.model_validate_json(content)
        if canonical(value.model_dump(mode="json")) != content:
            raise InvalidOrder(_CHECK, "changed", "it isn't spelled as it was written")
    except (ValueError, RecursionError):  # ValidationError is one; so is what has no canonical form
        raise InvalidOrder(_CHECK, "not_a_package") from None
    return value


def _unzipped(content: bytes) -> dict[str, bytes]:
    if len(content) > MOST_BYTES:
        raise InvalidOrder(_CHECK, "not_a_package", f"larger than {MOST_BYTES >> 20} MiB")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > MOST_BYTES:
                raise InvalidOrder(_CHECK, "not_a_package", f"unpacks to more than {MOST_BYTES >> 20} MiB")
            files = {one.filename: archive.read(one) for one in archive.infolist()}
    except _BROKEN_ZIP:
        raise InvalidOrder(_CHECK, "not_a_package") from None
    if zipped(files) != content:
        raise InvalidOrder(_CHECK, "changed", "the archive isn't as headquarters wrote it")
    return files
