"""The jobs page of a destination."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from colorworker.domain.comparison import Comparison
from colorworker.domain.runstate import JobRuns, Pace, RunCounts, RunState
from colorworker.runs.jobspage import render_jobs_page

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


def state(outcome="finished", silent=0.0, **changes):
    moment = (NOW - timedelta(seconds=silent)).isoformat()
    values = {"run_id": "r", "job_id": "j", "started_at": moment, "updated_at": moment}
    return RunState(**(values | {"outcome": outcome, "counts": RunCounts(4, 4)} | changes))


def page(*jobs):
    return render_jobs_page("s3://color/out", jobs, len(jobs), NOW, jobs_at="jobs/")


def test_the_page_makes_no_requests_and_escapes_malicious_names():
    nasty = "<script>alert(1)</script>\u202ex\x07\udce9"
    html = page(JobRuns("j", (state(sources=(nasty,), host=nasty, last_errors=(nasty,)),), 1))

    html.encode()
    assert "<script" not in html
    assert "\\u202e" in html
    assert not re.search(r"( src=|@import|url\()", html)
    assert "default-src 'none'" in html


def test_reports_that_exist_are_linked():
    runs = (state(run_id="new"), state(run_id="old"))

    html = page(JobRuns("j", runs, 2, frozenset({"old"}), has_report=True))

    assert re.findall(r'href="([^"]+)"', html) == [
        "jobs/j/report/report.html",
        "jobs/j/runs/old.html",
    ]


@pytest.mark.parametrize(
    ("run", "heading"),
    [
        (state(), "No run in progress"),
        (state("running", 5), "1 run in progress"),
        (state("running", 500), "The last run needs attention"),
        (state(counts=RunCounts(4, 3, items_failed=1)), "The last run needs attention"),
    ],
)
def test_the_heading_shows_whether_runs_are_in_progress_or_need_attention(run, heading):
    assert heading in page(JobRuns("j", (run,), 1))


def test_a_running_job_shows_the_time_left_and_an_ended_one_the_estimate():
    running = state("running", 5, pace=Pace(eta_seconds=421.0))
    ended = state(comparison=Comparison(720.0, 660.0, 0, 0))

    assert "about 7 min 01 s left" in page(JobRuns("j", (running,), 1))
    assert "12 min 00 s expected" in page(JobRuns("j", (ended,), 1))
    assert "expected" not in page(JobRuns("j", (state(),), 1))


def test_a_destination_without_jobs_has_a_page():
    assert "No jobs have run" in page()


def test_the_bar_shows_the_share_of_each_outcome():
    counts = RunCounts(8, 4, items_failed=1, items_skipped=1)

    html = page(JobRuns("j", (state(counts=counts),), 1))

    assert 'class="done" style="width: 50.000%"' in html
    assert 'class="failed" style="width: 12.500%"' in html
