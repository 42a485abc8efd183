"""One valid record of every kind, with what a test wants to change; for the tests of cloud only."""

from collections.abc import Callable
from typing import Any

from edge import wire
from edge.wire.records import PACKAGE_TEXT
from tests.unit.cloud.signer import NOON, WHO, hexid


def visit(**changes: Any) -> wire.VisitRecorded:
    evidence = wire.Evidence(
        kind="registration",
        at_ms=NOON,
        basis=wire.Basis(kind=wire.BasisKind.CONSENT, scope=wire.Scope.REGISTRATION),
    )
    values = {"visit_id": hexid(1), "revision": 1, "who": WHO, "returning": False, "party_size": 2}
    return wire.VisitRecorded(**{**values, "arrived_ms": NOON, "evidence": (evidence,), **changes})


def consent(**changes: Any) -> wire.ConsentRecorded:
    values = {"who": WHO, "scope": "registration", "consent_version": 1, "notice_version": "n1"}
    return wire.ConsentRecorded(**{**values, "notice_hash": "0" * 64, "act": "tap", "at_ms": NOON, **changes})


def withdrawal(**changes: Any) -> wire.ConsentWithdrawn:
    return wire.ConsentWithdrawn(
        **{"who": WHO, "scope": "registration", "at_ms": NOON + 10, "by": "visitor", **changes}
    )


def call(**changes: Any) -> wire.CallRecorded:
    values = {"call_id": hexid(2), "line": "desk", "started_ms": NOON, "duration_ms": 61_000}
    return wire.CallRecorded(
        **{**values, "answered": True, "notice_played": True, "recorded": False, **changes}
    )


def verdict(**changes: Any) -> wire.VerdictIssued:
    values = {
        "verdict_id": hexid(3),
        "report_ref": "R-1",
        "version": 1,
        "who": WHO,
        "verdict": "RISK",
        "reasons": ("late_report",),
        "rule_set": "demo",
        "rule_version": 1,
        "inputs_hash": "1" * 64,
        "reported_ms": NOON + 5,
        "presence_ms": NOON,
        "presence_quality": "synchronised",
        "decided_ms": NOON + 20,
    }
    return wire.VerdictIssued(**{**values, **changes})


def footfall(**changes: Any) -> wire.FootfallCounted:
    return wire.FootfallCounted(
        **{"camera": "entrance", "from_ms": NOON, "to_ms": NOON + 900_000, "count": 17, **changes}
    )


def health(**changes: Any) -> wire.DeviceHealth:
    return wire.DeviceHealth(
        **{"device": "entrance", "state": "up", "code": "ok", "since_ms": NOON, **changes}
    )


def blind(**changes: Any) -> wire.BlindTime:
    return wire.BlindTime(
        **{"device": "entrance", "from_ms": NOON, "to_ms": NOON + 60_000, "cause": "link_down", **changes}
    )


def erasure(**changes: Any) -> wire.ErasureReceipt:
    values = {"command_id": hexid(9), "who": WHO, "outcome": "erased", "keys_destroyed": 3}
    return wire.ErasureReceipt(
        **{**values, "rows": {"visits": 1, "consents": 2}, "at_ms": NOON + 100, **changes}
    )


def answer(**changes: Any) -> wire.CommandAnswered:
    return wire.CommandAnswered(
        **{"command_id": hexid(8), "outcome": "done", "code": "ok", "at_ms": NOON + 100, **changes}
    )


def package(**changes: Any) -> wire.RightsPackage:
    values = {"link_id": hexid(5), "revision": NOON, "sealed": "A" * PACKAGE_TEXT, "last": False}
    return wire.RightsPackage(**{**values, "at_ms": NOON, **changes})


def audit_head(**changes: Any) -> wire.AuditHead:
    return wire.AuditHead(
        **{"size": 3, "root": "2" * 64, "from_size": 0, "proof": (), "at_ms": NOON, **changes}
    )


def retokened(**changes: Any) -> wire.Retokened:
    return wire.Retokened(**{"old": "visit:" + "ea" * 32, "new": "visit:" + "eb" * 32, **changes})


def merged(**changes: Any) -> wire.Merged:
    return wire.Merged(**{"old": "visit:" + "ea" * 32, "new": "visit:" + "eb" * 32, **changes})


def reattributed(**changes: Any) -> wire.VisitReattributed:
    fields = {
        "visit_id": hexid(7), "who": WHO, "scopes": (wire.Scope.ID_CARD,), "since_ms": NOON - 10_000,
        "until_ms": NOON,
    }  # fmt: skip
    return wire.VisitReattributed(**{**fields, **changes})


def box_keys(**changes: Any) -> wire.BoxKeys:
    return wire.BoxKeys(
        **{"project": "riverside", "enrolment_key": "5" * 64, "signature": "6" * 128, **changes}
    )


ONE_OF_EACH: tuple[Callable[[], wire.Record], ...] = (
    visit, consent, withdrawal, call, verdict, footfall, health, blind, erasure, answer,
    package, audit_head, retokened, merged, reattributed, box_keys, wire.Voided
)  # fmt: skip
