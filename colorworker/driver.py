"""One job: list -> scan -> plan -> run -> assemble -> report. Read this second.

The driver never sees a pixel. It feeds units to an executor as fast as the executor takes them,
turns results into the next units, and emits one line per item. A killed driver is run again.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from colorworker.domain.entries import Entry, EntryCounts, count_entries
from colorworker.domain.filmunits import FilmUnits
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.records import Record, ScanInfo, UnitResult, info_of
from colorworker.domain.units import (
    ImageBatch,
    ItemUnit,
    Scan,
    Segment,
    ShotSearch,
    Still,
    WorkUnit,
    assembly,
    image_batch,
    scan,
    still,
)
from colorworker.report.itemlines import ItemLine, line_of_entry, line_of_film, line_of_still

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 0.25
"""How long the loop waits for a result before it checks the stop flag again."""


class Executor(Protocol):
    """Runs units. `executors` has one implementation for this machine and one for Ray."""

    @property
    def slots(self) -> int:
        """Maximum number of units that are running or queued."""
        ...

    def submit(self, unit: WorkUnit, attempt: int) -> None:
        """Accept a unit, without waiting for it to run."""
        ...

    def wait(self, timeout_seconds: float) -> list[UnitResult]:
        """Return the results of finished units; waits at most `timeout_seconds`.

        Raises:
            UsageError: If no worker is left that can do the job's units.
            PlaceFailed: If workers die one after another.
        """
        ...

    def drain(self) -> set[str]:
        """Begin no more units; return the ids of submitted units that have not begun."""
        ...

    def close(self) -> None:
        """End the workers."""
        ...


@dataclass(frozen=True)
class Job:
    """A planned job. Nothing in it changes once units run."""

    job_id: str
    entries: Iterable[Entry]
    """Sorted, with their output keys; read one by one, as fast as units finish."""
    options: Options
    """Options of all items that do not override them."""
    model: ModelRef
    batch_stills: int = 8
    max_attempts: int = 3
    counts: EntryCounts | None = None
    """Counts of the entries; None to count them, in an extra pass over the entries."""
    room: Callable[[], int | None] = lambda: None
    """Returns how many more items may be worked on, running ones included; None for no limit."""


@dataclass(frozen=True)
class Progress:
    """Progress of a running job."""

    items_total: int
    items_done: int = 0
    items_failed: int = 0
    units_running: int = 0
    units_done: int = 0
    units_known: int = 0
    """All batches of stills, all scans, and the units of the films that are scanned so far."""
    units_expected: int = 0
    """`units_known`, plus the average units per film for films that are not scanned yet."""
    frames_done: int = 0
    frames_resumed: int = 0


def run_job(
    job: Job,
    executor: Executor,
    *,
    line: Callable[[ItemLine], None],
    progress: Callable[[Progress], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
    stop_seconds: float = 120.0,
) -> Progress:
    """Run a job to its end and return the last progress.

    Args:
        job: Entries, options and limits.
        executor: Where the units run. Not closed here.
        line: Called once per item, when its outcome is known.
        progress: Called after every round of results, and at the end.
        stopping: Once it returns True, no more units begin; running ones finish.
        stop_seconds: Seconds that running units get to finish before they are abandoned.

    Raises:
        UsageError: If no worker is left that can do the job's units.
        PlaceFailed: If workers die one after another.
    """
    return _Run(job, executor, line, progress).until(stopping, stop_seconds)


class _Run:
    """The state of one running job."""

    def __init__(
        self,
        job: Job,
        executor: Executor,
        line: Callable[[ItemLine], None],
        progress: Callable[[Progress], None],
    ) -> None:
        self._job = job
        self._executor = executor
        self._emit = line
        self._report_progress = progress
        counts = job.counts or count_entries(job.entries)
        batches = -(-counts.stills // job.batch_stills)
        self._counted = {"items_total": counts.items, "units_known": batches + counts.films}
        self._progress = Progress(counts.items)
        self._films_total, self._films_scanned = counts.films, 0
        self._film_units = self._open_films = 0
        self._entries: dict[str, Entry] = {}
        self._films: dict[str, FilmUnits] = {}
        # Units that follow from results go first: a film is finished before the next one begins.
        self._ready: deque[tuple[ItemUnit, int]] = deque()
        self._delayed: list[tuple[float, ItemUnit, int]] = []
        self._running: dict[str, tuple[ItemUnit, int]] = {}
        self._first = self._first_units()

    def until(self, stopping: Callable[[], bool], stop_seconds: float) -> Progress:
        while not stopping():
            more = self._feed()
            self._show()
            if not (more or self._running or self._delayed):
                return self._progress
            self._collect()
        deadline = time.monotonic() + stop_seconds
        for unit_id in self._executor.drain():
            del self._running[unit_id]
        self._show()
        while self._running and time.monotonic() < deadline:
            self._collect()
            self._show()
        return self._progress

    def _collect(self) -> None:
        for result in self._executor.wait(_WAIT_SECONDS):
            unit, attempt = self._running.pop(result.unit_id)
            self._take_result(unit, result.at_attempt(attempt))

    def _feed(self) -> bool:
        """Submit as many units as the executor takes; return whether there may be more."""
        now = time.monotonic()
        for item in [item for item in self._delayed if item[0] <= now]:
            self._delayed.remove(item)
            self._ready.append(item[1:])
        while len(self._running) < self._executor.slots:
            if self._ready:
                unit, attempt = self._ready.popleft()
            elif not self._has_room():
                return True
            elif (first := next(self._first, None)) is not None:
                unit, attempt = first, 1
            else:
                return False
            if self._abandoned(unit):
                del self._films[unit.unit_id]
                self._advance(units_known=-1)
                continue
            self._running[unit.unit_id] = (unit, attempt)
            self._executor.submit(unit, attempt)
        return True

    def _first_units(self) -> Iterator[ItemUnit]:
        """Yield the units that depend on no others: scans of films and batches of stills."""
        job = self._job
        batch: list[Still] = []
        for entry in job.entries:
            if entry.outcome:
                self._emit_line(line_of_entry(entry))
            elif entry.kind == "film":
                options = entry.options(job.options)
                unit = scan(entry.asset(), entry.output_key, options, job.model)
                self._films[unit.unit_id] = FilmUnits(entry, unit)
                self._open_films += 1
                yield unit
            else:
                options = entry.options(job.options)
                item = still(entry.asset(), entry.output_key, options, job.model)
                self._entries[item.unit_id] = entry
                batch.append(item)
                if len(batch) == job.batch_stills or not self._has_room():
                    yield image_batch(tuple(batch))
                    batch = []
        if batch:
            yield image_batch(tuple(batch))

    def _has_room(self) -> bool:
        """Return whether another item may begin. Some running items may turn out to be done."""
        room = self._job.room()
        return room is None or len(self._entries) + self._open_films < room

    def _take_result(self, unit: ItemUnit, result: UnitResult) -> None:
        """Turn one result into lines and more units."""
        if result.outcome == "lost" or result.retryable:
            self._retry(unit, result)
            return
        if isinstance(unit, ImageBatch) and len(result.stills) != len(unit.stills):
            # The worker failed on the whole batch, so nothing is known about any of its stills.
            result = replace(result, stills=(replace(result, unit_id=unit.stills[0].unit_id),))
            if len(unit.stills) > 1:
                self._retry(unit, result)
                return
        self._advance(units_done=1)
        if isinstance(unit, ImageBatch):
            for item, own in zip(unit.stills, result.stills, strict=True):
                own = own.at_attempt(result.attempt)
                if own.retryable:
                    self._retry(image_batch((item,)), replace(own, unit_id=item.unit_id))
                else:
                    self._emit_line(line_of_still(self._entries.pop(item.unit_id), own))
            return
        film = self._films.pop(unit.unit_id)
        film.results.append(result)
        self._films_scanned += isinstance(unit, Scan)
        if result.outcome != "succeeded" or result.record is None:
            self._end_film(film, result)
        elif isinstance(unit, Scan):
            self._scanned(film, result, result.record)
        elif isinstance(unit, ShotSearch):
            self._searched(film, unit)
        elif isinstance(unit, Segment):
            self._colored(film, unit, result)
        else:
            self._end_film(film, result)

    def _scanned(self, film: FilmUnits, result: UnitResult, record: Record) -> None:
        if record.kind == "assembly":
            self._end_film(film, result)
            return
        options, info = film.scan.options, info_of(record, ScanInfo)
        if info.in_color and options.color_sources == "skip":
            skipped = replace(
                result,
                outcome="skipped",
                error_code="already_color",
                error=f"{film.entry.key}: in color already."
                " Use --color-sources recolor to color it again.",
            )
            self._end_film(film, skipped)
            return
        units = film.after_scan(record, self._job.model)
        # The assembly counts from here on, so that the ETA does not jump at the end.
        self._begin(film, units, 0 if options.preview else 1)

    def _begin(self, film: FilmUnits, units: Sequence[ItemUnit], more: int = 0) -> None:
        """Queue units of a film, and count them and those that will follow."""
        for unit in units:
            self._films[unit.unit_id] = film
            self._ready.append((unit, 1))
        self._film_units += len(units) + more
        self._advance(units_known=len(units) + more)

    def _searched(self, film: FilmUnits, unit: ShotSearch) -> None:
        film.waiting.discard(unit.unit_id)
        if not film.waiting and not film.settled:
            self._begin(film, film.after_searches(self._job.model))

    def _colored(self, film: FilmUnits, unit: Segment, result: UnitResult) -> None:
        resumed = unit.frame_count if result.resumed else 0
        self._advance(frames_done=unit.frame_count, frames_resumed=resumed)
        film.waiting.discard(unit.unit_id)
        if film.waiting or film.settled:
            return
        if film.scan.options.preview:
            self._end_film(film, result)
        else:
            joined = assembly(film.scan, film.segments)
            self._films[joined.unit_id] = film
            self._ready.appendleft((joined, 1))

    def _end_film(self, film: FilmUnits, result: UnitResult) -> None:
        """Emit the film's one line; its remaining units do not begin."""
        if not film.settled:
            film.settled = True
            self._open_films -= 1
            if film.waiting and not film.scan.options.preview:
                # Its assembly was counted, and will not run.
                self._advance(units_known=-1)
            self._emit_line(line_of_film(film.entry, result, film.scanned, film.results))

    def _abandoned(self, unit: ItemUnit) -> bool:
        """Return whether the unit belongs to a film that has already failed."""
        film = None if isinstance(unit, ImageBatch) else self._films.get(unit.unit_id)
        return film is not None and film.settled and not isinstance(unit, Scan)

    def _retry(self, unit: ItemUnit, result: UnitResult) -> None:
        """Retry a unit, or the halves of a batch; after the last attempt, its item fails."""
        attempt = result.attempt
        lost = "its worker " if result.outcome == "lost" else ""
        logger.warning("unit %s attempt %d: %s%s", unit.unit_id, attempt, lost, result.error)
        if isinstance(unit, ImageBatch) and len(unit.stills) > 1:
            # One of them may kill the worker: halving isolates it, and the others finish.
            middle = len(unit.stills) // 2
            for half in (unit.stills[:middle], unit.stills[middle:]):
                self._ready.append((image_batch(half), attempt))
            self._advance(units_known=1)
        elif attempt < self._job.max_attempts:
            self._delayed.append((time.monotonic() + 0.5 * 2**attempt, unit, attempt + 1))
        else:
            self._give_up(unit, result)

    def _give_up(self, unit: ItemUnit, result: UnitResult) -> None:
        failed = result.given_up(_source_key(unit))
        if isinstance(unit, ImageBatch):
            (item,) = unit.stills
            failed = replace(failed, stills=(replace(failed, unit_id=item.unit_id),))
        self._take_result(unit, failed)

    def _emit_line(self, line: ItemLine) -> None:
        self._emit(line)
        self._advance(items_done=1, items_failed=int(line.outcome == "failed"))

    def _advance(self, **steps: int) -> None:
        for name, step in steps.items():
            self._counted[name] = self._counted.get(name, 0) + step

    def _show(self) -> None:
        """Report progress: once per round, because a unit may take only milliseconds."""
        unscanned = self._films_total - self._films_scanned
        each = self._film_units / self._films_scanned if self._films_scanned else 0.0
        known = self._counted["units_known"]
        self._progress = Progress(
            **self._counted,
            units_running=len(self._running),
            units_expected=known + round(unscanned * each),
        )
        self._report_progress(self._progress)


def _source_key(unit: ItemUnit) -> str:
    return unit.stills[0].asset.key if isinstance(unit, ImageBatch) else unit.asset.key
