"""The page over all jobs of a destination."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from colorworker.domain.comparison import Comparison
from colorworker.domain.runstate import JobRuns, Pace, RunCounts, RunState
from colorworker.report.text import whole_duration
from colorworker.runs.jobspage import render_jobs_page

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


def state(outcome="finished", silent=0.0, **changes):
    moment = (NOW - timedelta(seconds=silent)).isoformat()
    values = {"run_id": "r", "job_id": "j", "started_at": moment, "updated_at": moment}
    return RunState(**(values | {"outcome": outcome, "counts": RunCounts(4, 4)} | changes))


def page(*jobs):
    return render_jobs_page("s3://color/out", jobs, len(jobs), NOW, jobs_at="jobs/")


def test_the_page_asks_for_nothing_and_shows_nasty_names_harmlessly():
    nasty = "<script>alert(1)</script>\u202ex\x07\udce9"
    html = page(JobRuns("j", (state(sources=(nasty,), host=nasty, last_errors=(nasty,)),), 1))

    html.encode()
    assert "<script" not in html
    assert "\\u202e" in html
    assert not re.search(r"( src=|@import|url\()", html)
    assert "default-src 'none'" in html


def test_reports_are_linked_where_they_are_kept():
    runs = (state(run_id="new"), state(run_id="old"))

    html = page(JobRuns("j", runs, 2, frozenset({"old"}), has_report=True))

    assert re.findall(r'href="([^"]+)"', html) == [
        "jobs/j/report/report.html",
        "jobs/j/runs/old.html",
    ]


@pytest.mark.parametrize(
    ("run", "heading"),
    [
        (state(), "Nothing is under way"),
        (state("running", 5), "1 run under way"),
        (state("running", 500), "The last run needs a look"),
        (state(counts=RunCounts(4, 3, items_failed=1)), "The last run needs a look"),
    ],
)
def test_the_heading_says_what_matters_now(run, heading):
    assert heading in page(JobRuns("j", (run,), 1))


def test_a_run_says_what_is_left_and_then_what_was_expected():
    running = state("running", 5, pace=Pace(eta_seconds=421.0))
    ended = state(comparison=Comparison(720.0, 660.0, 0, 0))

    assert "about 7 min 01 s left" in page(JobRuns("j", (running,), 1))
    assert "12 min 00 s expected" in page(JobRuns("j", (ended,), 1))
    assert "expected" not in page(JobRuns("j", (state(),), 1))


def test_a_destination_without_jobs_has_a_page_too():
    assert "No job has been run" in page()


def test_the_bar_has_the_shares_of_all_items():
    counts = RunCounts(8, 4, items_failed=1, items_skipped=1)

    html = page(JobRuns("j", (state(counts=counts),), 1))

    assert 'class="done" style="width: 50.000%"' in html
    assert 'class="failed" style="width: 12.500%"' in html


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "under 1 s"), (9.4, "9 s"), (99.4, "99 s"), (245.0, "4 min 05 s")],
)
def test_times_are_no_more_exact_than_they_are_known(seconds, words):
    assert whole_duration(seconds) == words
