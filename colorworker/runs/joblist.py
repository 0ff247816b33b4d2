"""Which jobs and runs a destination knows: one listing, and a read for each run that is wanted."""

import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import nlargest

from colorworker.domain.runstate import JobRuns, RunState, run_from_json, run_status
from colorworker.errors import KeyMissing, UsageError
from colorworker.runs.heartbeat import JOBS, run_key
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectStore

_READERS = 8
"""Runs read at a time."""
_LIVE_SECONDS = 3600.0
"""A state that was put longer ago is that of no live run, whatever its heartbeat."""
_JOB_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
_REPORT_SUFFIXES = ("html", "jsonl.gz")


@dataclass
class ListedJob:
    """What a listing says of one job."""

    job_id: str
    runs: dict[str, float] = field(default_factory=dict)
    """When each run's state was last put, by run id."""
    run_reports: set[str] = field(default_factory=set)
    has_report: bool = False

    @property
    def newest(self) -> str:
        """Id of the newest run; empty where none is kept."""
        return max(self.runs, default="")


def list_jobs(store: ObjectStore, job: str = "") -> dict[str, ListedJob]:
    """Return the jobs of a destination by id: one listing, nothing is read.

    Args:
        store: The destination.
        job: How the job's id begins; empty for all.
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
    """Return (run id, suffix) of a name below a job's folder, or None if it is no run's file."""
    folder, _, file = name.partition("/")
    run_id, _, suffix = file.partition(".")
    if folder != "runs" or not _RUN_ID.fullmatch(run_id):
        return None
    return (run_id, suffix) if suffix in {"json", *_REPORT_SUFFIXES} else None


def find_job(store: ObjectStore, job: str) -> dict[str, ListedJob]:
    """Return the one job whose id begins with `job`.

    Raises:
        UsageError: If there is none, or several.
    """
    jobs = list_jobs(store, job) if _JOB_ID.fullmatch(job) else {}
    if len(jobs) != 1:
        seen = f"{len(jobs)} jobs begin with it" if jobs else f"{store.uri} knows no such job"
        raise UsageError(
            f"--job {printable(job)}", seen, "Look at `colorworker status` of the destination"
        )
    return jobs


def read_run_states(store: ObjectStore, wanted: Iterable[tuple[str, str]]) -> list[RunState]:
    """Return the states of the wanted (job id, run id), the newest first.

    Damaged ones are left out, and those that have been swept away since they were listed.
    """

    def read(pair: tuple[str, str]) -> RunState | None:
        try:
            return run_from_json(store.get(run_key(*pair)))
        except (KeyMissing, ValueError):
            return None

    with ThreadPoolExecutor(_READERS) as pool:
        found = [run for run in pool.map(read, wanted) if run is not None]
    return sorted(found, key=lambda run: run.run_id, reverse=True)


def read_latest_jobs(
    store: ObjectStore, jobs: dict[str, ListedJob], limit: int | None, runs: int = 1
) -> list[JobRuns]:
    """Return the jobs with their newest runs, those that were run last first.

    Args:
        store: The destination.
        jobs: As they were listed.
        limit: Jobs to read the runs of; None for all.
        runs: Newest runs of each to read.
    """
    chosen = nlargest(len(jobs) if limit is None else limit, jobs.values(), key=_order)
    wanted = [(job.job_id, run) for job in chosen for run in nlargest(runs, job.runs)]
    return _joined(chosen, read_run_states(store, wanted))


def read_latest_runs(store: ObjectStore, jobs: dict[str, ListedJob], limit: int) -> list[JobRuns]:
    """Return the jobs of the destination's newest runs with these; older jobs are left out.

    Args:
        store: The destination.
        jobs: As they were listed.
        limit: Runs to read, of all jobs together.
    """
    pairs = ((run, job.job_id) for job in jobs.values() for run in job.runs)
    newest = nlargest(limit, pairs)
    runs = read_run_states(store, [(job_id, run) for run, job_id in newest])
    without = sorted((job for job in jobs.values() if not job.runs), key=_order)
    chosen = {jobs[job_id].job_id: jobs[job_id] for _, job_id in newest}
    return _joined([*chosen.values(), *without[: max(0, limit - len(newest))]], runs)


def live_runs(store: ObjectStore, jobs: dict[str, ListedJob]) -> list[RunState]:
    """Return the runs whose hearts beat, the newest first."""
    recent = time.time() - _LIVE_SECONDS
    wanted = [
        (job.job_id, run) for job in jobs.values() for run, at in job.runs.items() if at > recent
    ]
    now = datetime.now(UTC)
    return [run for run in read_run_states(store, wanted) if run_status(run, now) == "running"]


def _order(job: ListedJob) -> tuple[str, str]:
    return job.newest, job.job_id


def _joined(jobs: Iterable[ListedJob], runs: list[RunState]) -> list[JobRuns]:
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
