"""Job status from the store alone: its text, its requests, and that it writes nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from colorworker.domain.runstate import Pace, RunCounts, RunState, run_to_json
from colorworker.errors import UsageError
from colorworker.runs.heartbeat import run_key
from colorworker.runs.joblist import find_job, list_jobs, live_runs, read_latest_jobs
from colorworker.runs.jobspage import JOBS_PAGE_KEY, write_jobs_page
from colorworker.runs.statustext import needs_attention, status_json, status_lines
from colorworker.store.memory import MemoryStore

NOW = datetime.now(UTC)
A, B = "a" * 16, "b" * 16


class Counting(MemoryStore):
    """A store that counts requests."""

    def __init__(self):
        super().__init__("color")
        self.gets, self.lists, self.puts = [], 0, []

    def get(self, key, *, etag=None):
        self.gets.append(key)
        return super().get(key, etag=etag)

    def list(self, prefix=""):
        self.lists += 1
        return super().list(prefix)

    def put(self, key, data, *, create_only=False):
        self.puts.append(key)
        return super().put(key, data, create_only=create_only)


def run(job, minutes_ago, outcome="finished", silent=0.0, number=0, **changes):
    begun = NOW - timedelta(minutes=minutes_ago)
    beat = (NOW - timedelta(seconds=silent)).isoformat(timespec="seconds")
    values = RunState(
        f"{begun:%Y%m%dT%H%M%SZ}-{number:06x}",
        job,
        begun.isoformat(timespec="seconds"),
        beat,
        beat if outcome != "running" else "",
        outcome,
        counts=RunCounts(10, 10, units_done=1, units_expected=1),
    )
    return replace(values, **changes)


def keep(store, *runs, report=True):
    for state in runs:
        store.put(run_key(state.job_id, state.run_id), run_to_json(state))
        if report and state.outcome != "running":
            store.put(run_key(state.job_id, state.run_id).replace(".json", ".html"), b"")
            store.put(f".colorworker/jobs/{state.job_id}/report/report.html", b"")
        store.put(f".colorworker/jobs/{state.job_id}/plan.jsonl", b"never to be read")


def test_jobs_are_shown_with_their_latest_run_newest_first():
    store = Counting()
    keep(store, run(A, 90), run(A, 10), run(B, 60))
    store.put(".colorworker/jobs/cccc/plan.jsonl", b"")

    shown = read_latest_jobs(store, list_jobs(store), None)

    assert [(job.job_id, job.runs_total) for job in shown] == [(A, 2), (B, 1), ("cccc", 0)]
    assert shown[0].latest == run(A, 10)
    assert shown[2].latest is None


def test_status_takes_one_listing_and_one_read_per_job_shown():
    store = Counting()
    for number in range(300):
        keep(store, *(run(f"{number:016x}", 500 - number, number=n) for n in range(3)))
    store.gets, store.lists, store.puts = [], 0, []

    shown = read_latest_jobs(store, list_jobs(store), 20)

    assert (len(shown), store.lists, len(store.gets), store.puts) == (20, 1, 20, [])
    assert shown[0].job_id == f"{299:016x}"
    assert not [key for key in store.gets if "/runs/" not in key]


@pytest.mark.parametrize(
    ("state", "words", "attention"),
    [
        (run(A, 9), "finished", False),
        (run(A, 9, counts=RunCounts(10, 9, items_failed=1)), "finished, with failures", True),
        (run(A, 9, "running", 5), "running", False),
        (run(A, 9, "running", 90), "lost: probably killed", True),
        (run(A, 9, "interrupted"), "stopped before its end", False),
        (run(A, 9, "broken"), "ended by an error", True),
    ],
)
def test_the_text_shows_the_status_of_the_run(state, words, attention):
    store = MemoryStore("color")
    keep(store, state)

    lines = list(status_lines("out", read_latest_jobs(store, list_jobs(store), None), 1, NOW))

    assert f"job {A}: {words}" in "\n".join(lines)
    assert needs_attention([state], NOW) is attention


def test_the_text_shows_counts_pace_and_errors_of_a_running_job():
    store = MemoryStore("color")
    counts = RunCounts(1200, 431, 300, 2, 17, 1, 50, 20, 3, 900, 100)
    errors = ("reel.mkv: no\x1b[2Jframe decodes.",)
    state = run(A, 9, "running", 5, sources=("s3://in",), counts=counts, last_errors=errors)
    keep(store, replace(state, pace=Pace(0.4, 12.34, 421.0)))

    text = "\n".join(status_lines("out", read_latest_jobs(store, list_jobs(store), None), 1, NOW))

    assert "from s3://in" in text
    assert (
        "451 of 1\u202f200 items: 431 done (300 by earlier runs), 2 failed, 17 skipped, 1 parked"
        in text
    )
    assert "12.3 frames/s, 0.4 items/s, about 7 min 01 s left" in text
    assert "last heartbeat" in text
    assert "! reel.mkv: no\\x1b[2Jframe decodes." in text
    assert "\x1b" not in text


def test_the_json_has_the_documented_fields():
    store = MemoryStore("color")
    keep(store, run(A, 90), run(A, 10, "running", 5))
    store.put(".colorworker/jobs/cccc/plan.jsonl", b"")

    jobs = read_latest_jobs(store, list_jobs(store), None, 10)
    said = json.loads(json.dumps(status_json("file:///out", jobs, 2, NOW)))

    assert said["schema"] == 1
    assert said["jobs_total"] == 2
    first, old = said["jobs"]
    assert first["latest"]["standing"] == "running"
    assert first["latest"]["report"] is None
    assert [earlier["standing"] for earlier in first["earlier"]] == ["finished"]
    assert first["earlier"][0]["report"].startswith(f".colorworker/jobs/{A}/runs/")
    assert set(first["latest"]) == {
        "run_id", "started_at", "updated_at", "ended_at", "standing", "report", "sources",
        "counts", "pace", "last_errors", "heartbeat_seconds", "host", "pid", "version",
        "expected", "comparison",
    }  # fmt: skip
    assert (old["latest"], old["report"], old["earlier"]) == (None, None, [])


def test_damaged_states_and_unknown_files_are_ignored():
    store = MemoryStore("color")
    keep(store, run(A, 10))
    damaged = run(A, 5, number=1)
    store.put(run_key(A, damaged.run_id), b"{")
    for key in ("x", f"{A}/runs/notes.txt", f"{A}/runs/../x", "../y/runs/z.json", f"{A}/runs/a/b"):
        store._objects[f".colorworker/jobs/{key}"] = next(iter(store._objects.values()))

    jobs = list_jobs(store)
    (shown,) = read_latest_jobs(store, {A: jobs[A]}, None, 2)

    assert [state.run_id for state in shown.runs] == [run(A, 10).run_id]


def test_a_job_is_found_by_a_prefix_of_its_id():
    store = MemoryStore("color")
    keep(store, run(A, 10), run("ab" * 8, 10))

    assert list(find_job(store, "aa")) == [A]
    for job, words in (("a", "2 jobs"), ("f", "no such job"), ("../", "no such job")):
        with pytest.raises(UsageError, match=words):
            find_job(store, job)


def test_only_runs_with_a_recent_heartbeat_are_live():
    store = MemoryStore("color")
    # The heartbeat is now, however long the tests before this one took.
    silent = (NOW - datetime.now(UTC)).total_seconds()
    keep(store, run(A, 10, "running", silent), run(A, 20, "running", 900), run(B, 10))

    assert [state.run_id for state in live_runs(store, list_jobs(store))] == [run(A, 10).run_id]


def test_the_jobs_page_has_the_latest_runs_of_all_jobs():
    store = Counting()
    keep(store, *(run(A, minutes) for minutes in range(250, 0, -1)), run(B, 300))
    store.gets = []

    write_jobs_page(store, "out")

    html = store.get(JOBS_PAGE_KEY).decode()
    assert len(store.gets) - 1 == 200
    assert f'href="jobs/{A}/runs/{run(A, 1).run_id}.html"' in html
    assert run(A, 240).run_id not in html
    assert "50 older runs not shown" in html
    assert "1 older job not shown" in html
