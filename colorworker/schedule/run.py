"""One run of a restoration plan: collection after collection, within its window and its budget.

Run it again and again: what is done stays done, what has failed is tried again later, and what was
not reached comes next. Where a collection's units run is not decided here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from colorworker.domain.options import ModelRef
from colorworker.domain.runstate import SILENT_BEATS
from colorworker.domain.schedule import Collection, RestorationPlan
from colorworker.driver import Progress
from colorworker.errors import ColorworkerError
from colorworker.inputs.jobplan import Plan
from colorworker.report.itemlines import ItemLine
from colorworker.runs.heartbeat import RunKeeper
from colorworker.runs.publishpage import fresh_page
from colorworker.schedule.planstate import CollectionState, claim, last_sign, plan_job
from colorworker.schedule.worklist import Tally, Worklist
from colorworker.store.objectstore import ObjectStore

Standing = Literal["done", "stopped", "interrupted", "closed", "overlapping"]


@dataclass(frozen=True)
class JobEnd:
    """How the job of one collection ended."""

    progress: Progress
    page: str
    """Where its report's page lies, as it is shown to people."""
    stopped: bool
    completion_report: str = ""
    """URI of its manifest; empty if none was asked for, or nothing was come to."""


@dataclass(frozen=True)
class CollectionEnd:
    """What became of one collection."""

    name: str
    tally: Tally
    job: JobEnd | None = None
    error: str = ""
    """Why it could not be run; empty if it was."""


@dataclass(frozen=True)
class PlanEnd:
    """What became of a run of the plan."""

    standing: Standing
    reason: str = ""
    """Why it did not come to its end; empty if it did."""
    collections: tuple[CollectionEnd, ...] = ()

    @property
    def units_running(self) -> bool:
        """Tell whether units were abandoned, which hold up the end of this process."""
        return any(item.job and item.job.progress.units_running for item in self.collections)


class Watch:
    """What a collection's job needs to know of the plan it is run for, and tells it."""

    def __init__(
        self,
        plan: RestorationPlan,
        collection: Collection,
        limits: "Limits",
        kept: RunKeeper,
        clock: Callable[[], datetime],
    ) -> None:
        self._plan, self._collection = plan, collection
        self._limits, self._kept, self._clock = limits, kept, clock
        self._worklist: Worklist | None = None
        self.tally = Tally()

    @contextmanager
    def worklist(
        self, planned: Plan, model: ModelRef, destination: ObjectStore, scratch: Path
    ) -> Iterator[Worklist]:
        """Give what is to be done; when the block ends well, the next run compares with this one.

        Args:
            planned: All entries of the collection.
            model: The collection's weights.
            destination: Of the collection.
            scratch: Folder for a list of what is gone.
        """
        state = CollectionState(destination, self._plan.name, self._collection.name)
        options = self._collection.options
        worklist = Worklist(planned, state, options, model, self._plan.retry, self._clock)
        worklist.compare(planned.job_id, scratch)
        self._worklist, self.tally = worklist, worklist.tally
        yield worklist
        # Not before: what a killed run has seen gone is reported once more.
        state.set_last_job(planned.job_id)

    def stopping(self) -> bool:
        """Tell whether nothing more is to be begun."""
        return bool(self._limits.reached())

    def room(self) -> int | None:
        """Return how many items may be under way, so that none is worked on beyond the budget."""
        return self._limits.items_left

    def line(self, line: ItemLine) -> None:
        """Take note of an item's outcome."""
        before = self.tally.worked_on
        if self._worklist is not None:
            self._worklist.add(line)
        self._limits.items += self.tally.worked_on - before
        self._kept.add(line)

    def show(self, progress: Progress) -> None:
        """Take note of how far the collection is."""
        self._limits.progress = progress
        self._kept.show(summed(self._limits.before, progress))


