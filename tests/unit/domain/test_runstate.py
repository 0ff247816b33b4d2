"""The state of a run: its pace, when it counts as lost, and its JSON."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from colorworker.domain.runstate import (
    Pace,
    RunCounts,
    RunState,
    measure_pace,
    run_from_json,
    run_status,
    run_to_json,
)

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


def run(seconds_silent=0.0, **changes):
    beat = (NOW - timedelta(seconds=seconds_silent)).isoformat(timespec="seconds")
    return replace(RunState("r", "j", "2026-11-22T21:00:00+00:00", beat), **changes)


@pytest.mark.parametrize(
    ("state", "stands"),
    [
        (run(59), "running"),
        (run(62), "lost"),
        (run(62, heartbeat_seconds=60.0), "running"),
        (run(9e9, outcome="finished"), "finished"),
        (run(9e9, outcome="broken"), "broken"),
    ],
)
def test_a_run_is_lost_after_three_missed_heartbeats(state, stands):
    assert run_status(state, NOW) == stands


def test_the_pace_is_measured_between_samples_without_resumed_frames():
    first = RunCounts(100, items_done=10, units_done=20, frames_done=500, frames_resumed=500)
    last = RunCounts(
        100, items_done=14, items_failed=1, items_skipped=5, units_expected=90, units_done=40,
        frames_done=700, frames_resumed=550,
    )  # fmt: skip

    assert measure_pace([(100.0, first), (110.0, last)]) == Pace(1.0, 15.0, 25.0)


@pytest.mark.parametrize(
    "samples", [[], [(1.0, RunCounts())], [(1.0, RunCounts()), (1.0, RunCounts(3, 3))]]
)
def test_without_time_between_samples_the_pace_is_unknown(samples):
    assert measure_pace(samples) == Pace()


def test_the_time_left_is_unknown_before_the_first_unit():
    assert (
        measure_pace([(0.0, RunCounts()), (9.0, RunCounts(5, units_expected=5))]).eta_seconds
        is None
    )


def test_a_run_state_survives_json_and_newer_fields_are_ignored():
    state = run(
        sources=("s3://a", "b\udce9"), counts=RunCounts(3, 2, 1), last_errors=("x: bad.",),
        pace=Pace(1.5, 0.0, None),
    )  # fmt: skip
    newer = run_to_json(state).replace(b"{", b'{"new": 1,', 1)

    assert run_from_json(newer) == state


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b"\xff", b'{"run_id": "r", "job_id": "j", "started_at": "x"}',
        b'{"run_id": "r", "job_id": "j", "started_at": "yesterday", "updated_at": "today"}',
        b'{"run_id": "r", "job_id": "j", "started_at": "2026-11-22", "updated_at": "2026-11-22"}',
        b'{"run_id": "r", "job_id": "j", "started_at": 7, "updated_at": 7, "counts": 3}',
    ],
)  # fmt: skip
def test_damaged_run_states_are_refused(data):
    with pytest.raises(ValueError, match="not the state of a run"):
        run_from_json(data)
