"""The office's closing time: the first after an arrival, never before it, never more than a day later."""

from datetime import UTC, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from edge.domain.closing import closing_ms

CHINA = ZoneInfo("Asia/Shanghai")


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=CHINA).timestamp() * 1000)


def test_who_came_in_the_afternoon_has_left_by_the_evening() -> None:
    assert closing_ms(_ms("2026-05-01T14:30"), time(21, 0), CHINA) == _ms("2026-05-01T21:00")


def test_who_came_after_closing_time_has_left_by_the_next_evening() -> None:
    assert closing_ms(_ms("2026-05-01T21:00"), time(21, 0), CHINA) == _ms("2026-05-02T21:00")
    assert closing_ms(_ms("2026-05-01T23:50"), time(21, 0), CHINA) == _ms("2026-05-02T21:00")


@given(
    st.integers(1_577_836_800_000, 2_208_988_800_000),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.sampled_from([UTC, CHINA, timezone(timedelta(hours=-9))]),
)
def test_it_comes_after_the_arrival_and_within_a_day(at: int, closes: time, zone: timezone) -> None:
    closing = closing_ms(at, closes, zone)
    assert 0 < closing - at <= 24 * 3_600_000
    assert datetime.fromtimestamp(closing / 1000, zone).time() == closes
