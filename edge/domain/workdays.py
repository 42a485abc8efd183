"""When 15 working days are over, by the Chinese calendar with its moved working days; knows no request.

For a year whose holidays aren't published yet, Monday to Friday count: that can only make a date earlier
than the law allows, as long as no working day is moved to a weekend before it.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar

ANSWER_WITHIN = 15
"""Working days for the answer to a person's request."""
_ZONE = ZoneInfo("Asia/Shanghai")


def is_working(day: date) -> bool:
    """Return whether `day` is a working day."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:  # no holidays are known for that year
        return day.weekday() < 5


def due_ms(asked_ms: int, days: int = ANSWER_WITHIN) -> int:
    """Return the end, in ms, of the working day number `days` after the day on which `asked_ms` falls."""
    day, left = datetime.fromtimestamp(asked_ms / 1000, _ZONE).date(), days
    while left:
        day += timedelta(days=1)
        left -= is_working(day)
    midnight = datetime(day.year, day.month, day.day, tzinfo=_ZONE) + timedelta(days=1)
    return int(midnight.timestamp() * 1000) - 1
