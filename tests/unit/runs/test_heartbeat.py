"""Runs record their state while they run, however they end, and even if the store fails."""

import errno
import json
import logging
import re
import threading

import pytest

from colorworker.domain.costs import Estimate, MediaEstimate
from colorworker.domain.runstate import run_from_json
from colorworker.driver import Progress
from colorworker.errors import StoreUnavailable, UsageError
from colorworker.report.itemlines import ItemLine
from colorworker.runs.heartbeat import Heartbeat, call_both, run_key
from colorworker.runs.statustext import comparison_text
from colorworker.store.memory import MemoryStore


class Watched(MemoryStore):
    """A store that signals every put, and can be made unavailable."""

    def __init__(self):
        super().__init__("color")
        self.error, self.tried = None, threading.Event()

    def put(self, key, data, *, create_only=False):
        try:
            if self.error:
                raise self.error
            return super().put(key, data, create_only=create_only)
        finally:
            self.tried.set()

    def wait(self):
        self.tried.clear()
        assert self.tried.wait(30)


def state(store, heartbeat):
    return run_from_json(store.get(run_key("job", heartbeat.run_id)))


def item(outcome, error="", resumed=False):
    return ItemLine("file:///a", "a.png", "still", outcome, error=error, resumed=resumed)


def test_the_state_shows_progress_while_the_run_is_in_progress():
    store = Watched()

    with Heartbeat(store, "job", ["/archive"], items=9, heartbeat_seconds=0.1) as heartbeat:
        at_start = state(store, heartbeat)
        for line in (item("succeeded"), item("succeeded", resumed=True), item("skipped")):
            heartbeat.add_item(line)
        heartbeat.add_item(item("failed", "a.png: damaged."))
        heartbeat.update_progress(Progress(9, 4, 1, 1, 5, 8, 12, frames_done=7))
        store.wait()
        store.wait()
        running = state(store, heartbeat)
    ended = state(store, heartbeat)

    assert (at_start.outcome, at_start.counts.items_total, at_start.sources) == (
        "running",
        9,
        ("/archive",),
    )
    assert (running.outcome, running.ended_at) == ("running", "")
    counts = running.counts
    assert (counts.items_total, counts.items_settled, counts.items_done) == (9, 4, 2)
    assert (counts.items_failed, counts.items_skipped, counts.items_resumed) == (1, 1, 1)
    assert (counts.units_expected, counts.units_done, counts.frames_done) == (12, 5, 7)
    assert running.last_errors == ("a.png: damaged.",)
    assert running.pace.eta_seconds
    assert (ended.outcome, ended.counts) == ("finished", counts)
    assert ended.ended_at >= ended.started_at


def test_a_run_with_an_estimate_shows_the_time_left_and_a_comparison_at_the_end():
    store = Watched()
    expected = Estimate(
        MediaEstimate(4, 4, 0.0, 40.0, 4000), MediaEstimate(1, 100, 4.0, 60.0, 6000)
    )
    found = ItemLine("file:///a", "r.mp4", "film", "succeeded", resumed=True, frames=100)
    made = ItemLine("file:///a", "a.png", "still", "succeeded", output_bytes=900, worker="a:1")

    with Heartbeat(store, "job", heartbeat_seconds=0.1, expected=expected) as heartbeat:
        store.wait()
        store.wait()
        before = state(store, heartbeat)
        for line in (found, made):
            heartbeat.add_item(line)
        store.wait()
        store.wait()
        running = state(store, heartbeat)
    ended = state(store, heartbeat)

    assert before.pace.eta_seconds == pytest.approx(100, abs=5)
    assert running.expected == ended.expected == expected
    assert running.comparison is None
    # The film was done already, and one of four pictures took less time than estimated.
    assert running.pace.eta_seconds == pytest.approx(30 * 60 / 70, abs=2)
    assert (ended.comparison.expected_seconds, ended.comparison.expected_bytes) == (10.0, 1000)
    assert ended.comparison.bytes_out == 900
    assert ended.comparison.seconds < 5
    assert heartbeat.comparison().bytes_out == 900
    assert "estimated 10 s for the work of this run, took" in comparison_text(ended)


def test_run_ids_are_unique_and_start_with_the_time():
    ids = {Heartbeat(MemoryStore("x"), "job").run_id for _ in range(20)}

    assert len(ids) == 20
    assert all(re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", found) for found in ids)


@pytest.mark.parametrize(
    ("error", "outcome", "sentence"),
    [
        (UsageError("ray", "is not installed", "Install it"), "broken", "ray: is not installed."),
        (ZeroDivisionError("x"), "broken", "ZeroDivisionError: x"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
    ],
)
def test_the_state_shows_the_error_that_ended_the_run(error, outcome, sentence):
    store = MemoryStore("color")
    heartbeat = Heartbeat(store, "job")

    with pytest.raises(type(error)), heartbeat:
        raise error

    assert state(store, heartbeat).outcome == outcome
    assert state(store, heartbeat).last_errors[0].startswith(sentence)


def test_the_state_shows_that_the_run_was_interrupted():
    store = MemoryStore("color")

    with Heartbeat(store, "job") as heartbeat:
        heartbeat.mark_interrupted()

    assert state(store, heartbeat).outcome == "interrupted"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StoreUnavailable("color", "it does not answer"), "color: it does not answer."),
        # As from time.sleep in a client of the store while the clock is set.
        (OSError(errno.EINVAL, "Invalid argument"), "Invalid argument"),
    ],
)
def test_a_heartbeat_that_fails_stops_neither_the_job_nor_later_ones(caplog, error, words):
    store = Watched()
    store.error = error

    with (
        caplog.at_level(logging.WARNING),
        Heartbeat(store, "job", heartbeat_seconds=0.1) as heartbeat,
    ):
        store.wait()
        store.error = None
        store.wait()
        store.wait()
        assert state(store, heartbeat).outcome == "running"

    assert state(store, heartbeat).outcome == "finished"
    assert "its state was not written: " in caplog.text
    assert words in caplog.text


def test_only_the_last_errors_are_stored_and_long_ones_are_cut():
    store = MemoryStore("color")

    with Heartbeat(store, "job") as heartbeat:
        for number in range(50):
            heartbeat.add_item(item("failed", f"{number} " + "x" * 10_000))

    errors = state(store, heartbeat).last_errors
    assert [error.split()[0] for error in errors] == ["45", "46", "47", "48", "49"]
    assert len(store.get(run_key("job", heartbeat.run_id))) < 5000
    assert json.loads(store.get(run_key("job", heartbeat.run_id)))["pid"] > 0


def test_call_both_passes_the_value_to_both_functions():
    first, second = [], []

    call_both(first.append, second.append)(3)

    assert first == second == [3]
