"""How the jobs of a destination stand, as words and as JSON; from what their runs have left there.

The JSON is stable: fields are added, never changed or removed while `schema` stays 1. Times are
UTC in ISO 8601, empty where there is none yet.

    schema          1
    destination     URI of the destination
    at              when this was said
    jobs_total      jobs that the destination knows
    jobs            those shown, the one that was run last first:
      job_id
      runs_total    runs that are kept
      report        key of the latest report's page; null where no run has come to its end
      latest        the newest run; null for jobs that were last run before runs were kept
      earlier       those before it, the newest first; empty unless a job was asked for

A run:

    run_id, started_at, updated_at, ended_at
    standing        running, finished, interrupted, broken (ended by an error), or lost (says
                    that it runs, and has been silent for three heartbeats: killed, most likely)
    report          key of the run's own page; null where there is none
    sources         as they were given; the first few
    counts          items_total; items_done, items_failed, items_skipped, items_parked (settled);
                    items_resumed (of those done: found done); units_expected, units_done,
                    units_running; frames_done, frames_resumed (of films)
    pace            items_per_second, frames_per_second, eta_seconds (null where not known):
                    of the last few minutes while it runs, of the whole run afterwards
    expected        what the whole job was to take, as `colorize --dry-run` says it: stills, films
                    (items, frames, film_seconds, work_seconds, bytes_out, sampled), start_seconds,
                    workers, measured_at, ...; null where the machine had not been measured
    comparison      at its end: expected_seconds and expected_bytes of what this run worked on,
                    seconds, bytes_out; null where nothing was expected or worked on
    last_errors     sentences, the newest last
    heartbeat_seconds, host, pid, version
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from colorworker.domain.runstate import JobRuns, RunState, RunStatus, run_status
from colorworker.report.text import count, visible, whole_duration
from colorworker.runs.heartbeat import JOBS

SCHEMA = 1
BAD: frozenset[RunStatus] = frozenset({"broken", "lost"})
"""Ends that somebody should look into."""

_WORDS: dict[RunStatus, str] = {
    "running": "running",
    "finished": "finished",
    "interrupted": "stopped before its end; run it again to go on",
    "broken": "broken off by an error; run it again to go on",
    "lost": "lost: no sign of life, killed most likely; run it again to go on",
}


def needs_attention(runs: Iterable[RunState], now: datetime) -> bool:
    """Tell whether one of the runs has failed items, broke, or was lost."""
    return any(run.counts.items_failed or run_status(run, now) in BAD for run in runs)


def status_json(
    destination: str, jobs: Sequence[JobRuns], jobs_total: int, now: datetime
) -> dict[str, Any]:
    """Return the status as JSON values, of the form that this module's description gives."""
    return {
        "schema": SCHEMA,
        "destination": destination,
        "at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "jobs_total": jobs_total,
        "jobs": [_job_json(job, now) for job in jobs],
    }


def status_lines(
    destination: str, jobs: Sequence[JobRuns], jobs_total: int, now: datetime
) -> Iterator[str]:
    """Yield the status as lines for a person; nothing in them can steer a terminal."""
    yield f"{visible(destination)}: {count(jobs_total, 'job')}"
    for job in jobs:
        yield ""
        if job.latest is None:
            yield f"job {job.job_id}: run before runs were kept; its report says how it went"
        for run in job.runs[:1]:
            yield from _run_lines(run, now)
        if len(job.runs) > 1:
            yield "  before that:"
            yield from (f"    {line}" for line in _history(job.runs[1:], now))
        if job.has_report:
            yield f"  report: {visible(destination)}/{report_key(job.job_id)}"
    if jobs_total > len(jobs):
        yield ""
        yield f"{count(jobs_total - len(jobs), 'older job')} not shown; --last 0 shows all"


def report_key(job_id: str, run_id: str = "") -> str:
    """Return where the page of a job's latest report lies, or that of one of its runs."""
    return f"{JOBS}{job_id}/runs/{run_id}.html" if run_id else f"{JOBS}{job_id}/report/report.html"


