"""The clock of 15 working days: moved days of the Chinese calendar, and years that aren't published yet."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.workdays import due_ms, is_working

ZONE = ZoneInfo("Asia/Shanghai")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


@pytest.mark.parametrize(
    ("asked", "days", "due"),
    [
        ("2025-09-29T09:00", 15, "2025-10-27"),  # 1 to 8 October off; the Saturday 11 October is worked
        ("2025-01-24T23:59", 1, "2025-01-26"),  # a Sunday that is worked before the Spring Festival
        ("2025-01-27T10:00", 1, "2025-02-05"),
        ("2025-03-03T00:00", 15, "2025-03-24"),
    ],
)
def test_holidays_and_moved_days_count_as_published_P41(asked: str, days: int, due: str) -> None:
    assert due_ms(ms(asked), days) == ms(f"{due}T00:00") + 86_400_000 - 1


def test_a_year_that_isnt_published_counts_monday_to_friday() -> None:
    assert [is_working(date(2099, 6, day)) for day in range(1, 8)] == [True] * 5 + [False] * 2


@given(st.integers(1_400_000_000_000, 4_000_000_000_000), st.integers(0, 10_000_000))
def test_asking_later_is_never_due_earlier(asked: int, later: int) -> None:
    assert asked < due_ms(asked) <= due_ms(asked + later)
