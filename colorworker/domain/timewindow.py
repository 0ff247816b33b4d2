"""Hours of the day in which a plan may run, in local time of a time zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY = timedelta(days=1)
_LOOK_AHEAD = 15
"""Days to search for the next opening: a weekly window can lose a night to a clock change."""


@dataclass(frozen=True)
class Window:
    """Opens at a local time on some days, and closes at another; if that is earlier, the next day.

    When clocks change during the window, it is an hour longer or shorter. A time that occurs twice
    means its first occurrence; a time that is skipped means the moment of the change.
    """

    opens: time
    closes: time
    zone: ZoneInfo
    days: frozenset[str] = frozenset(DAYS)
    """Days on which it opens, from `DAYS`."""

    def closes_at(self, now: datetime) -> datetime | None:
        """Return when the window that is open at `now` closes, in UTC; None if it is closed."""
        for begins, ends in self._around(now, days=1):
            if begins <= now < ends:
                return ends
        return None

    def next_opening(self, now: datetime) -> datetime | None:
        """Return when the window opens next after `now`, in UTC; None if it never does."""
        return next((begins for begins, _ in self._around(now, _LOOK_AHEAD) if begins > now), None)

    def local(self, moment: datetime) -> str:
        """Return a moment in local time: `Mon 2026-11-23 22:00 CET`."""
        return f"{moment.astimezone(self.zone):%a %Y-%m-%d %H:%M %Z}"

    def _around(self, now: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield (opening, closing) in UTC for the days from yesterday on, without empty windows."""
        first = now.astimezone(self.zone).date() - _DAY
        for step in range(days + 2):
            day = first + step * _DAY
            if DAYS[day.weekday()] not in self.days:
                continue
            closing_day = day if self.opens < self.closes else day + _DAY
            begins, ends = self._at(day, self.opens), self._at(closing_day, self.closes)
            if begins < ends:
                yield begins, ends

    def _at(self, day: date, moment: time) -> datetime:
        # In UTC, because Python compares datetimes of the same zone by their local time.
        return datetime.combine(day, moment, self.zone).astimezone(UTC)
