"""P53: how many people have a stored face is known; an alarm at 80,000, the filing's clock at 100,000."""

from pathlib import Path

import pytest

from edge.runtime.checks import Facts, faces, run_all
from edge.wire import Scope, TimeQuality
from tests.unit.store.world import World

DAY_MS = 86_400_000


def facts(count: int, filing_ms: int | None = None) -> Facts:
    return Facts(Path("/"), TimeQuality.SYNCHRONISED, 0, None, "up", "connected", 0, count, filing_ms)


@pytest.mark.parametrize(
    ("count", "filing_ms", "state"),
    [
        (0, None, "ok"),
        (79_999, None, "ok"),
        (80_000, None, "warn"),
        (100_000, 0, "filing_due"),
        (40, 31 * DAY_MS, "filing_due"),  # once reached, fewer faces end nothing
    ],
)
def test_p53_the_alarm_and_the_filing(count: int, filing_ms: int | None, state: str) -> None:
    line = faces.check(facts(count, filing_ms))
    assert line.state == state
    assert str(count) in line.what
    assert (state == "ok") == (line.hint == "")
    assert line in run_all(facts(count, filing_ms)), "found by its file, and shown by `status`"


def test_p53_people_are_counted_and_not_their_templates(tmp_path: Path) -> None:
    world = World(tmp_path)
    for n, templates in enumerate((1, 3, 2, 0)):
        who = world.register(f"+861390000000{n}", Scope.FACE_MATCH)
        for _ in range(templates):
            world.enrol(who, bytes(512))
    assert world.store.faces() == len(world.store.enrolled()) == 3
    world.store.close()
