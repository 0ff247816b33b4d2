"""The jobs page: all jobs of a destination with their latest runs, as one self-contained HTML file.

Every run updates it when it ends.
"""

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
"""Key of the page. Its links are relative to it."""
_MAX_RUNS = 200
"""Latest runs on the page, of all jobs together. Each costs one read when the page is written."""

_STATUS_TEXT: dict[RunStatus, str] = {
    "running": "running",
    "finished": "finished",
    "interrupted": "stopped",
    "broken": "ended by an error",
    "lost": "lost",
}


@dataclass(frozen=True)
class RunRow:
    """A run on the page."""

    run: RunState
    status: RunStatus
    href: str
    """Link to the run's report, relative to the page; empty if there is none."""

    @property
    def status_text(self) -> str:
        """The status in words."""
        if self.status == "finished" and self.run.counts.items_failed:
            return "finished, with failures"
        return _STATUS_TEXT[self.status]

    @property
    def needs_attention(self) -> bool:
        """Whether the run needs a person's attention."""
        failed = self.status == "finished" and self.run.counts.items_failed > 0
        return failed or self.status in {"broken", "lost"}

    @property
    def shares(self) -> list[tuple[str, float]]:
        """(outcome, percentage of all items) of items that have ended, in the order of the bar."""
        counts = self.run.counts
        whole = max(1, counts.items_total, counts.items_settled)
        outcomes = ("done", "failed", "skipped", "parked")
        shares = [(name, 100 * getattr(counts, f"items_{name}") / whole) for name in outcomes]
        return [(name, share) for name, share in shares if share]


@dataclass(frozen=True)
class JobRows:
    """A job on the page."""

    job_id: str
    rows: tuple[RunRow, ...]
    hidden_count: int
    """Number of older runs that are not shown."""
    href: str
    """Link to the latest report, relative to the page; empty if there is none."""


def write_jobs_page(
    store: ObjectStore, destination: str, jobs: dict[str, ListedJob] | None = None
) -> str:
    """Write the page from the current state of the destination, and return its key.

    Concurrent runs may do this: each writes what it sees, and the last one wins.

    Args:
        store: The destination.
        destination: The destination as the user gave it, for display.
        jobs: The listed jobs; None lists them.
    """
    if jobs is None:
        jobs = list_jobs(store)
    latest = read_latest_runs(store, jobs, _MAX_RUNS)
    html = render_jobs_page(destination, latest, len(jobs), datetime.now(UTC), jobs_at="jobs/")
    store.put(JOBS_PAGE_KEY, html.encode())
    return JOBS_PAGE_KEY


@contextmanager
def refreshing_jobs_page(store: ObjectStore, destination: str) -> Iterator[None]:
    """Write the page when the block ends, even by an error; a failed write is only logged."""
    try:
        yield
    finally:
        try:
            write_jobs_page(store, destination)
        except ColorworkerError as error:
            logger.warning("the jobs page was not written: %s", error)


def render_jobs_page(
    destination: str, jobs: Sequence[JobRuns], jobs_total: int, now: datetime, *, jobs_at: str
) -> str:
    """Return the page.

    Args:
        destination: The destination as the user gave it.
        jobs: The jobs to show with their runs, both newest first.
        jobs_total: Number of all jobs of the destination.
        now: Time of the page.
        jobs_at: Path from the page to the folder of jobs, with a `/` at the end.

    Returns:
        HTML that can be encoded as UTF-8 whatever names it contains.
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
        running=sum(row.status == "running" for row in rows),
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