class Limits:
    """Signals, window and budget of one run, and what of them is used up."""

    def __init__(
        self,
        plan: RestorationPlan,
        interrupted: Callable[[], bool],
        clock: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        """Begin to count.

        Args:
            plan: Whose window is open, if it has one.
            interrupted: Tells whether somebody wants it to end.
            clock: Says the time.
            seconds: Says seconds that no change of the clock disturbs.
        """
        self._plan, self._interrupted, self._clock = plan, interrupted, clock
        self._seconds, self._start = seconds, seconds()
        self._closes_at = plan.window.closes_at(clock()) if plan.window else None
        self.items = 0
        """Sources that were worked on."""
        self.before = self.progress = Progress(0)
        """Of the collections that have ended, and of the present one."""

    @property
    def items_left(self) -> int | None:
        """Items that the budget still has; None for no bound."""
        items = self._plan.budget.items
        return None if items is None else max(0, items - self.items)

    @property
    def is_interrupted(self) -> bool:
        """Tell whether somebody wants it to end."""
        return self._interrupted()

    def next_collection(self) -> None:
        """Count what was shown last as ended."""
        self.before, self.progress = summed(self.before, self.progress), Progress(0)

    def reached(self) -> str:
        """Return why nothing more is to be begun, as words; empty if there is no reason."""
        if self._interrupted():
            return "interrupted"
        window = self._plan.window
        if window and self._closes_at and self._clock() >= self._closes_at:
            return f"the window closed at {window.local(self._closes_at)}"
        return self._plan.budget.spent(self.items, self._seconds() - self._start)


RunCollection = Callable[[Collection, Watch], JobEnd]


def restore(
    plan: RestorationPlan,
    opened: Callable[[str], ObjectStore],
    run_collection: RunCollection,
    *,
    interrupted: Callable[[], bool] = lambda: False,
    heartbeat_seconds: float = 20.0,
    unreachable: Callable[[ColorworkerError], ColorworkerError] = lambda error: error,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    seconds: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> PlanEnd:
    """Run a plan as far as its window and its budget let it, unless it is being run already.

    Args:
        plan: What is to be done.
        opened: Opens a destination; the first collection's holds the plan's heartbeat.
        run_collection: Runs one collection's job; a collection that cannot be run does not keep
            the others from theirs.
        interrupted: Tells whether somebody wants it to end.
        heartbeat_seconds: How often the run's state is renewed.
        unreachable: Says where the plan names the destination that its state cannot be kept on.
        clock: Says the time, with its zone.
        seconds: Says seconds that no change of the clock disturbs.
        pause: Sleeps; only used to see whether another run's heart beats.

    Raises:
        ColorworkerError: What `unreachable` makes of an error of the first destination.
    """
    if plan.window and plan.window.closes_at(clock()) is None:
        opening = plan.window.next_opening(clock())
        when = plan.window.local(opening) if opening else "never"
        return PlanEnd("closed", f"it is outside of its window, which opens {when}")
    sources = [source for item in plan.collections for source in item.sources]
    with closing(opened(plan.collections[0].destination)) as home, ExitStack() as stack:
        keeper = RunKeeper(home, plan_job(plan.name), sources, heartbeat_seconds=heartbeat_seconds)
        claiming = partial(claim, home, plan.name, keeper.run_id, heartbeat_seconds)
        try:
            holder = _holder(home, plan.name, lambda: claiming(clock()), heartbeat_seconds, pause)
        except ColorworkerError as error:
            raise unreachable(error) from error
        if holder:
            return PlanEnd("overlapping", f"another run of it is going on ({holder})")
        stack.enter_context(fresh_page(home, plan.collections[0].destination))
        kept = stack.enter_context(keeper)
        limits = Limits(plan, interrupted, clock, seconds)
        end = _run_all(plan, limits, kept, run_collection, clock)
        if end.standing != "done":
            kept.interrupted()
        return end


def _holder(
    home: ObjectStore,
    plan: str,
    claimed: Callable[[], str],
    heartbeat_seconds: float,
    pause: Callable[[float], None],
) -> str:
    """Return which other run holds the plan; nothing once it is ours.

    What seems alive may just have been killed, and this be the scheduler's next try, the last one
    of the night: so its next heartbeat is waited for.
    """
    holder = claimed()
    seen = last_sign(home, plan, holder) if holder else ""
    waited = 0.0
    while holder and seen and waited <= SILENT_BEATS * heartbeat_seconds + 2:
        pause(heartbeat_seconds)
        waited += heartbeat_seconds
        holder = claimed()
        if holder and last_sign(home, plan, holder) != seen:
            break
    return holder


def _run_all(
    plan: RestorationPlan,
    limits: Limits,
    kept: RunKeeper,
    run_collection: RunCollection,
    clock: Callable[[], datetime],
) -> PlanEnd:
    ends: list[CollectionEnd] = []
    reason = ""
    for collection in plan.collections:
        if reason := limits.reached():
            break
        watch = Watch(plan, collection, limits, kept, clock)
        try:
            job = run_collection(collection, watch)
        except ColorworkerError as error:
            ends.append(CollectionEnd(collection.name, watch.tally, error=str(error)))
            kept.broken(str(error))
            continue
        ends.append(CollectionEnd(collection.name, watch.tally, job))
        limits.next_collection()
        if job.stopped:
            reason = limits.reached()
            break
    standing: Standing = "done"
    if reason:
        standing = "interrupted" if limits.is_interrupted else "stopped"
    return PlanEnd(standing, reason, tuple(ends))


def summed(first: Progress, second: Progress) -> Progress:
    """Return two jobs' progress as that of one."""
    names = [field.name for field in fields(Progress)]
    return Progress(**{name: getattr(first, name) + getattr(second, name) for name in names})
