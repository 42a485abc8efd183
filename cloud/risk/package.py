"""The package that a channel is handed: all of one deal or report, signed, and nothing about anyone else.

Each finding in it is the box's own file, as `gatehouse verify` reads it. What people decided is headquarters'
word, under its own key. Nobody who decided is named in it.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import RowMapping

from cloud.errors import InvalidOrder
from cloud.risk.opinions import Subject
from edge.wire import Signed, TimeQuality, canonical, key_id
from edge.wire.finding import FindingEvidence, evidence_signing_input
from edge.wire.zipped import zipped

MANIFEST, OPINIONS, PAGE = "manifest.json", "opinions.json", "index.html"
MOST_BYTES = 16 << 20
_CHECK = "check a package"
_PACKAGE = b"gatehouse/v1/risk-package\n"


def finding_file(row: RowMapping, tenant: str, public_key: bytes) -> bytes | None:
    """Return one finding as its box signed it; None for one of an earlier program."""
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
    body = evidence.model_dump(mode="json")
    return Signed(body=body, key_id=key_id(public_key), signature=row["signature"]).to_bytes()


def package(
    subject: Subject,
    tenant: str,
    findings: Sequence[RowMapping],
    keys: Mapping[str, bytes],
    reviews: Sequence[RowMapping],
    appeals: Sequence[RowMapping],
    page: str,
    sign: Callable[[bytes], str],
    now_ms: int,
) -> bytes:
    """Return the archive. `keys`: each box's public key; `sign`: headquarters' key over bytes, in hex."""
    files: dict[str, bytes] = {PAGE: page.encode()}
    for row in findings:
        made = finding_file(row, tenant, keys[row["box"]])
        if made is not None:
            files[f"finding-{row['box']}-{row['version']}.json"] = made
    said = {
        "reviews": [
            {"at_ms": one["at_ms"], "outcome": one["outcome"], "reason": one["reason"]} for one in reviews
        ],
        "appeals": [{"at_ms": one["at_ms"], "text": one["text"]} for one in appeals],
    }
    files[OPINIONS] = canonical(said)
    manifest = {
        "v": 1,
        "tenant": tenant,
        "at_ms": now_ms,
        **subject.model_dump(),
        "boxes": {box: key.hex() for box, key in sorted(keys.items())},
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    body = canonical(manifest)
    signed = {"body": manifest, "signature": sign(_PACKAGE + body)}
    return zipped(files | {MANIFEST: canonical(signed)})


def check(content: bytes, headquarters: bytes, boxes: Mapping[str, bytes]) -> tuple[FindingEvidence, ...]:
    """Return the findings of a package that headquarters and each of its boxes signed just so.

    `headquarters` and `boxes` (by name): public keys, 32 bytes, from somebody whom one trusts. Raises
    InvalidOrder: `not_a_package`, `changed`, `signature_wrong`, `unknown_box`.
    """
    files = _unzipped(content)
    signed = _json(files.get(MANIFEST, b""))
    body = signed.get("body")
    if not isinstance(body, dict):
        raise InvalidOrder(_CHECK, "not_a_package")
    _verify(headquarters, bytes.fromhex(str(signed.get("signature"))), _PACKAGE + canonical(body))
    listed = {name: hashlib.sha256(made).hexdigest() for name, made in files.items() if name != MANIFEST}
    if body.get("files") != listed:
        raise InvalidOrder(_CHECK, "changed", "a file in it isn't the one that was signed")
    found = [name for name in files if name.startswith("finding-")]
    return tuple(_finding(files[name], boxes) for name in sorted(found))


def _finding(content: bytes, boxes: Mapping[str, bytes]) -> FindingEvidence:
    signed = Signed.model_validate_json(content)
    evidence = FindingEvidence.model_validate_json(canonical(signed.body))
    key = boxes.get(evidence.box)
    if key is None:
        raise InvalidOrder(_CHECK, "unknown_box", f"{evidence.box}: its public key wasn't given")
    _verify(key, bytes.fromhex(signed.signature), evidence_signing_input(evidence))
    return evidence


def _verify(key: bytes, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        raise InvalidOrder(_CHECK, "signature_wrong", "what it says isn't what was signed") from None


def _json(content: bytes) -> dict[str, Any]:
    try:
        return TypeAdapter(dict[str, Any]).validate_python(json.loads(content))
    except (ValueError, ValidationError, RecursionError):
        raise InvalidOrder(_CHECK, "not_a_package") from None


def _unzipped(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if len(content) > MOST_BYTES or sum(one.file_size for one in archive.infolist()) > MOST_BYTES:
                raise InvalidOrder(_CHECK, "not_a_package", f"larger than {MOST_BYTES >> 20} MiB")
            files = {one.filename: archive.read(one) for one in archive.infolist()}
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, NotImplementedError):
        raise InvalidOrder(_CHECK, "not_a_package") from None
    if zipped(files) != content:
        raise InvalidOrder(_CHECK, "changed", "the archive isn't as headquarters wrote it")
    return files
