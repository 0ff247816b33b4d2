"""One run of a restoration plan: one collection after another, within its window and budget.

Run it as often as you like: finished items stay done, failed ones are retried later, and the next
run continues with items that were not reached. Each collection is one job; see
`colorworker/job.py`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from colorworker import job
from colorworker.domain.runstate import SILENT_BEATS
from colorworker.domain.schedule import Collection, RestorationPlan
from colorworker.driver import Progress
from colorworker.errors import ColorworkerError
from colorworker.job import (
    Control,
    JobEnd,
    JobRequest,
    PlannedJob,
    Selection,
    silence,
    store_options,
)
from colorworker.report.itemlines import ItemLine
from colorworker.runs.heartbeat import Heartbeat, call_both
from colorworker.runs.jobspage import refreshing_jobs_page
from colorworker.runs.stateversion import write_state_version
from colorworker.schedule.limits import Limits, summed
from colorworker.schedule.planstate import CollectionState, claim, last_heartbeat, plan_job
from colorworker.schedule.worklist import CollectionTally, Worklist
from colorworker.settings import ExecutorName, Settings
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import open_store

Display = Callable[[], AbstractContextManager[Callable[[Progress], None]]]
PlanStatus = Literal["done", "stopped", "interrupted", "closed", "overlapping"]


@dataclass(frozen=True)
class CollectionEnd:
    """How the run of one collection ended."""

    name: str
    tally: CollectionTally
    job: JobEnd | None = None
    error: str = ""
    """Why the collection could not be run; empty if it was."""


@dataclass(frozen=True)
class PlanEnd:
    """How a run of the plan ended."""

    status: PlanStatus
    reason: str = ""
    """Why it stopped early or did not start; empty if it finished."""
    collections: tuple[CollectionEnd, ...] = ()

    @property
    def units_running(self) -> bool:
        """Whether abandoned units still keep this process from ending."""
        return any(item.job and item.job.progress.units_running for item in self.collections)


class _CollectionRun:
    """Ties one collection's job to the run of the plan: what it selects, counts and shows."""

    def __init__(
        self,
        plan: RestorationPlan,
        collection: Collection,
        limits: Limits,
        heartbeat: Heartbeat,
        clock: Callable[[], datetime],
        display: Display,
    ) -> None:
        self._plan, self._collection = plan, collection
        self._limits, self._heartbeat, self._clock = limits, heartbeat, clock
        self._display = display
        self._worklist: Worklist | None = None
        self.tally = CollectionTally()

    @property
    def control(self) -> Control:
        """Limits and callbacks of the collection's job."""
        return Control(
            stop_flag=lambda: nullcontext(lambda: bool(self._limits.reached())),
            display=self._shown,
            item=self._count,
            select=self._select,
            # No item is worked on beyond the budget.
            room=lambda: self._limits.items_left,
            may_be_empty=True,
        )

    @contextmanager
    def _select(self, planned: PlannedJob, destination: ObjectStore) -> Iterator[Selection]:
        """Give the entries that are due; if the block succeeds, the next run compares with it."""
        state = CollectionState(destination, self._plan.name, self._collection.name)
        options, plan = self._collection.options, planned.plan
        worklist = Worklist(plan, state, options, planned.model, self._plan.retry, self._clock)
        worklist.compare(plan.job_id, planned.scratch)
        self._worklist, self.tally = worklist, worklist.tally
        yield Selection(worklist, worklist.counts(plan.counts))
        # Only now: after a killed run, the next one reports missing sources again.
        state.set_last_job(plan.job_id)

    def _count(self, line: ItemLine) -> None:
        before = self.tally.worked_on
        if self._worklist is not None:
            self._worklist.add(line)
        self._limits.items += self.tally.worked_on - before
        self._heartbeat.add_item(line)

    @contextmanager
    def _shown(self) -> Iterator[Callable[[Progress], None]]:
        with self._display() as show:
            yield call_both(show, self._progress)

    def _progress(self, progress: Progress) -> None:
        self._limits.progress = progress
        self._heartbeat.update_progress(summed(self._limits.before, progress))


RunCollection = Callable[[Collection, Control], JobEnd]


def restore(
    plan: RestorationPlan,
    settings: Settings,
    *,
    executor: ExecutorName = "auto",
    workers: int | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    display: Display = silence,
    unreachable: Callable[[ColorworkerError], ColorworkerError] = lambda error: error,
) -> PlanEnd:
    """Run a plan on this machine or cluster; see `run_plan`.

    Args:
        plan: What to do.
        settings: Settings of this process.
        executor: `local`, `ray` or `auto`.
        workers: Maximum number of units at a time; None for the default.
        interrupted: Returns True once the run was asked to stop.
        display: Entered for each collection; gives the function that shows its progress.
        unreachable: Turns an error of the first destination into one that names its line.
    """

    def run_collection(collection: Collection, control: Control) -> JobEnd:
        return job.run(collection_request(collection, executor, workers), settings, control)

    return run_plan(
        plan,
        partial(open_store, options=store_options(settings)),
        run_collection,
        interrupted=interrupted,
        display=display,
        heartbeat_seconds=settings.run.heartbeat_seconds,
        unreachable=unreachable,
    )


