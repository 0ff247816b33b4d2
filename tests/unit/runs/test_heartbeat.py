"""Runs describe themselves while they go on, however they end, and whatever their store does."""

import json
import logging
import re
import threading

import pytest

from colorworker.domain.costs import Estimate, Part
from colorworker.domain.runstate import run_from_json
from colorworker.driver import Progress
from colorworker.errors import StoreUnavailable, UsageError
from colorworker.report.itemlines import ItemLine
from colorworker.runs.heartbeat import Heartbeat, call_both, run_key
from colorworker.runs.statustext import comparison_text
from colorworker.store.memory import MemoryStore


class Watched(MemoryStore):
    """A store that tells when it was put to, and can be away."""

    def __init__(self):
        super().__init__("color")
        self.is_away, self.tried = False, threading.Event()

    def put(self, key, data, *, create_only=False):
        try:
            if self.is_away:
                raise StoreUnavailable("color", "it does not answer")
            return super().put(key, data, create_only=create_only)
        finally:
            self.tried.set()

    def wait(self):
        self.tried.clear()
        assert self.tried.wait(30)


def state(store, kept):
    return run_from_json(store.get(run_key("job", kept.run_id)))


def item(outcome, error="", resumed=False):
    return ItemLine("file:///a", "a.png", "still", outcome, error=error, resumed=resumed)


def test_a_run_says_how_far_it_is_while_it_goes_on():
    store = Watched()

    with Heartbeat(store, "job", ["/archive"], heartbeat_seconds=0.1) as kept:
        begun = state(store, kept)
        for line in (item("succeeded"), item("succeeded", resumed=True), item("skipped")):
            kept.add(line)
        kept.add(item("failed", "a.png: damaged."))
        kept.show(Progress(9, 4, 1, 1, 5, 8, 12, frames_done=7))
        store.wait()
        store.wait()
        under_way = state(store, kept)
    ended = state(store, kept)

    assert (begun.outcome, begun.counts.items_total, begun.sources) == ("running", 0, ("/archive",))
    assert (under_way.outcome, under_way.ended_at) == ("running", "")
    counts = under_way.counts
    assert (counts.items_total, counts.items_settled, counts.items_done) == (9, 4, 2)
    assert (counts.items_failed, counts.items_skipped, counts.items_resumed) == (1, 1, 1)
    assert (counts.units_expected, counts.units_done, counts.frames_done) == (12, 5, 7)
    assert under_way.last_errors == ("a.png: damaged.",)
    assert under_way.pace.eta_seconds
    assert (ended.outcome, ended.counts) == ("finished", counts)
    assert ended.ended_at >= ended.started_at


def test_a_run_that_knows_what_to_expect_says_what_is_left_and_what_became_of_it():
    store = Watched()
    expected = Estimate(Part(4, 4, 0.0, 40.0, 4000), Part(1, 100, 4.0, 60.0, 6000))
    found = ItemLine("file:///a", "r.mp4", "film", "succeeded", resumed=True, frames=100)
    made = ItemLine("file:///a", "a.png", "still", "succeeded", output_bytes=900, worker="a:1")

    with Heartbeat(store, "job", heartbeat_seconds=0.1, expected=expected) as kept:
        store.wait()
        store.wait()
        before = state(store, kept)
        for line in (found, made):
            kept.add(line)
        store.wait()
        store.wait()
        under_way = state(store, kept)
    ended = state(store, kept)

    assert before.pace.eta_seconds == pytest.approx(100, abs=5)
    assert under_way.expected == ended.expected == expected
    assert under_way.comparison is None
    # The film was done, and so was one of four pictures, sooner than was thought.
    assert under_way.pace.eta_seconds == pytest.approx(30 * 60 / 70, abs=2)
    assert (ended.comparison.expected_seconds, ended.comparison.expected_bytes) == (10.0, 1000)
    assert ended.comparison.bytes_out == 900
    assert ended.comparison.seconds < 5
    assert kept.comparison().bytes_out == 900
    assert "expected 10 s for what it worked on, took" in comparison_text(ended)


def test_runs_sort_by_the_time_they_began():
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
def test_a_run_that_ends_by_an_error_says_so(error, outcome, sentence):
    store = MemoryStore("color")
    kept = Heartbeat(store, "job")

    with pytest.raises(type(error)), kept:
        raise error

    assert state(store, kept).outcome == outcome
    assert state(store, kept).last_errors[0].startswith(sentence)


def test_a_run_that_was_stopped_says_so():
    store = MemoryStore("color")

    with Heartbeat(store, "job") as kept:
        kept.interrupted()

    assert state(store, kept).outcome == "interrupted"


def test_a_store_that_is_away_stops_no_job(caplog):
    store = Watched()
    store.is_away = True

    with (
        caplog.at_level(logging.WARNING),
        Heartbeat(store, "job", heartbeat_seconds=0.1) as kept,
    ):
        store.wait()
        store.is_away = False
        store.wait()
        store.wait()
        assert state(store, kept).outcome == "running"

    assert state(store, kept).outcome == "finished"
    assert "its state was not written: color: it does not answer." in caplog.text


def test_only_the_last_errors_are_kept_and_none_at_full_length():
    store = MemoryStore("color")

    with Heartbeat(store, "job") as kept:
        for number in range(50):
            kept.add(item("failed", f"{number} " + "x" * 10_000))

    errors = state(store, kept).last_errors
    assert [error.split()[0] for error in errors] == ["45", "46", "47", "48", "49"]
    assert len(store.get(run_key("job", kept.run_id))) < 5000
    assert json.loads(store.get(run_key("job", kept.run_id)))["pid"] > 0


def test_both_take_the_value():
    first, second = [], []

    call_both(first.append, second.append)(3)

    assert first == second == [3]
