"""Findings as a box makes them: real cases, judged by the box's rules and signed with the signer's key."""

from typing import Any

from edge.domain.judging import inputs
from edge.domain.judging.case import Answer, Case, Deal, Presence, Report
from edge.domain.judging.judge import judge
from edge.domain.judging.ruleset import read_rules
from edge.wire import TimeQuality, VerdictIssued
from edge.wire.finding import evidence_signing_input, inputs_digest
from tests.unit.cloud.signer import NOON, Signer, hexid

ANNA, BEN = "channel_risk:" + "a1" * 32, "channel_risk:" + "b2" * 32
MINUTE = 60_000
RULES = read_rules(
    """
name = "harbour-2026"
[[versions]]
version = 3
effective_from = 2026-01-01T00:00:00+08:00
late_report = { blind_before_minutes = 30 }
protection = { report_to_visit_days = 30 }
mode = { keeps = "first_report" }
fabricated_order = {}
answer = {}
"""
).versions[0]


def case(came_after_min: int | None, *, deal: str | None = None, **more: Any) -> Case:
    """A report at NOON, a customer who came so many minutes later (before it, if negative), or nobody."""
    came = () if came_after_min is None else (_came(came_after_min),)
    answers = (Answer(NOON + 5 * MINUTE, "walk_in"),) if more.pop("contradicts", False) else ()
    sold = Deal(deal, "channel-1", subscribed_ms=NOON + 90 * MINUTE) if deal else None
    others = (Report("", "channel-2", NOON + 10 * MINUTE),) if more.pop("rival", False) else ()
    report = Report("R-1", "channel-1", NOON)
    return Case(report, came, answers, others, deal=sold, **more)


def _came(after_min: int) -> Presence:
    return Presence(NOON + after_min * MINUTE, TimeQuality.SYNCHRONISED)


def finding(
    signer: Signer,
    made: Case,
    *,
    ref: str = "R-1",
    version: int = 1,
    who: str = ANNA,
    also: tuple[str, ...] = (),
    channel: str | None = "alpha",
    decided_ms: int = NOON + 100 * MINUTE,
) -> VerdictIssued:
    """Return the record that the box of `signer` sends."""
    used = inputs.used(made, RULES)
    found, spelled = judge(used, RULES), inputs.spelled(used, RULES).decode()
    first = used.presences[0] if used.presences else None
    record = VerdictIssued(
        verdict_id=hexid(hash((ref, version, signer.topics.box)) & 0xFFFFFFFF),
        report_ref=None if made.deal else ref,
        deal_ref=ref if made.deal else None,
        channel=channel,
        version=version,
        who=who,
        also=also,
        verdict=found.verdict,
        reasons=found.reasons,
        review_reasons=found.review_reasons,
        rule_set=RULES.name,
        rule_version=RULES.version,
        inputs_hash=inputs_digest(spelled),
        reported_ms=made.report.at_ms if made.report else None,
        presence_ms=first.at_ms if first else None,
        presence_quality=first.quality if first else None,
        decided_ms=decided_ms,
        inputs=spelled,
        outcomes=found.outcomes,
        signature="0" * 128,
    )
    topics = signer.topics
    where = {"tenant": topics.tenant, "site": topics.site, "box": topics.box}
    evidence = record.evidence(where, TimeQuality.SYNCHRONISED)
    assert evidence is not None
    signature = signer.key.sign(evidence_signing_input(evidence)).hex()
    return record.model_copy(update={"signature": signature})
