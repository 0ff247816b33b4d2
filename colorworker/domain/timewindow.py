"""Hours of the day in which a plan may run, by the clock on the wall of a time zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY = timedelta(days=1)
_LOOK_AHEAD = 15
"""Days: a weekly window can lose one night to a change of the clocks."""


@dataclass(frozen=True)
class Window:
    """Opens at a time of some days, and closes at another, the next day if that is earlier.

    Both are what the clock shows. So in the nights in which clocks change it is an hour longer or
    shorter; a time that is shown twice means its first showing, one that is skipped the moment of
    the change by the old clock.
    """

    opens: time
    closes: time
    zone: ZoneInfo
    days: frozenset[str] = frozenset(DAYS)
    """On which it opens, of `DAYS`."""

    def closes_at(self, now: datetime) -> datetime | None:
        """Return when the window that is open at `now` closes, in UTC; None if none is open."""
        for begins, ends in self._around(now, days=1):
            if begins <= now < ends:
                return ends
        return None

    def next_opening(self, now: datetime) -> datetime | None:
        """Return when a window opens next after `now`, in UTC; None if none ever does."""
        return next((begins for begins, _ in self._around(now, _LOOK_AHEAD) if begins > now), None)

    def local(self, moment: datetime) -> str:
        """Return a moment as the zone's clocks show it: `Mon 2026-11-23 22:00 CET`."""
        return f"{moment.astimezone(self.zone):%a %Y-%m-%d %H:%M %Z}"

    def _around(self, now: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield (opening, closing) in UTC of the days from yesterday on; empty ones left out."""
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
        # In UTC: datetimes of one zone are compared by what the clock shows, whatever it means.
        return datetime.combine(day, moment, self.zone).astimezone(UTC)
