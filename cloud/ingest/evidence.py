"""Checks that a finding which brings what it rests on was signed, just so, by its box; never judges.

The batch's signature says who sent it. This one says that it stands for itself: an agent is handed it alone.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud.fleet.boxes import Box
from edge.wire import Entry, VerdictIssued
from edge.wire.finding import Finding, evidence_signing_input, inputs_digest


def fault(box: Box, entry: Entry) -> str | None:
    """Return why `entry` isn't taken (`inputs_altered`, `finding_contradicts`, `finding_not_signed`) or None.

    A finding of an earlier program brings neither inputs nor signature; it never was one on a deal.
    """
    record = entry.record
    if not isinstance(record, VerdictIssued):
        return None
    if record.inputs is None or record.signature is None:
        return "finding_not_signed" if record.deal_ref is not None else None
    if inputs_digest(record.inputs) != record.inputs_hash:
        return "inputs_altered"
    found = Finding(record.verdict, record.outcomes)
    said = (record.verdict, record.reasons, record.review_reasons)
    if (_come_to(record), found.reasons, found.review_reasons) != said:
        return "finding_contradicts"
    evidence = record.evidence({"tenant": box.tenant, "site": box.site, "box": box.box}, entry.time_quality)
    assert evidence is not None
    try:
        Ed25519PublicKey.from_public_bytes(box.public_key).verify(
            bytes.fromhex(record.signature), evidence_signing_input(evidence)
        )
    except InvalidSignature:
        return "finding_not_signed"
    return None


def _come_to(record: VerdictIssued) -> str:
    """Return what the rules' outcomes come to: any RISK, else any UNKNOWN, else NORMAL."""
    found = {one.verdict for one in record.outcomes}
    return next((verdict for verdict in ("RISK", "UNKNOWN", "NORMAL") if verdict in found), "UNKNOWN")
