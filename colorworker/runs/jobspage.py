"""All jobs of a destination with a history of their runs, as one HTML file without requests."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined

from colorworker import __version__
from colorworker.domain.runstate import JobRuns, RunState, RunStatus, run_status
from colorworker.errors import ColorworkerError
from colorworker.report.text import count, date_and_time, visible, whole_duration
from colorworker.runs.joblist import ListedJob, list_jobs, read_latest_runs
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore

logger = logging.getLogger(__name__)

JOBS_PAGE_KEY = f"{STATE}/index.html"
"""Where it lies; its links count from there."""
_RUNS = 200
"""Newest runs on the page, of all jobs together: each takes a read to write the page."""

_STANDING_WORDS: dict[RunStatus, str] = {
    "running": "running",
    "finished": "finished",
    "interrupted": "stopped",
    "broken": "broke off",
    "lost": "lost",
}


@dataclass(frozen=True)
class RunRow:
    """One run as the page shows it."""

    run: RunState
    stands: RunStatus
    href: str
    """Of its own report, relative to the page; empty where there is none."""

    @property
    def word(self) -> str:
        """How it stands."""
        if self.stands == "finished" and self.run.counts.items_failed:
            return "finished, with failures"
        return _STANDING_WORDS[self.stands]

    @property
    def needs_attention(self) -> bool:
        """Tell whether somebody should look into it."""
        failed = self.stands == "finished" and self.run.counts.items_failed > 0
        return failed or self.stands in {"broken", "lost"}

    @property
    def shares(self) -> list[tuple[str, float]]:
        """Return (kind, per cent of all items) of what is settled, in the order of the bar."""
        counts = self.run.counts
        whole = max(1, counts.items_total, counts.items_settled)
        kinds = ("done", "failed", "skipped", "parked")
        sizes = [(kind, 100 * getattr(counts, f"items_{kind}") / whole) for kind in kinds]
        return [(kind, size) for kind, size in sizes if size]


@dataclass(frozen=True)
class JobRows:
    """One job as the page shows it."""

    job_id: str
    rows: tuple[RunRow, ...]
    hidden_count: int
    """Older runs that are kept and not shown."""
    href: str
    """Of the latest report, relative to the page; empty where there is none."""


def render_jobs_page(
    destination: str, jobs: Sequence[JobRuns], jobs_total: int, now: datetime, *, jobs_at: str
) -> str:
    """Return the page.

    Args:
        destination: As people know it.
        jobs: Those with the newest runs, and these of each, newest first.
        jobs_total: Jobs that the destination knows.
        now: The moment the page speaks of.
        jobs_at: From the page to the jobs' folder, with a `/` at its end.

    Returns:
        HTML that encodes as UTF-8 whatever the names in it hold.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "visible": visible,
        "duration": whole_duration,
        "count": count,
        "date_and_time": date_and_time,
    }
    source = resources.files("colorworker.runs").joinpath("jobs.html.jinja").read_text("utf-8")
    shown = [_job(job, now, jobs_at) for job in jobs]
    rows = [row for job in shown for row in job.rows]
    return environment.from_string(source).render(
        destination=destination,
        jobs=shown,
        jobs_total=jobs_total,
        older_count=jobs_total - len(shown),
        running=sum(row.stands == "running" for row in rows),
        runs_total=sum(job.runs_total for job in jobs),
        newest=max(rows, key=lambda row: row.run.run_id, default=None),
        at=now.astimezone(UTC).isoformat(timespec="seconds"),
        version=__version__,
    )


def _job(job: JobRuns, now: datetime, jobs_at: str) -> JobRows:
    folder = f"{jobs_at}{quote(job.job_id)}/"
    rows = tuple(
        RunRow(
            run,
            run_status(run, now),
            f"{folder}runs/{quote(run.run_id)}.html" if run.run_id in job.run_reports else "",
        )
        for run in job.runs
    )
    latest = f"{folder}report/report.html" if job.has_report else ""
    return JobRows(job.job_id, rows, job.runs_total - len(rows), latest)


def write_jobs_page(
    store: ObjectStore, destination: str, jobs: dict[str, ListedJob] | None = None
) -> str:
    """Write the page from what the store holds now, and return its key.

    Several runs may do so at once: each writes what it sees, and the last one stands.

    Args:
        store: The destination.
        destination: How people call it.
        jobs: As they were listed; None lists them.
    """
    if jobs is None:
        jobs = list_jobs(store)
    newest = read_latest_runs(store, jobs, _RUNS)
    html = render_jobs_page(destination, newest, len(jobs), datetime.now(UTC), jobs_at="jobs/")
    store.put(JOBS_PAGE_KEY, html.encode())
    return JOBS_PAGE_KEY


@contextmanager
def refreshing_jobs_page(store: ObjectStore, destination: str) -> Iterator[None]:
    """Write the page when the block ends, however it ends; a page is no reason to fail."""
    try:
        yield
    finally:
        try:
            write_jobs_page(store, destination)
        except ColorworkerError as error:
            logger.warning("the page over all jobs was not written: %s", error)
