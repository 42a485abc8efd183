"""A withdrawal with a backlog in the outbox: it ends use on the box at once, and overtakes all that waits.

The short form of `scripts/bench withdrawal`, which does the same with 150,000 rows and 240 people.
"""

import pytest

from scripts.site.measuring.withdrawal import AT_HEADQUARTERS_S, ON_THE_BOX_S, Plan, Run, measure

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

PLAN = Plan(offline=6, online=2, backlog=20_000, drain=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return measure(tmp_path_factory.mktemp("withdrawal"), PLAN, lambda _line: None)


def test_p43_a_withdrawal_ends_a_running_lease_and_every_later_use_within_5_seconds(run: Run) -> None:
    """P43: by the control socket of a running core, while a card is being read and 20,000 rows wait."""
    for seconds in (run.times.answered, run.times.lease_over, run.times.refused):
        assert len(seconds) == PLAN.offline + PLAN.online
        assert max(seconds) <= ON_THE_BOX_S


def test_p43_headquarters_knows_within_60_seconds_of_being_online_whatever_waits(run: Run) -> None:
    """P43: those of the time offline and those made while the backlog drains overtake it."""
    assert run.backlog == PLAN.backlog
    assert len(run.times.at_headquarters) == PLAN.offline + PLAN.online
    assert max(run.times.at_headquarters) <= AT_HEADQUARTERS_S
    assert run.left_when_known > PLAN.backlog / 2, "it had not drained by then"
