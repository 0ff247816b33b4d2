"""State that runs of a restoration plan share on a destination, below `.colorworker/plans/`.

    <plan>/claims/<number>.json                    the run that holds the plan; create-only
    <plan>/<collection>/listing.json               the job of the last run
    <plan>/<collection>/failures/<identity>.json   a source that failed, and how often

It only saves work: outputs stay correct if it is lost.
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

_THREADS = 16
"""Number of failures read at a time."""


def plan_job(plan: str) -> str:
    """Return the job id under which the runs of a plan are stored."""
    return f"plan-{plan}"


def claim(
    store: ObjectStore, plan: str, run_id: str, heartbeat_seconds: float, now: datetime
) -> str:
    """Claim a plan for a run. Return "" on success, else the id of the run that holds it.

    Claims are numbered and create-only, so of runs that start at the same time only one succeeds. A
    killed run holds the plan until its heartbeats are overdue. The clocks of machines must agree to
    within that time; otherwise runs may overlap, which costs work but is harmless.
    """
    prefix = f"{STATE}/plans/{plan}/claims/"
    keys = sorted(info.key for info in store.list(prefix))
    if keys and (holder := _live_holder(store, plan, keys[-1], now)):
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
        return "one that started at the same time"
    for key in keys:
        store.delete(key)
    return ""


def last_heartbeat(store: ObjectStore, plan: str, run_id: str) -> str:
    """Return the time of a run's last heartbeat (ISO 8601); empty if there is none."""
    states = read_run_states(store, [(plan_job(plan), run_id)])
    return states[0].updated_at if states else ""


def _live_holder(store: ObjectStore, plan: str, key: str, now: datetime) -> str:
    try:
        values = json.loads(store.get(key))
        run_id, beat = str(values["run_id"]), float(values["heartbeat_seconds"])
        claimed_at = datetime.fromisoformat(values["claimed_at"])
        silent = (now - claimed_at).total_seconds()
    except KeyMissing:
        return "one that started at the same time"
    except (ValueError, TypeError, KeyError):
        return ""
    states = read_run_states(store, [(plan_job(plan), run_id)])
    if states:
        return run_id if run_status(states[0], now) == "running" else ""
    # It has claimed the plan but not written a heartbeat yet.
    return run_id if silent <= SILENT_BEATS * beat + 1 else ""


class CollectionState:
    """The state of one collection on its destination."""

    def __init__(self, store: ObjectStore, plan: str, collection: str) -> None:
        self._store = store
        folder = f"{STATE}/plans/{plan}/{collection}"
        self._failures = f"{folder}/failures/"
        self._listing = f"{folder}/listing.json"

    def failures(self) -> list[Failure]:
        """Return the known failures; each takes about 1 kB of memory."""
        keys = [info.key for info in self._store.list(self._failures)]
        with ThreadPoolExecutor(_THREADS) as pool:
            return [found for found in pool.map(self._read, keys) if found]

    def remember(self, failure: Failure) -> None:
        """Store a failure; if that fails, the source is merely tried once more."""
        try:
            self._store.put(self._key(failure.identity), failure_to_json(failure))
        except ColorworkerError as error:
            logger.warning("%s: its failure was not recorded: %s", failure.key, error)

    def forget(self, failure: Failure) -> None:
        """Delete the failure of a source, which then counts as untried."""
        try:
            self._store.delete(self._key(failure.identity))
        except ColorworkerError as error:
            logger.warning("%s: the record of its failure was not deleted: %s", failure.key, error)

    def last_job(self) -> str:
        """Return the id of the last run's job; empty if there is none."""
        try:
            return str(json.loads(self._store.get(self._listing))["job_id"])
        except (KeyMissing, ValueError, TypeError, KeyError):
            return ""

    def set_last_job(self, job_id: str) -> None:
        """Set the job with which the next run compares its sources."""
        self._store.put(self._listing, json.dumps({"job_id": job_id}).encode())

    def entries_of(self, job_id: str) -> Iterator[Entry]:
        """Yield the entries of an earlier job's plan; none if the plan no longer exists."""
        try:
            reader = self._store.open(job_plan_key(job_id))
        except KeyMissing:
            logger.warning("job %s: its plan is gone; missing sources cannot be detected", job_id)
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
