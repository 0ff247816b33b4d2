"""State shared by runs of a plan: claims, failures, and damaged files."""

import json
from datetime import UTC, datetime, timedelta

from colorworker.runs.heartbeat import Heartbeat
from colorworker.schedule.planstate import CollectionState, claim, plan_job
from colorworker.store.memory import MemoryStore

PREFIX = ".colorworker/plans/nightly/claims/"


def now():
    return datetime.now(UTC)


def heartbeat(store, beat=20.0):
    return Heartbeat(store, plan_job("nightly"), heartbeat_seconds=beat)


def test_a_run_in_progress_holds_the_plan_and_one_that_ended_does_not():
    store = MemoryStore("color")

    with heartbeat(store) as first:
        assert claim(store, "nightly", first.run_id, 20, now()) == ""
        assert claim(store, "nightly", "second", 20, now()) == first.run_id
        assert claim(store, "weekly", "other", 20, now()) == ""

    assert claim(store, "nightly", "third", 20, now()) == ""
    assert [info.key for info in store.list(PREFIX)] == [f"{PREFIX}00000002.json"]


def test_a_killed_run_holds_the_plan_until_its_heartbeat_is_overdue():
    store = MemoryStore("color")
    killed = heartbeat(store, beat=10)
    assert claim(store, "nightly", killed.run_id, 10, now()) == ""

    # First without any heartbeat, then after its last heartbeat.
    assert claim(store, "nightly", "next", 10, now() + timedelta(seconds=29)) == killed.run_id
    killed._put(killed._state)
    assert claim(store, "nightly", "next", 10, now() + timedelta(seconds=29)) == killed.run_id
    assert claim(store, "nightly", "next", 10, now() + timedelta(seconds=35)) == ""


def test_only_one_of_the_runs_that_start_at_the_same_time_claims_the_plan():
    class Racing(MemoryStore):
        def put(self, key, data, *, create_only=False):
            if create_only and "theirs" not in data.decode():
                super().put(key, json.dumps({"run_id": "theirs"}).encode(), create_only=True)
            return super().put(key, data, create_only=create_only)

    assert "same time" in claim(Racing("color"), "nightly", "ours", 20, now())


def test_damaged_claims_and_states_are_ignored():
    store = MemoryStore("color")
    store.put(f"{PREFIX}00000007.json", b"half")
    folder = ".colorworker/plans/nightly/reels"
    store.put(f"{folder}/listing.json", b"[]")
    store.put(f"{folder}/failures/0.json", b"{}")
    state = CollectionState(store, "nightly", "reels")

    assert claim(store, "nightly", "next", 20, now()) == ""
    assert [info.key for info in store.list(PREFIX)] == [f"{PREFIX}00000008.json"]
    assert (state.last_job(), state.failures()) == ("", [])
    assert list(state.entries_of("gone")) == []