def items_text(run: RunState) -> str:
    """Return the run's items as words: `41 of 120 items: 39 done (30 before), 1 failed, ...`."""
    counts = run.counts
    before = f" ({count(counts.items_resumed)} before)" if counts.items_resumed else ""
    parts = [f"{count(counts.items_done)} done{before}", f"{count(counts.items_failed)} failed"]
    parts += [
        f"{count(number)} {word}"
        for number, word in ((counts.items_skipped, "skipped"), (counts.items_parked, "parked"))
        if number
    ]
    settled = f"{count(counts.items_settled)} of {count(counts.items_total, 'item')}"
    return f"{settled}: {', '.join(parts)}"


def pace_text(run: RunState, stands: RunStatus) -> str:
    """Return speed and time left as words; empty where there is nothing to say."""
    parts = []
    if run.pace.frames_per_second:
        parts.append(f"{run.pace.frames_per_second:.1f} frames/s")
    if run.pace.items_per_second:
        parts.append(_items_speed(run.pace.items_per_second))
    if stands == "running" and run.pace.eta_seconds is not None:
        parts.append(f"about {whole_duration(run.pace.eta_seconds)} left")
    return ", ".join(parts)


def comparison_text(run: RunState) -> str:
    """Return what was expected of what the run worked on; empty where it is not known."""
    if run.comparison is None:
        return ""
    expected = whole_duration(run.comparison.expected_seconds)
    took = whole_duration(run.comparison.seconds)
    return f"expected {expected} for what it worked on, took {took}"


def _run_lines(run: RunState, now: datetime) -> Iterator[str]:
    stands = run_status(run, now)
    failures = ", with failures" if stands == "finished" and run.counts.items_failed else ""
    yield f"job {run.job_id}: {_WORDS[stands]}{failures}"
    if run.sources:
        yield f"  from {', '.join(visible(source) for source in run.sources)}"
    where = f"on {visible(run.host)} (pid {run.pid})"
    yield f"  run {visible(run.run_id)} {where}, {_times(run, stands, now)}"
    yield f"  {items_text(run)}"
    if words := pace_text(run, stands):
        yield f"  {words}"
    if words := comparison_text(run):
        yield f"  {words}"
    yield from (f"  ! {visible(error)}" for error in run.last_errors)


def _times(run: RunState, stands: RunStatus, now: datetime) -> str:
    words = f"begun {run.started_at}"
    if stands in {"running", "lost"}:
        silent = (now - datetime.fromisoformat(run.updated_at)).total_seconds()
        return f"{words}, last sign of life {whole_duration(max(0.0, silent))} ago"
    return f"{words}, took {whole_duration(run.wall_seconds)}"


def _history(runs: Iterable[RunState], now: datetime) -> Iterator[str]:
    for run in runs:
        took = whole_duration(run.wall_seconds)
        yield f"{run.started_at}  {run_status(run, now)}  {items_text(run)}  {took}"


def _items_speed(items_per_second: float) -> str:
    if items_per_second >= 0.1:
        return f"{items_per_second:.1f} items/s"
    return f"{items_per_second * 3600:.0f} items/h"


def _job_json(job: JobRuns, now: datetime) -> dict[str, Any]:
    runs = [_run_json(run, run.run_id in job.run_reports, now) for run in job.runs]
    return {
        "job_id": job.job_id,
        "runs_total": job.runs_total,
        "report": report_key(job.job_id) if job.has_report else None,
        "latest": runs[0] if runs else None,
        "earlier": runs[1:],
    }


def _run_json(run: RunState, has_report: bool, now: datetime) -> dict[str, Any]:
    values = asdict(run)
    del values["job_id"], values["outcome"]
    report = report_key(run.job_id, run.run_id) if has_report else None
    return {**values, "standing": run_status(run, now), "report": report}
