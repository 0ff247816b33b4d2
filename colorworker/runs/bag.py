"""Destinations that are BagIt bags: which jobs fit them, and their manifests after a job."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from colorworker.domain.bag import DECLARATION, PAYLOAD, refuse_other_bag
from colorworker.domain.entries import Entry
from colorworker.domain.units import bag_update
from colorworker.driver import Executor
from colorworker.errors import KeyMissing, UsageError
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore

_MARKER = f"{STATE}/bag"
"""Says that a job made the destination a bag."""
_WAIT_SECONDS = 0.25


def in_bag(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries with their outputs in the payload of a bag."""
    for entry in entries:
        yield replace(entry, output_key=PAYLOAD + entry.output_key) if entry.output_key else entry


def is_bag(store: ObjectStore) -> bool:
    """Return whether a job made the destination a bag."""
    return _is_there(store, _MARKER)


def check_bag(store: ObjectStore, label: str, *, wanted: bool) -> None:
    """Check that a job fits its destination.

    Args:
        store: The destination.
        label: Its name, for the error.
        wanted: Whether the job is to make it a bag, or keep it one.

    Raises:
        UsageError: If it is another program's bag, or a bag that this job would not update.
    """
    is_ours = is_bag(store)
    files = _root_files(store) if wanted and not is_ours else set()
    refuse_other_bag(label, is_ours=is_ours, root_files=files, wanted=wanted)


def mark_as_bag(store: ObjectStore) -> None:
    """Say that the destination is a bag whose manifests jobs write."""
    store.put(_MARKER, b"The manifests in the root are written by colorworker.\n")


def update_manifests(executor: Executor, job_id: str, max_attempts: int) -> None:
    """Let a worker write the manifests.

    Raises:
        UsageError: If it fails at every attempt.
    """
    unit = bag_update(job_id)
    for attempt in range(1, max_attempts + 1):
        executor.submit(unit, attempt)
        result = None
        while result is None:
            found = executor.wait(_WAIT_SECONDS)
            result = next((each for each in found if each.unit_id == unit.unit_id), None)
        if result.outcome == "succeeded":
            return
        if attempt == max_attempts or not (result.retryable or result.outcome == "lost"):
            worker = "its worker " if result.outcome == "lost" else ""
            raise UsageError(
                "--bag",
                f"the outputs are done, but the manifests were not written: {worker}{result.error}",
                "Run the same command again",
            )


def _root_files(store: ObjectStore) -> set[str]:
    """Return which of the names of a bag's text files are taken."""
    prefixes = (DECLARATION, "manifest-", "tagmanifest-")
    return {info.key for prefix in prefixes for info in store.list(prefix) if "/" not in info.key}


def _is_there(store: ObjectStore, key: str) -> bool:
    try:
        store.head(key)
    except KeyMissing:
        return False
    return True
