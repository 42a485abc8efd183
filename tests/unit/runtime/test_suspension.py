"""A box a week without headquarters matches no face, over restarts too, and `status` says so."""

from pathlib import Path

import pytest

from edge.consent.policy import FACE_SUSPENDED_AFTER_MS
from edge.runtime.checks import Facts, matching, notice
from edge.wire import TimeQuality

DAY_MS = 24 * 3600 * 1000


def facts(offline_ms: int) -> Facts:
    return Facts(
        state_directory=Path("/"), clock_quality=TimeQuality.SYNCHRONISED, outbox_depth=0,
        outbox_oldest_ms=None, link="down", link_code="x", offline_ms=offline_ms,
        notice_version="v1", notice_hash="a" * 64,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("offline_ms", "state"),
    [(0, "ok"), (FACE_SUSPENDED_AFTER_MS, "ok"), (FACE_SUSPENDED_AFTER_MS + 1, "suspended")],
)
def test_p43_status_shows_that_matching_is_suspended(offline_ms: int, state: str) -> None:
    """P43: a withdrawal may wait at headquarters; the line isn't healthy, so somebody looks."""
    line = matching.check(facts(offline_ms))
    assert line.state == state
    assert (state == "ok") is (not line.hint)


def test_status_names_the_notice_in_force() -> None:
    """P7: which words visitors agree to, to compare with headquarters'."""
    assert notice.check(facts(0)).what == "v1, sha256 aaaaaaaaaaaaaaaa…"
