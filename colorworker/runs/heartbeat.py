"""The heartbeat of a run: its state on the destination, renewed every few seconds."""

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
from colorworker.domain.comparison import Comparison, compare_with_estimate, seconds_left
from colorworker.domain.costs import Estimate
from colorworker.domain.runstate import (
    Pace,
    RunCounts,
    RunOutcome,
    RunState,
    measure_pace,
    run_to_json,
)
from colorworker.driver import Progress
from colorworker.errors import ColorworkerError
from colorworker.report.itemlines import ItemLine
from colorworker.runs.runprocess import process_space
from colorworker.runs.workcounter import WorkCounter
from colorworker.state import STATE, now
from colorworker.store.objectstore import ObjectStore

T = TypeVar("T")

logger = logging.getLogger(__name__)

JOBS = f"{STATE}/jobs/"
"""Prefix of everything that is stored about jobs."""
_MAX_ERRORS = 5
"""Number of last errors in the state."""
_MAX_ERROR_LENGTH = 500
_MAX_SOURCES = 8
_PACE_HEARTBEATS = 15
"""Number of heartbeats over which the current speed is measured."""


def run_key(job_id: str, run_id: str) -> str:
    """Return the key of a run's state; its reports have the same key with other extensions."""
    return f"{JOBS}{job_id}/runs/{run_id}.json"


def new_run_id() -> str:
    """Return a unique id that sorts by creation time, to the second."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"


def call_both(first: Callable[[T], None], second: Callable[[T], None]) -> Callable[[T], None]:
    """Return a function that passes its argument to `first` and then to `second`."""

    def call(value: T) -> None:
        first(value)
        second(value)

    return call


class Heartbeat:
    """Writes a run's state when it starts, every few seconds, and however it ends.

        with Heartbeat(destination, job_id, sources, heartbeat_seconds=20) as heartbeat:
            run_job(..., line=heartbeat.add_item, progress=heartbeat.update_progress)

    A thread writes the state, so an unavailable store delays heartbeats but not the job. No other
    process writes this key, so overwriting it is safe. If the process is killed, the state stays as
    it was, and `run_status` returns "lost" once it is too old.
    """

    def __init__(
        self,
        store: ObjectStore,
        job_id: str,
        sources: Sequence[str] = (),
        *,
        items: int = 0,
        heartbeat_seconds: float = 20.0,
        expected: Estimate | None = None,
    ) -> None:
        """Prepare the state of a new run without writing it yet.

        Args:
            store: The job's destination.
            job_id: Id of the job.
            sources: SOURCE arguments as the user gave them.
            items: Number of items, as far as it is known.
            heartbeat_seconds: Interval between heartbeats.
            expected: Estimate of the whole job, if there is one.
        """
        self._store = store
        started_at = now()
        self._state = RunState(
            new_run_id(),
            job_id,
            started_at,
            started_at,
            sources=tuple(sources[:_MAX_SOURCES]),
            expected=expected,
            heartbeat_seconds=heartbeat_seconds,
            host=platform.node(),
            pid=os.getpid(),
            process_space=process_space(),
            version=__version__,
        )
        self._progress = Progress(items)
        self._settled = {"succeeded": 0, "failed": 0, "skipped": 0, "parked": 0}
        self._resumed = 0
        self._work_counter = WorkCounter()
        self._errors: tuple[str, ...] = ()
        self._outcome: RunOutcome = "finished"
        self._start = time.monotonic()
        self._samples = deque([(self._start, RunCounts())], maxlen=_PACE_HEARTBEATS + 1)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._renew_until_stopped, name="heartbeat", daemon=True
        )

    @property
    def run_id(self) -> str:
        """Id of this run."""
        return self._state.run_id

    def __enter__(self) -> Self:
        self._put(replace(self._state, counts=self._counts()))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Wait for the thread: a put in progress could otherwise overwrite the final state.
        self._stop.set()
        self._thread.join()
        outcome = self._outcome
        if error is not None:
            outcome = "broken" if isinstance(error, Exception) else "interrupted"
            self._remember(_sentence(error))
        self._put(self._ended(outcome))

    def add_item(self, line: ItemLine) -> None:
        """Count an item that has ended."""
        self._settled["parked" if line.error_code == "parked" else line.outcome] += 1
        self._resumed += line.outcome == "succeeded" and line.resumed
        self._work_counter.add(line)
        if line.outcome == "failed":
            self._remember(line.error)

    def update_progress(self, progress: Progress) -> None:
        """Set the progress that the next heartbeat reports."""
        self._progress = progress

    def comparison(self) -> Comparison | None:
        """Return estimate and actual cost of the work done so far; None without an estimate."""
        expected = self._state.expected
        if expected is None:
            return None
        return compare_with_estimate(
            expected, self._work_counter.work(self._progress), self._wall_seconds
        )

    def mark_interrupted(self) -> None:
        """End the run as interrupted: it was stopped before its end."""
        self._outcome = "interrupted"

    def mark_broken(self, sentence: str) -> None:
        """End the run as broken: a part of it could not be done, for the reason in `sentence`."""
        self._outcome = "broken"
        self._remember(sentence)

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(self._state.heartbeat_seconds):
            counts = self._counts()
            self._samples.append((time.monotonic(), counts))
            self._put(
                replace(
                    self._state,
                    updated_at=now(),
                    counts=counts,
                    pace=self._with_eta(measure_pace(self._samples)),
                    last_errors=self._errors,
                )
            )

    def _ended(self, outcome: RunOutcome) -> RunState:
        counts = self._counts()
        mean = self._with_eta(
            measure_pace([(self._start, RunCounts()), (time.monotonic(), counts)])
        )
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
        """Return the pace with the time left from the estimate, which tells films from pictures."""
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
        short = sentence[:_MAX_ERROR_LENGTH]
        # A new tuple each time, because the thread may read it concurrently.
        self._errors = (*self._errors, short)[-_MAX_ERRORS:]

    def _put(self, state: RunState) -> None:
        """Put the state; a failure is logged, because it is no reason to end the job."""
        try:
            self._store.put(run_key(state.job_id, state.run_id), run_to_json(state))
        except (ColorworkerError, OSError) as error:
            logger.warning("run %s: its state was not written: %s", state.run_id, error)


def _sentence(error: BaseException) -> str:
    if isinstance(error, ColorworkerError):
        return str(error)
    return f"{type(error).__name__}: {error}".removesuffix(": ")
