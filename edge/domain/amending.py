"""How long something that was typed or tapped wrongly can be put right at the desk; pure, no clock."""

from datetime import UTC, datetime, tzinfo

UNDO_MS = 10 * 60_000
"""A tap on 已离开 can be taken back for so long."""
LONGEST_MS = 24 * 3_600_000
"""Nobody stays longer in a sales office: such an end is a wrong date."""
SAME_ACT_MS = 10_000
"""What registering keeps, it keeps in one act: consents and visit, within so long before the visit's time."""


def day_began_ms(now_ms: int, zone: tzinfo) -> int:
    """Return when the day of `now_ms` began in `zone`."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    return int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def undo_left_ms(departed_ms: int | None, estimated: bool, now_ms: int) -> int:
    """Return for how long the end of a visit can still be taken back; 0: it can't.

    An estimate was nobody's tap; a clock that was set back gives no more time than there ever was.
    """
    if departed_ms is None or estimated or now_ms < departed_ms:
        return 0
    return max(0, departed_ms + UNDO_MS - now_ms)


def departure_fault(arrived_ms: int, departed_ms: int, now_ms: int) -> str | None:
    """Return why a visit can't have ended then, as a code; None if it can."""
    if departed_ms < arrived_ms:
        return "before_they_came"
    if departed_ms > now_ms:
        return "not_yet"
    return "longer_than_a_day" if departed_ms - arrived_ms > LONGEST_MS else None


def amendable(arrived_ms: int, departed_ms: int | None, day_began: int) -> bool:
    """Return whether the desk may still correct a visit: an open one, or one of today."""
    return departed_ms is None or max(arrived_ms, departed_ms) >= day_began
