"""What the runs of a plan leave on a destination for one another, below `.colorworker/plans/`.

    <plan>/claims/<number>.json                 which run is the plan's newest: create-only
    <plan>/<collection>/listing.json            the job whose manifest was the last one
    <plan>/<collection>/failures/<identity>.json   a source that has failed, and how often

None of it decides what is right, only what need not be tried: lost, it costs work and no outputs.
"""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from colorworker.domain.entries import Entry, entry_from_json
from colorworker.domain.runstate import SILENT_BEATS, run_status
from colorworker.domain.schedule import Failure, failure_from_json, failure_to_json
from colorworker.errors import ColorworkerError, KeyExists, KeyMissing
from colorworker.inputs.jobplan import job_plan_key
from colorworker.runs.joblist import read_run_states
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore

logger = logging.getLogger(__name__)

_READERS = 16
"""Failures read at a time."""


def plan_job(plan: str) -> str:
    """Return the id under which a plan's runs are kept beside those of jobs."""
    return f"plan-{plan}"


def claim(
    store: ObjectStore, plan: str, run_id: str, heartbeat_seconds: float, now: datetime
) -> str:
    """Make a run the plan's newest unless another one is alive; return that one's id, or nothing.

    Claims are numbered and created once, so of runs that begin together one goes on. One that was
    killed counts as long as its heartbeats may be late. Clocks of machines are thought to agree
    within that time; if they do not, runs overlap, which costs work and no more.
    """
    prefix = f"{STATE}/plans/{plan}/claims/"
    keys = sorted(info.key for info in store.list(prefix))
    if keys and (holder := _living(store, plan, keys[-1], now)):
        return holder
    number = int(keys[-1].removeprefix(prefix).partition(".")[0]) + 1 if keys else 1
    values = {
        "run_id": run_id,
        "claimed_at": now.isoformat(),
        "heartbeat_seconds": heartbeat_seconds,
    }
    try:
        store.put(f"{prefix}{number:08d}.json", json.dumps(values).encode(), create_only=True)
    except KeyExists:
        return "one that began in the same moment"
    for key in keys:
        store.delete(key)
    return ""


def last_sign(store: ObjectStore, plan: str, run_id: str) -> str:
    """Return when a run of the plan has last renewed its state; empty if it has none."""
    states = read_run_states(store, [(plan_job(plan), run_id)])
    return states[0].updated_at if states else ""


def _living(store: ObjectStore, plan: str, key: str, now: datetime) -> str:
    try:
        values = json.loads(store.get(key))
        run_id, beat = str(values["run_id"]), float(values["heartbeat_seconds"])
        claimed_at = datetime.fromisoformat(values["claimed_at"])
        silent = (now - claimed_at).total_seconds()
    except KeyMissing:
        return "one that began in the same moment"
    except (ValueError, TypeError, KeyError):
        return ""
    states = read_run_states(store, [(plan_job(plan), run_id)])
    if states:
        return run_id if run_status(states[0], now) == "running" else ""
    # It has claimed the plan and not said anything yet.
    return run_id if silent <= SILENT_BEATS * beat + 1 else ""


class CollectionState:
    """The state of one collection on its destination."""

    def __init__(self, store: ObjectStore, plan: str, collection: str) -> None:
        self._store = store
        folder = f"{STATE}/plans/{plan}/{collection}"
        self._failures = f"{folder}/failures/"
        self._listing = f"{folder}/listing.json"

    def failures(self) -> list[Failure]:
        """Return all that is known of sources that failed; about 1 kB of memory each."""
        keys = [info.key for info in self._store.list(self._failures)]
        with ThreadPoolExecutor(_READERS) as pool:
            return [found for found in pool.map(self._read, keys) if found]

    def remember(self, failure: Failure) -> None:
        """Keep a failure; a store that will not take it costs one try more."""
        try:
            self._store.put(self._key(failure.identity), failure_to_json(failure))
        except ColorworkerError as error:
            logger.warning("%s: that it failed was not kept: %s", failure.key, error)

    def forget(self, failure: Failure) -> None:
        """Let a source start anew."""
        try:
            self._store.delete(self._key(failure.identity))
        except ColorworkerError as error:
            logger.warning("%s: that it failed was not forgotten: %s", failure.key, error)

    def last_job(self) -> str:
        """Return the id of the job that the last run ended with; empty if there was none."""
        try:
            return str(json.loads(self._store.get(self._listing))["job_id"])
        except (KeyMissing, ValueError, TypeError, KeyError):
            return ""

    def set_last_job(self, job_id: str) -> None:
        """Make a job the one that the next run compares its sources with."""
        self._store.put(self._listing, json.dumps({"job_id": job_id}).encode())

    def entries_of(self, job_id: str) -> Iterator[Entry]:
        """Yield the entries of an earlier job's manifest; none if it is not there any more."""
        try:
            reader = self._store.open(job_plan_key(job_id))
        except KeyMissing:
            logger.warning("job %s: its manifest is gone; nothing can be compared with it", job_id)
            return
        with reader:
            reader.readline()
            yield from map(entry_from_json, reader)

    def _key(self, identity: str) -> str:
        return f"{self._failures}{identity}.json"

    def _read(self, key: str) -> Failure | None:
        try:
            return failure_from_json(self._store.get(key))
        except (KeyMissing, ValueError):
            return None
