"""When a visit ends that nobody ended: at the office's closing time; pure, reads no clock."""

from datetime import datetime, time, timedelta, tzinfo


def closing_ms(arrived_ms: int, closes_at: time, zone: tzinfo) -> int:
    """Return the first closing time after an arrival, in ms since 1970; `zone` is the office's own."""
    arrived = datetime.fromtimestamp(arrived_ms / 1000, zone)
    closing = datetime.combine(arrived.date(), closes_at, zone)
    if closing <= arrived:
        closing = datetime.combine(arrived.date() + timedelta(days=1), closes_at, zone)
    return int(closing.timestamp() * 1000)
