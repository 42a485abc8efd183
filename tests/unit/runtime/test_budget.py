"""How many records a worker may queue: a minute's worth at once, then evenly, whatever the order."""

from hypothesis import given
from hypothesis import strategies as st

from edge.runtime.budget import CALLS, CARDS, LEAST_HEADCOUNTS, STATES, Budget, per_minute

LIMITS = per_minute(900)
SAID = st.tuples(
    st.sampled_from(("a", "b", "")), st.sampled_from((*LIMITS, "progress")), st.floats(0, 90, allow_nan=False)
)


@given(st.lists(SAID, max_size=300))
def test_no_more_than_a_minutes_worth_and_what_came_since(said: list[tuple[str, str, float]]) -> None:
    now = 0.0
    budget = Budget(LIMITS, lambda: now)
    spent: dict[tuple[str, str], int] = {}
    for device, kind, later in said:
        now += later
        allowed = budget.spend(device, kind)
        spent[device, kind] = spent.get((device, kind), 0) + allowed
        if kind not in LIMITS:
            assert allowed, "what queues no record has no limit"
        else:
            assert spent[device, kind] <= LIMITS[kind] * (1 + now / 60) + 1e-6


def test_a_device_that_floods_costs_no_other_device_anything() -> None:
    budget = Budget(LIMITS, lambda: 0.0)
    assert sum(budget.spend("a", "device_state") for _ in range(1000)) == STATES
    assert budget.spend("b", "device_state") and budget.spend("a", "call_ended")


def test_a_minute_later_there_is_a_minutes_worth_again() -> None:
    now = 0.0
    budget = Budget(LIMITS, lambda: now)
    for _ in range(2):
        assert sum(budget.spend("a", "call_started") for _ in range(1000)) == CALLS
        now += 60


def test_what_was_asked_for_is_no_flood_and_saves_nothing_up() -> None:
    budget = Budget(LIMITS, lambda: 0.0)
    for _ in range(10 * CARDS):
        budget.earn("a", "card_failed")
        assert budget.spend("a", "card_failed")
    for _ in range(1000):
        budget.earn("a", "card_failed")
        budget.earn("a", "progress")
    assert sum(budget.spend("a", "card_failed") for _ in range(1000)) == CARDS


def test_head_counts_follow_the_interval() -> None:
    assert per_minute(900)["headcount"] == LEAST_HEADCOUNTS
    assert per_minute(10)["headcount"] == 18
