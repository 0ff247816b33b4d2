"""The status of a destination's jobs, as text and as JSON, from the records of their runs.

The JSON is stable: while `schema` is 1, fields may be added but not changed or removed. Times are
UTC in ISO 8601, empty if there is none yet.

    schema          1
    destination     URI of the destination
    at              time of this status
    jobs_total      number of jobs of the destination
    jobs            the jobs shown, last run first:
      job_id
      runs_total    number of runs on record
      report        key of the latest report; null if no run has ended yet
      latest        the newest run; null if no run is on record
      earlier       earlier runs, newest first; empty unless --job is given

A run:

    run_id, started_at, updated_at, ended_at
    standing        status: running, finished, interrupted, broken (ended by an error), or lost
                    (missed three heartbeats without ending, or its process on this machine is
                    gone: probably killed)
    report          key of the run's report; null if there is none
    sources         the first few SOURCE arguments, as the user gave them
    counts          items_total; items_done, items_failed, items_skipped, items_parked (ended);
                    items_resumed (done by earlier runs, included in items_done);
                    units_expected, units_done, units_running; frames_done, frames_resumed
                    (of films)
    pace            items_per_second, frames_per_second, eta_seconds (null if unknown): over the
                    last few minutes while it runs, over the whole run afterwards
    expected        estimate of the whole job, as `colorize --dry-run` prints it: stills, films
                    (items, frames, film_seconds, work_seconds, bytes_out, sampled), start_seconds,
                    workers, measured_at, ...; null if the machine had not been calibrated
    comparison      once ended: expected_seconds and expected_bytes of the work of this run, and
                    actual seconds and bytes_out; null without an estimate, or without work
    last_errors     error messages, newest last
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
_BAD: frozenset[RunStatus] = frozenset({"broken", "lost"})

_STATUS_TEXT: dict[RunStatus, str] = {
    "running": "running",
    "finished": "finished",
    "interrupted": "stopped before its end; run the same command again to resume",
    "broken": "ended by an error; run the same command again to resume",
    "lost": "lost: probably killed; run the same command again to resume",
}


def needs_attention(runs: Iterable[RunState], now: datetime) -> bool:
    """Return whether one of the runs has failed items, ended by an error, or was lost."""
    return any(run.counts.items_failed or run_status(run, now) in _BAD for run in runs)


def status_json(
    destination: str, jobs: Sequence[JobRuns], jobs_total: int, now: datetime
) -> dict[str, Any]:
    """Return the status as JSON values, in the form that the module's docstring describes."""
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
    """Yield the status as lines of text, with control characters escaped."""
    yield f"{visible(destination)}: {count(jobs_total, 'job')}"
    for job in jobs:
        yield ""
        if job.latest is None:
            yield f"job {job.job_id}: no record of single runs; see its report"
        for run in job.runs[:1]:
            yield from _run_lines(run, now)
        if len(job.runs) > 1:
            yield "  earlier runs:"
            yield from (f"    {line}" for line in _history(job.runs[1:], now))
        if job.has_report:
            yield f"  report: {visible(destination)}/{report_key(job.job_id)}"
    if jobs_total > len(jobs):
        yield ""
        yield f"{count(jobs_total - len(jobs), 'older job')} not shown; --last 0 shows all"


def report_key(job_id: str, run_id: str = "") -> str:
    """Return the key of a job's latest report, or of the report of one of its runs."""
    return f"{JOBS}{job_id}/runs/{run_id}.html" if run_id else f"{JOBS}{job_id}/report/report.html"


def items_text(run: RunState) -> str:
    """Return `41 of 120 items: 39 done (30 by earlier runs), 1 failed, ...`."""
    counts = run.counts
    resumed = f" ({count(counts.items_resumed)} by earlier runs)" if counts.items_resumed else ""
    parts = [f"{count(counts.items_done)} done{resumed}", f"{count(counts.items_failed)} failed"]
    parts += [
        f"{count(number)} {outcome}"
        for number, outcome in ((counts.items_skipped, "skipped"), (counts.items_parked, "parked"))
        if number
    ]
    settled = f"{count(counts.items_settled)} of {count(counts.items_total, 'item')}"
    return f"{settled}: {', '.join(parts)}"


def pace_text(run: RunState, status: RunStatus) -> str:
    """Return speed and time left; empty if unknown."""
    parts = []
    if run.pace.frames_per_second:
        parts.append(f"{run.pace.frames_per_second:.1f} frames/s")
    if run.pace.items_per_second:
        parts.append(_items_speed(run.pace.items_per_second))
    if status == "running" and run.pace.eta_seconds is not None:
        parts.append(f"about {whole_duration(run.pace.eta_seconds)} left")
    return ", ".join(parts)


def comparison_text(run: RunState) -> str:
    """Return estimated and actual duration of the run's work; empty without an estimate."""
    if run.comparison is None:
        return ""
    expected = whole_duration(run.comparison.expected_seconds)
    took = whole_duration(run.comparison.seconds)
    return f"estimated {expected} for the work of this run, took {took}"


def _run_lines(run: RunState, now: datetime) -> Iterator[str]:
    status = run_status(run, now)
    failures = ", with failures" if status == "finished" and run.counts.items_failed else ""
    yield f"job {run.job_id}: {_STATUS_TEXT[status]}{failures}"
    if run.sources:
        yield f"  from {', '.join(visible(source) for source in run.sources)}"
    where = f"on {visible(run.host)} (pid {run.pid})"
    yield f"  run {visible(run.run_id)} {where}, {_times(run, status, now)}"
    yield f"  {items_text(run)}"
    if text := pace_text(run, status):
        yield f"  {text}"
    if text := comparison_text(run):
        yield f"  {text}"
    yield from (f"  ! {visible(error)}" for error in run.last_errors)


def _times(run: RunState, status: RunStatus, now: datetime) -> str:
    started = f"started {run.started_at}"
    if status in {"running", "lost"}:
        silent = (now - datetime.fromisoformat(run.updated_at)).total_seconds()
        return f"{started}, last heartbeat {whole_duration(max(0.0, silent))} ago"
    return f"{started}, took {whole_duration(run.wall_seconds)}"


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
    for name in ("job_id", "outcome", "process_space", "is_gone"):
        del values[name]
    report = report_key(run.job_id, run.run_id) if has_report else None
    return {**values, "standing": run_status(run, now), "report": report}
