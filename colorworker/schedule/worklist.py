"""The entries of one run of a collection: its job plan without waiting and parked sources.

Memory grows with the number of failed sources and of items in progress, not with the length of the
plan.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from colorworker.domain.entries import (
    Entry,
    EntryCounts,
    count_entries,
    entry_from_json,
    entry_to_json,
)
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.schedule import (
    ERRORS_NOT_OF_THE_ITEM,
    Failure,
    Retry,
    count_failure,
    missing_sources,
    output_identity,
)
from colorworker.errors import StrictFailure
from colorworker.report.itemlines import ItemLine
from colorworker.schedule.planstate import CollectionState

GONE = "source_gone"


@dataclass
class CollectionTally:
    """Number of items by outcome in one run of a collection."""

    done: int = 0
    resumed: int = 0
    """Items among `done` that an earlier run did."""
    failed: int = 0
    skipped: int = 0
    waiting: int = 0
    parked: int = 0
    gone: int = 0
    worked_on: int = 0
    """Items for which this run computed something."""
    newly_parked: list[str] = field(default_factory=list)
    """Keys of the first items that were parked in this run."""


class Worklist:
    """Yields the entries of a run, and records their outcomes."""

    def __init__(
        self,
        plan: Iterable[Entry],
        state: CollectionState,
        options: Options,
        model: ModelRef,
        retry: Retry,
        clock: Callable[[], datetime],
    ) -> None:
        """Read the failures of earlier runs without writing anything.

        Args:
            plan: The entries of the collection; iterated several times.
            state: State of the collection.
            options: Options of the collection.
            model: Weights of the collection.
            retry: When to retry failed sources.
            clock: Returns the current time. Its first call decides which sources still wait.
        """
        self._plan, self._state, self._retry = plan, state, retry
        self._clock, self._now = clock, clock()
        self._options, self._model = options, model
        self._failures = {failure.identity: failure for failure in state.failures()}
        self._failed_keys = {(item.root, item.key) for item in self._failures.values()}
        self._gone: Path | None = None
        self._in_progress: dict[tuple[str, str], Entry] = {}
        self.tally = CollectionTally()

    def compare(self, job_id: str, scratch: Path) -> None:
        """Find the sources of the last run that are missing now; lists them in a scratch file."""
        before = self._state.last_job()
        if before in {"", job_id}:
            return
        self._gone = scratch / "gone.jsonl"
        with self._gone.open("wb") as file:
            for entry in missing_sources(self._state.entries_of(before), self._plan):
                file.write(entry_to_json(_gone(entry)))

    def counts(self, planned: EntryCounts) -> EntryCounts:
        """Return the counts of the entries, and delete failures of outputs no longer planned.

        Args:
            planned: Counts of the plan; returned as they are if nothing failed or is missing.
        """
        if not self._failures and self._gone is None:
            return planned
        counts = count_entries(self._with_held_back())
        if self._failures:
            # Sources with changed content, options or weights start again without failures.
            present = {
                output_identity(entry, self._options, self._model)
                for entry in self._plan
                if (entry.root, entry.key) in self._failed_keys
            }
            for stale in self._failures.keys() - present:
                self._state.forget(self._failures.pop(stale))
        return counts

    def __iter__(self) -> Iterator[Entry]:
        """Yield all entries; those that wait, are parked or are missing are marked as skipped."""
        for entry in self._with_held_back():
            self._in_progress[entry.root, entry.key] = entry
            yield entry

    def add(self, line: ItemLine) -> None:
        """Record the outcome of an entry."""
        entry = self._in_progress.pop((line.root, line.key), None)
        tally = self.tally
        tally.worked_on += line.attempts > 0 and not line.resumed
        if line.outcome == "succeeded":
            tally.done += 1
            tally.resumed += line.resumed
        elif line.outcome == "failed":
            tally.failed += 1
        elif line.error_code in {"waiting", "parked"}:
            setattr(tally, line.error_code, getattr(tally, line.error_code) + 1)
            return
        elif line.error_code == GONE:
            tally.gone += 1
            return
        else:
            tally.skipped += 1
        if entry is not None:
            self._record_failure(entry, line)

    def _record_failure(self, entry: Entry, line: ItemLine) -> None:
        failed = line.outcome == "failed" and line.error_code not in ERRORS_NOT_OF_THE_ITEM
        if not failed and (entry.root, entry.key) not in self._failed_keys:
            return
        found = output_identity(entry, self._options, self._model)
        before = self._failures.get(found)
        if failed:
            at = self._clock().astimezone(UTC).isoformat(timespec="seconds")
            failure = count_failure(before, entry, found, line.error_code, line.error, at)
            self._state.remember(failure)
            if failure.failures >= self._retry.attempts:
                self.tally.newly_parked = [*self.tally.newly_parked, entry.key][:5]
        elif before is not None and line.outcome != "failed":
            self._state.forget(before)

    def _with_held_back(self) -> Iterator[Entry]:
        if self._gone is not None:
            with self._gone.open("rb") as file:
                yield from map(entry_from_json, file)
        for entry in self._plan:
            known = self._failure_of(entry)
            held = self._retry.held(known, self._now) if known else None
            yield (
                replace(entry, outcome="skipped", error_code=held[0], error=held[1])
                if held
                else entry
            )

    def _failure_of(self, entry: Entry) -> Failure | None:
        if (entry.root, entry.key) not in self._failed_keys:
            return None
        found = self._failures.get(output_identity(entry, self._options, self._model))
        if found and found.error_code == StrictFailure.code:
            # Without the option that refused it, it is no failure.
            return found if entry.options(self._options).strict else None
        return found


def _gone(entry: Entry) -> Entry:
    output = f"its output {entry.output_key} is kept" if entry.output_key else "it had no output"
    note = f"{entry.key}: no longer among the sources; {output}."
    return replace(entry, outcome="skipped", error_code=GONE, error=note)
