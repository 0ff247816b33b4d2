"""All jobs of a destination with a history of their runs, as one HTML file without requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined

from colorworker import __version__
from colorworker.domain.runstate import JobRuns, RunState, Standing, standing
from colorworker.report.jobpage import count, duration, visible

_STANDING_WORDS: dict[Standing, str] = {
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
    stands: Standing
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


def render_jobs(
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
        "moment": _moment,
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


def whole_duration(seconds: float) -> str:
    """Return a time that is known to the second: `under 1 s`, `9 s`, `4 min 05 s`."""
    if seconds < 1:
        return "under 1 s"
    return f"{round(seconds)} s" if seconds < 100 else duration(seconds)


def _job(job: JobRuns, now: datetime, jobs_at: str) -> JobRows:
    folder = f"{jobs_at}{quote(job.job_id)}/"
    rows = tuple(
        RunRow(
            run,
            standing(run, now),
            f"{folder}runs/{quote(run.run_id)}.html" if run.run_id in job.run_reports else "",
        )
        for run in job.runs
    )
    latest = f"{folder}report/report.html" if job.has_report else ""
    return JobRows(job.job_id, rows, job.runs_total - len(rows), latest)


def _moment(iso: str) -> str:
    """Return a time of ISO 8601 as `22 Nov 2026, 18:36`, in UTC."""
    time = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{time.day} {time:%b %Y, %H:%M}"
