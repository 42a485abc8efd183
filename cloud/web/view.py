"""How times, spans, tokens and bars are written on a page; never reads a table."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from cloud.reports.visits import Footfall
from cloud.web.texts import Language, say

_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
CHART_WIDTH, CHART_HEIGHT = 900, 110
_OPENS, _CLOSES = 8, 20
"""The hours that a chart shows even when nobody came."""


def short(token: str) -> str:
    """Return the first 8 hex digits of a token: enough to tell two rows apart, useless elsewhere."""
    return token.rpartition(":")[2][:8]


@dataclass(frozen=True, slots=True)
class Day:
    """One calendar day of the site's time zone, and its bounds in milliseconds."""

    date: date
    from_ms: int
    to_ms: int
    is_today: bool

    @property
    def before(self) -> str:
        """The day before, as in a query string."""
        return (self.date - timedelta(days=1)).isoformat()

    @property
    def after(self) -> str:
        """The day after, as in a query string."""
        return (self.date + timedelta(days=1)).isoformat()


def day(zone: ZoneInfo, now_ms: int, asked: str | None = None) -> Day:
    """Return the asked day (ISO date), or today when none or nonsense was asked for."""
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    try:
        chosen = date.fromisoformat(asked) if asked else today
    except ValueError:
        chosen = today
    chosen = min(max(chosen, date(2000, 1, 1)), today)
    start = datetime(chosen.year, chosen.month, chosen.day, tzinfo=zone)
    end = chosen + timedelta(days=1)
    stop = datetime(end.year, end.month, end.day, tzinfo=zone)
    return Day(chosen, int(start.timestamp() * 1000), int(stop.timestamp() * 1000), chosen == today)


@dataclass(frozen=True, slots=True)
class Clock:
    """Writes times in one zone and one language, as seen at `now_ms`."""

    zone: ZoneInfo
    language: Language
    now_ms: int

    def _at(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, self.zone)

    def time(self, ms: int) -> str:
        """14:05, or with the date when it isn't today."""
        at, now = self._at(ms), self._at(self.now_ms)
        return at.strftime("%H:%M" if at.date() == now.date() else "%m-%d %H:%M")

    def seconds(self, ms: int) -> str:
        """14:05:09, or with the date when it isn't today."""
        at, now = self._at(ms), self._at(self.now_ms)
        return at.strftime("%H:%M:%S" if at.date() == now.date() else "%m-%d %H:%M:%S")

    def whole(self, ms: int) -> str:
        """2026-11-20 10:00:00, whatever day it is: for what is read later, or compared."""
        return self._at(ms).strftime("%Y-%m-%d %H:%M:%S")

    def iso(self, ms: int) -> str:
        """The whole time, for machines and tooltips."""
        return self._at(ms).isoformat(timespec="seconds")

    def ago(self, ms: int) -> str:
        """How long before now, roughly."""
        passed = max(0, self.now_ms - ms)
        for unit, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
            if passed >= unit:
                return say(self.language, f"ago.{name}", n=passed // unit)
        return say(self.language, "ago.now")

    def span(self, ms: int) -> str:
        """A length of time in the two largest units that matter."""
        hours, minutes, seconds = ms // _HOUR, ms % _HOUR // _MINUTE, ms % _MINUTE // 1000
        if hours:
            return say(self.language, "span.hours_minutes", h=hours, m=minutes)
        if minutes >= 10 or (minutes and not seconds):
            return say(self.language, "span.minutes", n=minutes)
        if minutes:
            return say(self.language, "span.minutes_seconds", m=minutes, s=seconds)
        return say(self.language, "span.seconds", n=seconds)


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour of a chart, in the chart's own units."""

    hour: int
    count: int
    x: float
    width: float
    y: float
    height: float


def bars(zone: ZoneInfo, counted: tuple[Footfall, ...]) -> tuple[Bar, ...]:
    """Return the bars of a day's head counts by hour, the highest as high as the chart."""
    sums: dict[int, int] = {}
    for one in counted:
        hour = datetime.fromtimestamp(one.from_ms / 1000, zone).hour
        sums[hour] = sums.get(hour, 0) + one.count
    hours = range(min([_OPENS, *sums]), max([_CLOSES, *sums]) + 1)
    top, step = max(sums.values(), default=1), CHART_WIDTH / len(hours)
    return tuple(
        Bar(
            hour=hour,
            count=sums.get(hour, 0),
            x=round(n * step + step * 0.2, 1),
            width=round(step * 0.6, 1),
            y=round(CHART_HEIGHT * (1 - sums.get(hour, 0) / top), 1),
            height=round(CHART_HEIGHT * sums.get(hour, 0) / top, 1),
        )
        for n, hour in enumerate(hours)
    )
