"""What jobs have left on a destination that nothing needs any more.

Nothing is removed that a record names: a record's attempt counts as long as its output is not
published, because resuming publishes it. What is judged young is left alone, and so is all that is
younger than the oldest run whose heart beats: a run that is going on can have put it.

Before something is removed it is judged once more. Should a worker that was taken for dead come
back in that very moment and commit what is being removed, its record does not count, as for any
output that is gone, and the unit is done again.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Literal

from colorworker.domain.records import Record, record_from_json
from colorworker.domain.runstate import RunState
from colorworker.errors import KeyMissing
from colorworker.runs.heartbeat import JOBS
from colorworker.runs.joblist import list_jobs, live_runs, parse_run_file
from colorworker.runs.orphans import OrphanCandidates, unit_of
from colorworker.state import STATE, record_key
from colorworker.store.objectstore import Leftover, ObjectInfo, ObjectStore

OrphanKind = Literal[
    "attempt", "part", "temporary file", "empty folder", "upload", "thumbnail", "report"
]

_PARTS = f"{STATE}/parts/"
_THUMBNAILS = f"{STATE}/thumbnails/"
_CLOCKS_SECONDS = 900.0
"""By how much the clocks of drivers and stores may differ; S3 refuses requests beyond it."""


@dataclass(frozen=True)
class Orphan:
    """Something that nothing needs."""

    kind: OrphanKind
    key: str
    size_bytes: int
    modified_at: float
    """POSIX seconds."""


@dataclass(frozen=True)
class AgeLimits:
    """What is old enough to go."""

    before: float
    """POSIX seconds: only what was put before then is judged."""
    reports_before: float
    """The same for the reports of runs."""
    live: tuple[RunState, ...] = ()
    """Runs that are going on, and hold `before` back to their start."""


def age_limits(
    store: ObjectStore, older_than_seconds: float, reports_older_than_seconds: float
) -> AgeLimits:
    """Return what is old enough now, with regard to the runs that are going on."""
    now = time.time()
    live = tuple(live_runs(store, list_jobs(store)))
    starts = [datetime.fromisoformat(run.started_at).timestamp() for run in live]
    begun = min(starts, default=now) - (_CLOCKS_SECONDS if live else 0.0)
    return AgeLimits(min(now - older_than_seconds, begun), now - reports_older_than_seconds, live)


def sweep(store: ObjectStore, limits: AgeLimits, *, delete: bool) -> Iterator[Orphan]:
    """Yield what nothing needs any more, and remove it if told to; nothing else is ever written.

    Memory is bounded by the number of runs: units are looked at one by one, and what must be
    looked up in all records waits on the local disk.

    Args:
        store: The destination.
        limits: What is old enough.
        delete: Remove what is yielded, after judging it once more. What is needed after all, or has
            gone meanwhile, is not yielded then.
    """
    broom = _Sweeper(store, limits.before, delete)
    with closing(OrphanCandidates(store)) as named:
        yield from _attempts(broom, named)
        yield from _leftovers(broom, named)
        yield from _thumbnails(broom, named)
        yield from _joined_parts(broom, named)
    yield from _reports(_Sweeper(store, limits.reports_before, delete))


@dataclass(frozen=True)
class _Sweeper:
    """Where is swept, how old it must be, and whether in earnest."""

    store: ObjectStore
    before: float
    delete: bool

    def takes(self, modified_at: float | None) -> bool:
        """Tell whether something is old enough; what has no time is not."""
        return modified_at is not None and modified_at < self.before

    def away(
        self, kind: OrphanKind, info: ObjectInfo, is_needed: Callable[[], bool]
    ) -> Iterator[Orphan]:
        """Yield an object; in earnest only if it went, because it is still old and not needed."""
        if self.delete:
            try:
                present = self.store.head(info.key)
            except KeyMissing:
                return
            if not self.takes(present.modified_at) or is_needed():
                return
            self.store.delete(info.key)
        yield Orphan(kind, info.key, info.size_bytes, info.modified_at or 0.0)

    def leftover_away(self, leftover: Leftover) -> Iterator[Orphan]:
        """Yield a leftover; in earnest it is gone then."""
        if self.delete:
            self.store.discard(leftover)
        yield Orphan(leftover.kind, leftover.key, leftover.size_bytes, leftover.modified_at)


def _attempts(broom: _Sweeper, named: OrphanCandidates) -> Iterator[Orphan]:
    """Yield the attempts that did not win; those of one unit lie together in a listing.

    A winner that is to be published nowhere is a film's part, and waits in `named`.
    """
    store = broom.store
    for unit_id, group in groupby(store.list(_PARTS), _unit_of_part):
        old = [info for info in group if broom.takes(info.modified_at)]
        needed = _needed_attempt(store, unit_id) if old else None
        for info in old:
            is_needed = partial(_is_needed, store, unit_id, info.key)
            if needed not in {None, info.key}:
                yield from broom.away("attempt", info, is_needed)
            elif needed:
                named.add_part(unit_id, info)


def _unit_of_part(info: ObjectInfo) -> str:
    return info.key.removeprefix(_PARTS).partition("/")[0]


def _is_needed(store: ObjectStore, unit_id: str, key: str) -> bool:
    return _needed_attempt(store, unit_id) in {None, key}


def _needed_attempt(store: ObjectStore, unit_id: str) -> str | None:
    """Return the attempt that the unit's record needs; empty for none, None if it cannot be told.

    The winner of an output that is published is not needed: it is a copy that was left behind.
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
    """Return a unit's record; unlike `read_record` this leaves a damaged one where it lies.

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


def _leftovers(broom: _Sweeper, named: OrphanCandidates) -> Iterator[Orphan]:
    """Yield what lies below our folder; uploads to outputs wait in `named`."""
    for leftover in broom.store.leftovers():
        if not broom.takes(leftover.modified_at):
            continue
        if leftover.kind != "upload" or leftover.key.startswith(f"{STATE}/"):
            yield from broom.leftover_away(leftover)
        else:
            # Other programs upload into buckets too: ours are those to outputs of our records.
            named.add_upload(leftover)


def _thumbnails(broom: _Sweeper, named: OrphanCandidates) -> Iterator[Orphan]:
    """Yield thumbnails that no record names, and then the uploads to outputs."""
    store = broom.store
    named.list_units()
    for info in store.list(_THUMBNAILS):
        if broom.takes(info.modified_at):
            named.add_thumbnail(info)
    named.look_through_records()
    for info in named.thumbnails():
        yield from broom.away("thumbnail", info, partial(_has_record, store, unit_of(info.key)))
    for upload in named.uploads():
        yield from broom.leftover_away(upload)


def _has_record(store: ObjectStore, unit_id: str) -> bool:
    try:
        return _record(store, unit_id) is not None
    except ValueError:
        return True


def _joined_parts(broom: _Sweeper, named: OrphanCandidates) -> Iterator[Orphan]:
    """Yield parts whose film stands; its worker died between committing it and removing them."""
    for info, film in named.joined_parts():
        if _is_published(broom.store, film):
            is_needed = partial(_is_needed_after_all, broom.store, film)
            yield from broom.away("part", info, is_needed)


def _is_needed_after_all(store: ObjectStore, film: Record) -> bool:
    return not _is_published(store, film)


def _reports(broom: _Sweeper) -> Iterator[Orphan]:
    """Yield the files of old runs; those of each job's newest run stay, however old."""
    newest = {job.job_id: job.newest for job in list_jobs(broom.store).values()}
    for info in broom.store.list(JOBS):
        job_id, _, name = info.key.removeprefix(JOBS).partition("/")
        run_id, _ = parse_run_file(name) or ("", "")
        if run_id and run_id < newest.get(job_id, "") and broom.takes(info.modified_at):
            yield from broom.away("report", info, lambda: False)
