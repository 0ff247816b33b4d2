"""Find leftover files of jobs that are no longer needed, and optionally delete them.

A file that a record needs is never deleted. That includes the attempt of a record whose output is
not published yet, because resuming publishes it. Files newer than the age limit stay, and so does
everything newer than the start of the oldest run in progress, which may have written it.

Each file is checked again just before it is deleted. If a worker that was believed dead commits
the file at that very moment, its record does not count, as with any missing output, and the unit
is done again.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby

from colorworker.domain.framelists import frame_folder
from colorworker.domain.records import Record, record_from_json
from colorworker.domain.runstate import RunState
from colorworker.errors import KeyMissing
from colorworker.runs.heartbeat import JOBS
from colorworker.runs.joblist import list_jobs, live_runs, parse_run_file
from colorworker.runs.orphans import Orphan, OrphanCandidates, OrphanKind
from colorworker.state import SIDECARS, STATE, record_key, unit_of
from colorworker.store.objectstore import Leftover, ObjectInfo, ObjectStore

_PARTS = f"{STATE}/parts/"
_THUMBNAILS = f"{STATE}/thumbnails/"
_CLOCKS_SECONDS = 900.0
"""Largest difference between clocks of drivers and stores; beyond it S3 refuses requests."""


@dataclass(frozen=True)
class AgeLimits:
    """Age limits of a sweep."""

    before: float
    """POSIX seconds: only files put before this are considered."""
    reports_before: float
    """The same for reports of runs."""
    live: tuple[RunState, ...] = ()
    """Runs in progress; `before` is not later than their start."""


def age_limits(
    store: ObjectStore, older_than_seconds: float, reports_older_than_seconds: float
) -> AgeLimits:
    """Return the age limits as of now, taking runs in progress into account."""
    now = time.time()
    live = tuple(live_runs(store, list_jobs(store)))
    starts = [datetime.fromisoformat(run.started_at).timestamp() for run in live]
    oldest_start = min(starts, default=now) - (_CLOCKS_SECONDS if live else 0.0)
    before = min(now - older_than_seconds, oldest_start)
    return AgeLimits(before, now - reports_older_than_seconds, live)


def sweep(store: ObjectStore, limits: AgeLimits, *, delete: bool) -> Iterator[Orphan]:
    """Yield the files that are no longer needed; delete them if `delete` is set.

    Memory is bounded by the number of runs: units are checked one by one, and candidates that must
    be looked up in all records are kept on the local disk.

    Args:
        store: The destination.
        limits: Age limits.
        delete: Delete each file after checking it again. Files that turn out to be needed, or are
            gone by then, are not yielded.
    """
    sweeper = _Sweeper(store, limits.before, delete)
    with closing(OrphanCandidates(store)) as candidates:
        yield from _attempts(sweeper, candidates)
        yield from _leftovers(sweeper, candidates)
        yield from _thumbnails(sweeper, candidates)
        yield from _sidecar_records(sweeper, candidates)
        yield from _joined_parts(sweeper, candidates)
    yield from _reports(_Sweeper(store, limits.reports_before, delete))


@dataclass(frozen=True)
class _Sweeper:
    """A destination, an age limit, and whether to delete."""

    store: ObjectStore
    before: float
    delete: bool

    def is_old(self, modified_at: float | None) -> bool:
        """Return whether a file is old enough; False if its time is unknown."""
        return modified_at is not None and modified_at < self.before

    def remove_object(
        self, kind: OrphanKind, info: ObjectInfo, is_needed: Callable[[], bool]
    ) -> Iterator[Orphan]:
        """Yield an object. With `delete`, remove it first, or skip it if it is needed or new."""
        if self.delete:
            try:
                present = self.store.head(info.key)
            except KeyMissing:
                return
            if not self.is_old(present.modified_at) or is_needed():
                return
            self.store.delete(info.key)
        yield Orphan(kind, info.key, info.size_bytes, info.modified_at or 0.0)

    def remove_leftover(self, leftover: Leftover) -> Iterator[Orphan]:
        """Yield a leftover of an interrupted write. With `delete`, discard it first."""
        if self.delete:
            self.store.discard(leftover)
        yield Orphan(leftover.kind, leftover.key, leftover.size_bytes, leftover.modified_at)


def _attempts(sweeper: _Sweeper, candidates: OrphanCandidates) -> Iterator[Orphan]:
    """Yield superseded attempts; a listing has the attempts of one unit together.

    A winning attempt without an output is a film's part and becomes a candidate.
    """
    store = sweeper.store
    for unit_id, group in groupby(store.list(_PARTS), _unit_of_part):
        old = [info for info in group if sweeper.is_old(info.modified_at)]
        needed = _needed_attempt(store, unit_id) if old else None
        for info in old:
            is_needed = partial(_is_needed, store, unit_id, info.key)
            if needed and info.key.startswith(frame_folder(needed)):
                continue
            if needed not in {None, info.key}:
                yield from sweeper.remove_object("attempt", info, is_needed)
            elif needed:
                candidates.add_part(unit_id, info)


def _unit_of_part(info: ObjectInfo) -> str:
    return info.key.removeprefix(_PARTS).partition("/")[0]


def _is_needed(store: ObjectStore, unit_id: str, key: str) -> bool:
    needed = _needed_attempt(store, unit_id)
    return needed in {None, key} or bool(needed and key.startswith(frame_folder(needed)))


def _needed_attempt(store: ObjectStore, unit_id: str) -> str | None:
    """Return the attempt that the unit's record needs; "" for none, None if the record is damaged.

    Once the output is published, the winning attempt is not needed: it is a leftover copy.
    """
    try:
        record = _record(store, unit_id)
    except ValueError:
        return None
    if record is None:
        return ""
    if record.output_key and _is_published(store, record):
        return ""
    return record.attempt_key


def _record(store: ObjectStore, unit_id: str) -> Record | None:
    """Return a unit's record; unlike `read_record`, without deleting a damaged one.

    Raises:
        ValueError: If it is damaged.
    """
    try:
        return record_from_json(store.get(record_key(unit_id)))
    except KeyMissing:
        return None
    except TypeError as error:
        raise ValueError("not a done-record") from error


def _is_published(store: ObjectStore, record: Record) -> bool:
    try:
        return store.head(record.output_key).etag == record.etag
    except KeyMissing:
        return False


def _leftovers(sweeper: _Sweeper, candidates: OrphanCandidates) -> Iterator[Orphan]:
    """Yield leftovers below the state folder; uploads to other keys become candidates."""
    for leftover in sweeper.store.leftovers():
        if not sweeper.is_old(leftover.modified_at):
            continue
        if leftover.kind != "upload" or leftover.key.startswith(f"{STATE}/"):
            yield from sweeper.remove_leftover(leftover)
        else:
            # Other programs upload into buckets too. Only uploads to outputs of records are ours.
            candidates.add_upload(leftover)


def _thumbnails(sweeper: _Sweeper, candidates: OrphanCandidates) -> Iterator[Orphan]:
    """Yield thumbnails that no record refers to, then uploads to outputs."""
    store = sweeper.store
    candidates.list_units()
    for info in store.list(_THUMBNAILS):
        if sweeper.is_old(info.modified_at):
            candidates.add_thumbnail(info)
    candidates.check_records()
    for info in candidates.thumbnails():
        yield from sweeper.remove_object(
            "thumbnail", info, partial(_has_record, store, unit_of(info.key))
        )
    for upload in candidates.uploads():
        yield from sweeper.remove_leftover(upload)


def _sidecar_records(sweeper: _Sweeper, candidates: OrphanCandidates) -> Iterator[Orphan]:
    """Yield what is recorded of sidecars of units without a record, after `_thumbnails`."""
    store = sweeper.store
    for info in store.list(SIDECARS):
        if sweeper.is_old(info.modified_at) and not candidates.has_record(info):
            is_needed = partial(_has_record, store, unit_of(info.key))
            yield from sweeper.remove_object("sidecar record", info, is_needed)


def _has_record(store: ObjectStore, unit_id: str) -> bool:
    try:
        return _record(store, unit_id) is not None
    except ValueError:
        return True


def _joined_parts(sweeper: _Sweeper, candidates: OrphanCandidates) -> Iterator[Orphan]:
    """Yield parts of published films: the worker died between commit and clean-up."""
    for info, film in candidates.joined_parts():
        if _is_published(sweeper.store, film):
            is_needed = partial(_is_unpublished, sweeper.store, film)
            yield from sweeper.remove_object("part", info, is_needed)


def _is_unpublished(store: ObjectStore, film: Record) -> bool:
    return not _is_published(store, film)


def _reports(sweeper: _Sweeper) -> Iterator[Orphan]:
    """Yield the files of old runs; those of each job's newest run stay, however old."""
    newest = {job.job_id: job.newest for job in list_jobs(sweeper.store).values()}
    for info in sweeper.store.list(JOBS):
        job_id, _, name = info.key.removeprefix(JOBS).partition("/")
        run_id, _ = parse_run_file(name) or ("", "")
        if run_id and run_id < newest.get(job_id, "") and sweeper.is_old(info.modified_at):
            yield from sweeper.remove_object("report", info, lambda: False)