def collection_request(
    collection: Collection, executor: ExecutorName = "auto", workers: int | None = None
) -> JobRequest:
    """Return the job of a collection as a request."""
    return JobRequest(
        collection.sources,
        collection.destination,
        collection.options,
        collection.model,
        executor,
        workers,
        collection.include,
        collection.exclude,
        collection.completion_report,
    )


def run_plan(
    plan: RestorationPlan,
    opened: Callable[[str], ObjectStore],
    run_collection: RunCollection,
    *,
    interrupted: Callable[[], bool] = lambda: False,
    display: Display = silence,
    heartbeat_seconds: float = 20.0,
    unreachable: Callable[[ColorworkerError], ColorworkerError] = lambda error: error,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    seconds: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> PlanEnd:
    """Run a plan as far as its window and budget allow, unless another run of it is in progress.

    A collection that cannot be run does not stop the others.

    Args:
        plan: What to do.
        opened: Opens a destination; the first collection's holds the plan's heartbeat.
        run_collection: Runs the job of one collection.
        interrupted: Returns True once the run was asked to stop.
        display: Entered for each collection; gives the function that shows its progress.
        heartbeat_seconds: How often the run's state is renewed.
        unreachable: Turns an error of the first destination into one that names its line.
        clock: Returns the time, with its zone.
        seconds: Returns monotonic seconds.
        pause: Sleeps; only used to see whether another run still sends heartbeats.

    Raises:
        ColorworkerError: What `unreachable` returns for an error of the first destination.
    """
    if plan.window and plan.window.closes_at(clock()) is None:
        opening = plan.window.next_opening(clock())
        when = plan.window.local(opening) if opening else "never"
        return PlanEnd("closed", f"it is outside its time window, which opens {when}")
    sources = [source for item in plan.collections for source in item.sources]
    with closing(opened(plan.collections[0].destination)) as home, ExitStack() as stack:
        heartbeat = Heartbeat(
            home, plan_job(plan.name), sources, heartbeat_seconds=heartbeat_seconds
        )
        claiming = partial(claim, home, plan.name, heartbeat.run_id, heartbeat_seconds)
        try:
            write_state_version(home, plan.collections[0].destination)
            holder = _holder(home, plan.name, lambda: claiming(clock()), heartbeat_seconds, pause)
        except ColorworkerError as error:
            raise unreachable(error) from error
        if holder:
            return PlanEnd("overlapping", f"another run of it is in progress ({holder})")
        stack.enter_context(refreshing_jobs_page(home, plan.collections[0].destination))
        stack.enter_context(heartbeat)
        limits = Limits(plan, interrupted, clock, seconds)
        started = partial(
            _CollectionRun, plan, limits=limits, heartbeat=heartbeat, clock=clock, display=display
        )
        end = _run_all(plan, limits, heartbeat, run_collection, started)
        if end.status != "done":
            heartbeat.mark_interrupted()
        return end


def _holder(
    home: ObjectStore,
    plan: str,
    claimed: Callable[[], str],
    heartbeat_seconds: float,
    pause: Callable[[float], None],
) -> str:
    """Return the id of the other run that holds the plan; empty once this run holds it.

    A run that looks active may just have been killed, and this may be the scheduler's last attempt
    of the night. So wait for the other run's next heartbeat before giving up.
    """
    holder = claimed()
    seen = last_heartbeat(home, plan, holder) if holder else ""
    waited = 0.0
    while holder and seen and waited <= SILENT_BEATS * heartbeat_seconds + 2:
        pause(heartbeat_seconds)
        waited += heartbeat_seconds
        holder = claimed()
        if holder and last_heartbeat(home, plan, holder) != seen:
            break
    return holder


def _run_all(
    plan: RestorationPlan,
    limits: Limits,
    heartbeat: Heartbeat,
    run_collection: RunCollection,
    started: Callable[[Collection], _CollectionRun],
) -> PlanEnd:
    ends: list[CollectionEnd] = []
    reason = ""
    for collection in plan.collections:
        if reason := limits.reached():
            break
        current = started(collection)
        try:
            end = run_collection(collection, current.control)
        except ColorworkerError as error:
            ends.append(CollectionEnd(collection.name, current.tally, error=str(error)))
            heartbeat.mark_broken(str(error))
            continue
        ends.append(CollectionEnd(collection.name, current.tally, end))
        limits.next_collection()
        if end.stopped:
            reason = limits.reached()
            break
    status: PlanStatus = "done"
    if reason:
        status = "interrupted" if limits.is_interrupted else "stopped"
    return PlanEnd(status, reason, tuple(ends))
