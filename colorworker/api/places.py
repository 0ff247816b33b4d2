"""`status` and `sweep` of a destination, and `doctor` of this machine."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colorworker import job
from colorworker.api.keywords import PathLike
from colorworker.domain.durations import duration_seconds
from colorworker.domain.runstate import JobRuns
from colorworker.errors import UsageError
from colorworker.report.text import destination_label
from colorworker.runs.joblist import find_job, list_jobs, read_latest_jobs
from colorworker.runs.jobspage import write_jobs_page
from colorworker.runs.orphans import Orphan
from colorworker.runs.stateversion import check_state
from colorworker.runs.sweep import age_limits
from colorworker.runs.sweep import sweep as sweep_store
from colorworker.settings import apply_environment, load_settings, tensorflow_environment
from colorworker.store.openstore import open_store

if TYPE_CHECKING:
    from colorworker.executors.doctor import Check

_HISTORY = 10
"""Runs returned of a single job."""


def status(
    destination: PathLike, *, job_id: str = "", last: int | None = 20, page: bool = False
) -> tuple[JobRuns, ...]:
    """Return the jobs of a destination with their newest runs, the newest first.

    Args:
        destination: Folder or `s3://` URI that jobs write to.
        job_id: Only this job, with its last 10 runs; a prefix of its ID is enough.
        last: Maximum number of jobs; None for all.
        page: Also write the page over all jobs again.

    Raises:
        UsageError: If there is no such job, or no job at all.
    """
    with closing(open_store(str(destination), job.store_options(load_settings()))) as store:
        check_state(store, str(destination))
        jobs = find_job(store, job_id) if job_id else list_jobs(store)
        if not jobs:
            raise UsageError(
                destination_label(store, str(destination)),
                "no job has written to it",
                "Check the path, or the bucket and its prefix",
            )
        if page:
            write_jobs_page(
                store,
                destination_label(store, str(destination)),
                None if job_id else jobs,
            )
        return tuple(read_latest_jobs(store, jobs, last, _HISTORY if job_id else 1))


@dataclass(frozen=True)
class SweepSummary:
    """Number and size of leftover files, by kind such as `attempt` or `part`."""

    counts: Mapping[str, int] = field(default_factory=dict)
    size_bytes: Mapping[str, int] = field(default_factory=dict)
    deleted: bool = False


def sweep(
    destination: PathLike,
    *,
    delete: bool = False,
    older_than: str = "24h",
    reports_older_than: str = "90d",
    each: Callable[[Orphan], None] | None = None,
) -> SweepSummary:
    """Find leftover files of jobs that are safe to delete, and optionally delete them.

    Args:
        destination: Folder or `s3://` URI that jobs write to.
        delete: Delete them; by default they are only counted.
        older_than: Keep files newer than this, such as `24h` or `30m`.
        reports_older_than: Keep reports newer than this, and the latest report of each job.
        each: Called with each file.
    """
    ages = (
        duration_seconds(older_than, "older_than"),
        duration_seconds(reports_older_than, "reports_older_than"),
    )
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    with closing(open_store(str(destination), job.store_options(load_settings()))) as store:
        check_state(store, str(destination))
        for orphan in sweep_store(store, age_limits(store, *ages), delete=delete):
            counts[orphan.kind] += 1
            sizes[orphan.kind] += orphan.size_bytes
            if each:
                each(orphan)
    return SweepSummary(dict(counts), dict(sizes), delete)


def doctor() -> "tuple[Check, ...]":
    """Run the checks of this machine and return their results; see `colorworker doctor`."""
    apply_environment(tensorflow_environment())
    from colorworker.executors.doctor import checks

    return tuple(checks())
