"""Every step of the visit script is at headquarters as the peer who did it knows it (`demo --once`)."""

import json

import pytest

from tests.e2e.conftest import PLAY_S, Played

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(PLAY_S)]

STEPS = (
    "registration", "decline", "verdict_normal", "verdict_risk", "verdict_unknown",
    "verdict_masked", "verdict_contradicted", "verdict_deal_normal", "board", "face_enrolled",
    "face_confirmed", "card_read", "call_recorded", "call_not_recorded", "camera_cut", "head_count",
    "broker_cut", "withdrawal", "erasure",
)  # fmt: skip
"""What the demo promises, in a list of this test's own: a step that is left out is not one that passed."""


def test_the_script_is_played_to_its_end(played: Played) -> None:
    assert not played.trouble, played.trouble + played.logs
    assert sorted(step.name for step in played.steps) == sorted(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_headquarters_has_what_the_peer_knows(played: Played, name: str) -> None:
    """Shows P1 (decline), P14 (verdicts), P27 (calls), P43 (withdrawal) and P46 (erasure) end to end."""
    (step,) = [one for one in played.steps if one.name == name]
    kinds = sorted({row["kind"] for row in played.ledger})
    assert step.ok, (
        f"{name}\n  the peer knows   {json.dumps(step.peer, ensure_ascii=False)}"
        f"\n  headquarters has {json.dumps(step.headquarters, ensure_ascii=False)} (kinds: {kinds})"
        f"{played.logs}"
    )


def test_at_least_five_people_were_counted(played: Played) -> None:
    (counted,) = [step.headquarters for step in played.steps if step.name == "head_count"]
    assert counted is not None and counted["counted"] >= 5
