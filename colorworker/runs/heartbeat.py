"""A run's heartbeat: its state on the destination, renewed while it goes on."""

import logging
import os
import platform
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

from colorworker import __version__
from colorworker.domain.comparison import Comparison, compared, seconds_left
from colorworker.domain.costs import Estimate
from colorworker.domain.runstate import Pace, RunCounts, RunOutcome, RunState, pace, run_to_json
from colorworker.driver import Progress
from colorworker.errors import ColorworkerError
from colorworker.report.itemlines import ItemLine
from colorworker.runs.workcounter import WorkCounter
from colorworker.state import STATE, now
from colorworker.store.objectstore import ObjectStore

T = TypeVar("T")

logger = logging.getLogger(__name__)

JOBS = f"{STATE}/jobs/"
"""Prefix of all that is kept of jobs."""
_ERRORS = 5
"""Sentences kept."""
_ERROR_LETTERS = 500
_SOURCES = 8
_WINDOW = 15
"""Heartbeats over which the present speed is taken."""


def run_key(job_id: str, run_id: str) -> str:
    """Return where a run's state lies; its reports lie beside it."""
    return f"{JOBS}{job_id}/runs/{run_id}.json"


def new_run_id() -> str:
    """Return an id that sorts by the time it was made; of one second, in any order."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"


def call_both(first: Callable[[T], None], second: Callable[[T], None]) -> Callable[[T], None]:
    """Return a function that gives its argument to one after the other."""

    def give(value: T) -> None:
        first(value)
        second(value)

    return give


class Heartbeat:
    """Writes a run's state at its start, every few seconds, and when it ends, however it ends.

        with Heartbeat(destination, job_id, sources, heartbeat_seconds=20) as kept:
            run_job(..., line=kept.add, progress=kept.show)

    A thread of its own does it: a store that is away for a while holds up heartbeats, not the job.
    Nobody else writes this key, so putting it again is safe. A process that is killed leaves the
    state as it was, which `standing` calls lost when it has grown old.
    """

    def __init__(
        self,
        store: ObjectStore,
        job_id: str,
        sources: Sequence[str] = (),
        *,
        heartbeat_seconds: float = 20.0,
        expected: Estimate | None = None,
    ) -> None:
        """Prepare the state of a new run; nothing is written yet.

        Args:
            store: The job's destination.
            job_id: Of the job.
            sources: As they were given.
            heartbeat_seconds: How often the state is renewed.
            expected: What the whole job should take, if that is known.
        """
        self._store = store
        moment = now()
        self._state = RunState(
            new_run_id(),
            job_id,
            moment,
            moment,
            sources=tuple(sources[:_SOURCES]),
            expected=expected,
            heartbeat_seconds=heartbeat_seconds,
            host=platform.node(),
            pid=os.getpid(),
            version=__version__,
        )
        self._progress = Progress(0)
        self._settled = {"succeeded": 0, "failed": 0, "skipped": 0, "parked": 0}
        self._resumed = 0
        self._work_counter = WorkCounter()
        self._errors: tuple[str, ...] = ()
        self._outcome: RunOutcome = "finished"
        self._start = time.monotonic()
        self._samples = deque([(self._start, RunCounts())], maxlen=_WINDOW + 1)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    @property
    def run_id(self) -> str:
        """Id of this run."""
        return self._state.run_id

    def __enter__(self) -> Self:
        self._put(self._state)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The thread may be in the middle of a put, which would then overwrite the end.
        self._ending.set()
        self._thread.join()
        outcome = self._outcome
        if error is not None:
            outcome = "broken" if isinstance(error, Exception) else "interrupted"
            self._remember(_sentence(error))
        self._put(self._ended(outcome))

    def add(self, line: ItemLine) -> None:
        """Count an item whose outcome is known."""
        self._settled["parked" if line.error_code == "parked" else line.outcome] += 1
        self._resumed += line.outcome == "succeeded" and line.resumed
        self._work_counter.add(line)
        if line.outcome == "failed":
            self._remember(line.error)

    def show(self, progress: Progress) -> None:
        """Take note of how far the job is."""
        self._progress = progress

    def comparison(self) -> Comparison | None:
        """Return what was expected of what has been worked on so far, beside what it took."""
        expected = self._state.expected
        if expected is None:
            return None
        return compared(expected, self._work_counter.work(self._progress), self._wall_seconds)

    def interrupted(self) -> None:
        """Say that the run was stopped before its end."""
        self._outcome = "interrupted"

    def broken(self, sentence: str) -> None:
        """Say that a part of the run could not be done, and why."""
        self._outcome = "broken"
        self._remember(sentence)

    def _beat(self) -> None:
        while not self._ending.wait(self._state.heartbeat_seconds):
            counts = self._counts()
            self._samples.append((time.monotonic(), counts))
            self._put(
                replace(
                    self._state,
                    updated_at=now(),
                    counts=counts,
                    pace=self._with_eta(pace(self._samples)),
                    last_errors=self._errors,
                )
            )

    def _ended(self, outcome: RunOutcome) -> RunState:
        counts = self._counts()
        mean = self._with_eta(pace([(self._start, RunCounts()), (time.monotonic(), counts)]))
        return replace(
            self._state,
            updated_at=now(),
            ended_at=now(),
            outcome=outcome,
            counts=counts,
            pace=replace(mean, eta_seconds=0.0 if outcome == "finished" else mean.eta_seconds),
            last_errors=self._errors,
            comparison=self.comparison(),
        )

    @property
    def _wall_seconds(self) -> float:
        return time.monotonic() - self._start

    def _with_eta(self, found: Pace) -> Pace:
        """Return the pace with the time left by the estimate, which knows a film from a picture."""
        expected = self._state.expected
        if expected is None:
            return found
        left = seconds_left(expected, self._work_counter.work(self._progress), self._wall_seconds)
        return found if left is None else replace(found, eta_seconds=round(left, 1))

    def _counts(self) -> RunCounts:
        progress = self._progress
        return RunCounts(
            items_total=progress.items_total,
            items_done=self._settled["succeeded"],
            items_resumed=self._resumed,
            items_failed=self._settled["failed"],
            items_skipped=self._settled["skipped"],
            items_parked=self._settled["parked"],
            units_expected=max(progress.units_known, progress.units_expected),
            units_done=progress.units_done,
            units_running=progress.units_running,
            frames_done=progress.frames_done,
            frames_resumed=progress.frames_resumed,
        )

    def _remember(self, sentence: str) -> None:
        short = sentence[:_ERROR_LETTERS]
        # A new tuple each time: the thread reads it at any moment.
        self._errors = (*self._errors, short)[-_ERRORS:]

    def _put(self, state: RunState) -> None:
        """Put the state; a store that will not take it is no reason to end a job."""
        try:
            self._store.put(run_key(state.job_id, state.run_id), run_to_json(state))
        except ColorworkerError as error:
            logger.warning("run %s: its state was not written: %s", state.run_id, error)


def _sentence(error: BaseException) -> str:
    if isinstance(error, ColorworkerError):
        return str(error)
    return f"{type(error).__name__}: {error}".removesuffix(": ")
