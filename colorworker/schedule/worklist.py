"""What a run of a collection does of its plan: all but what waits or is parked; and what is gone.

Memory grows with the sources that have failed before and those that are under way, not with the
plan's length.
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
from colorworker.domain.options import ModelRef, Options
from colorworker.domain.schedule import (
    ERRORS_NOT_OF_THE_ITEM,
    Failure,
    Retry,
    count_failure,
    missing_sources,
    output_identity,
)
from colorworker.report.itemlines import ItemLine
from colorworker.schedule.planstate import CollectionState

GONE = "source_gone"


@dataclass
class CollectionTally:
    """Lines of a collection's run in numbers."""

    done: int = 0
    resumed: int = 0
    """Of those done: found so."""
    failed: int = 0
    skipped: int = 0
    waiting: int = 0
    parked: int = 0
    gone: int = 0
    worked_on: int = 0
    """Sources of which this run has computed something."""
    newly_parked: list[str] = field(default_factory=list)
    """Keys of the first of them."""


class Worklist:
    """Entries for the driver, and what becomes of them."""

    def __init__(
        self,
        plan: Iterable[Entry],
        state: CollectionState,
        options: Options,
        model: ModelRef,
        retry: Retry,
        clock: Callable[[], datetime],
    ) -> None:
        """Read what earlier runs have left; nothing is written yet.

        Args:
            plan: The entries of the collection, which can be gone through several times.
            state: Of the collection.
            options: Of the collection.
            model: Its weights.
            retry: When failed sources are tried again.
            clock: Says the time; by that of now it is decided what waits.
        """
        self._plan, self._state, self._retry = plan, state, retry
        self._clock, self._now = clock, clock()
        self._options, self._model = options, model
        self._failures = {failure.identity: failure for failure in state.failures()}
        self._failed_keys = {(item.root, item.key) for item in self._failures.values()}
        self._gone: Path | None = None
        self._under_way: dict[tuple[str, str], Entry] = {}
        self.tally = CollectionTally()

    def compare(self, job_id: str, scratch: Path) -> None:
        """Find the sources that the last run had and this one does not; they wait on the disk."""
        before = self._state.last_job()
        if before in {"", job_id}:
            return
        self._gone = scratch / "gone.jsonl"
        with self._gone.open("wb") as file:
            for entry in missing_sources(self._state.entries_of(before), self._plan):
                file.write(entry_to_json(_gone(entry)))

    def counts(self, planned: EntryCounts) -> EntryCounts:
        """Return the entries in numbers, and forget failures of what is not planned any more.

        Args:
            planned: Of the plan's entries; it holds where nothing has failed or is gone.
        """
        if not self._failures and self._gone is None:
            return planned
        counts = count_entries(self._decided())
        if self._failures:
            # Sources that have changed, or whose options or weights have, start anew.
            present = {
                output_identity(entry, self._options, self._model)
                for entry in self._plan
                if (entry.root, entry.key) in self._failed_keys
            }
            for stale in self._failures.keys() - present:
                self._state.forget(self._failures.pop(stale))
        return counts

    def __iter__(self) -> Iterator[Entry]:
        """Yield every entry, for a run; those that are left out are settled as skipped."""
        for entry in self._decided():
            self._under_way[entry.root, entry.key] = entry
            yield entry

    def add(self, line: ItemLine) -> None:
        """Take note of an entry's outcome."""
        entry = self._under_way.pop((line.root, line.key), None)
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
            self._settle(entry, line)

    def _settle(self, entry: Entry, line: ItemLine) -> None:
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

    def _decided(self) -> Iterator[Entry]:
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
        return self._failures.get(output_identity(entry, self._options, self._model))


def _gone(entry: Entry) -> Entry:
    kept = f"its output {entry.output_key} is kept" if entry.output_key else "it had no output"
    said = f"{entry.key}: no longer among the sources; {kept}."
    return replace(entry, outcome="skipped", error_code=GONE, error=said)
