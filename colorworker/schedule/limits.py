"""The limits of one run of a plan: interruption, time window and budget."""

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime

from colorworker.domain.schedule import RestorationPlan
from colorworker.driver import Progress


class Limits:
    """Counts the items, time and money of one run of a plan, and tells when it must stop."""

    def __init__(
        self,
        plan: RestorationPlan,
        interrupted: Callable[[], bool],
        clock: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        """Start counting.

        Args:
            plan: The plan; its window, if it has one, is open now.
            interrupted: Returns True once the run was asked to stop.
            clock: Returns the time.
            seconds: Returns monotonic seconds.
        """
        self._plan, self._interrupted, self._clock = plan, interrupted, clock
        self._seconds, self._start = seconds, seconds()
        self._closes_at = plan.window.closes_at(clock()) if plan.window else None
        self.items = 0
        """Sources that were worked on."""
        self.before = self.progress = Progress(0)
        """Progress of the collections that have ended, and of the current one."""

    @property
    def items_left(self) -> int | None:
        """Items left in the budget; None for no limit."""
        items = self._plan.budget.items
        return None if items is None else max(0, items - self.items)

    @property
    def is_interrupted(self) -> bool:
        """Whether the run was asked to stop."""
        return self._interrupted()

    def next_collection(self) -> None:
        """Count the current collection as ended."""
        self.before, self.progress = summed(self.before, self.progress), Progress(0)

    def reached(self) -> str:
        """Return which limit is reached, in words; empty if none is."""
        if self._interrupted():
            return "interrupted"
        window = self._plan.window
        if window and self._closes_at and self._clock() >= self._closes_at:
            return f"the window closed at {window.local(self._closes_at)}"
        return self._plan.budget.spent(self.items, self._seconds() - self._start)


def summed(first: Progress, second: Progress) -> Progress:
    """Return the progress of two jobs as one."""
    names = [field.name for field in fields(Progress)]
    return Progress(**{name: getattr(first, name) + getattr(second, name) for name in names})
