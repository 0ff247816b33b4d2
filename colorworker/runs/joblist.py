"""List the jobs and runs of a destination: one listing, and one read for each run shown."""

import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from heapq import nlargest

from colorworker.domain.runstate import JobRuns, RunState, run_from_json, run_status
from colorworker.errors import KeyMissing, UsageError
from colorworker.runs.heartbeat import JOBS, run_key
from colorworker.runs.runprocess import is_gone
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectStore

_THREADS = 8
"""Number of runs read at a time."""
_LIVE_SECONDS = 3600.0
"""A run whose state is older cannot be live, whatever its heartbeat interval."""
_JOB_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
_REPORT_SUFFIXES = ("html", "jsonl.gz")


@dataclass
class ListedJob:
    """A job as a listing shows it."""

    job_id: str
    runs: dict[str, float] = field(default_factory=dict)
    """Time of each run's last heartbeat (POSIX seconds), by run id."""
    run_reports: set[str] = field(default_factory=set)
    has_report: bool = False

    @property
    def newest(self) -> str:
        """Id of the newest run; empty if there is none."""
        return max(self.runs, default="")


def list_jobs(store: ObjectStore, job: str = "") -> dict[str, ListedJob]:
    """Return the jobs of a destination by id, from one listing and without reading objects.

    Args:
        store: The destination.
        job: Prefix of the job id; empty for all jobs.
    """
    jobs: dict[str, ListedJob] = {}
    for info in store.list(f"{JOBS}{job}"):
        job_id, _, name = info.key.removeprefix(JOBS).partition("/")
        if not name or not _JOB_ID.fullmatch(job_id):
            continue
        found = jobs.setdefault(job_id, ListedJob(job_id))
        if name == "report/report.html":
            found.has_report = True
        elif (run_of := parse_run_file(name)) is not None:
            run_id, suffix = run_of
            if suffix == "json":
                found.runs[run_id] = info.modified_at or 0.0
            elif suffix == "html":
                found.run_reports.add(run_id)
    return jobs


def parse_run_file(name: str) -> tuple[str, str] | None:
    """Return (run id, suffix) from a name below a job's folder; None if it is not a run's file."""
    folder, _, file = name.partition("/")
    run_id, _, suffix = file.partition(".")
    if folder != "runs" or not _RUN_ID.fullmatch(run_id):
        return None
    return (run_id, suffix) if suffix in {"json", *_REPORT_SUFFIXES} else None


def find_job(store: ObjectStore, job: str) -> dict[str, ListedJob]:
    """Return the one job whose id begins with `job`, by its id.

    Raises:
        UsageError: If no job or several jobs match.
    """
    jobs = list_jobs(store, job) if _JOB_ID.fullmatch(job) else {}
    if len(jobs) != 1:
        seen = f"{len(jobs)} jobs match" if jobs else f"there is no such job in {store.uri}"
        raise UsageError(f"--job {printable(job)}", seen, "List the jobs with `colorworker status`")
    return jobs


def read_run_states(store: ObjectStore, wanted: Iterable[tuple[str, str]]) -> list[RunState]:
    """Return the states of the wanted (job id, run id), newest first.

    Damaged states are left out, as are states that were swept after they were listed.
    """

    def read(pair: tuple[str, str]) -> RunState | None:
        try:
            run = run_from_json(store.get(run_key(*pair)))
        except (KeyMissing, ValueError):
            return None
        return replace(run, is_gone=is_gone(run))

    with ThreadPoolExecutor(_THREADS) as pool:
        found = [run for run in pool.map(read, wanted) if run is not None]
    return sorted(found, key=lambda run: run.run_id, reverse=True)


def read_latest_jobs(
    store: ObjectStore, jobs: dict[str, ListedJob], limit: int | None, runs: int = 1
) -> list[JobRuns]:
    """Return the jobs that ran last, newest first, each with its latest runs.

    Args:
        store: The destination.
        jobs: The listed jobs.
        limit: Maximum number of jobs; None for all.
        runs: Maximum number of runs to read for each job.
    """
    chosen = nlargest(len(jobs) if limit is None else limit, jobs.values(), key=_by_newest_run)
    wanted = [(job.job_id, run) for job in chosen for run in nlargest(runs, job.runs)]
    return _with_runs(chosen, read_run_states(store, wanted))


def read_latest_runs(store: ObjectStore, jobs: dict[str, ListedJob], limit: int) -> list[JobRuns]:
    """Return the destination's latest runs, grouped by job; jobs with older runs are left out.

    Args:
        store: The destination.
        jobs: The listed jobs.
        limit: Maximum number of runs to read, of all jobs together.
    """
    pairs = ((run, job.job_id) for job in jobs.values() for run in job.runs)
    newest = nlargest(limit, pairs)
    runs = read_run_states(store, [(job_id, run) for run, job_id in newest])
    without = sorted((job for job in jobs.values() if not job.runs), key=_by_newest_run)
    chosen = {jobs[job_id].job_id: jobs[job_id] for _, job_id in newest}
    return _with_runs([*chosen.values(), *without[: max(0, limit - len(newest))]], runs)


def live_runs(store: ObjectStore, jobs: dict[str, ListedJob]) -> list[RunState]:
    """Return the runs in progress (with a recent heartbeat), newest first."""
    recent = time.time() - _LIVE_SECONDS
    wanted = [
        (job.job_id, run) for job in jobs.values() for run, at in job.runs.items() if at > recent
    ]
    now = datetime.now(UTC)
    return [run for run in read_run_states(store, wanted) if run_status(run, now) == "running"]


def _by_newest_run(job: ListedJob) -> tuple[str, str]:
    return job.newest, job.job_id


def _with_runs(jobs: Iterable[ListedJob], runs: list[RunState]) -> list[JobRuns]:
    by_job: dict[str, list[RunState]] = {}
    for run in runs:
        by_job.setdefault(run.job_id, []).append(run)
    return [
        JobRuns(
            job.job_id,
            tuple(by_job.get(job.job_id, ())),
            len(job.runs),
            frozenset(job.run_reports),
            job.has_report,
        )
        for job in jobs
    ]
