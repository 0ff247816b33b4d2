"""The page over all jobs, written anew at the end of each run."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from colorworker.errors import ColorworkerError
from colorworker.runs.joblist import Listed, list_jobs, newest_runs
from colorworker.runs.jobspage import render_jobs
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore

logger = logging.getLogger(__name__)

PAGE = f"{STATE}/index.html"
"""Where it lies; its links count from there."""
_RUNS = 200
"""Newest runs on the page, of all jobs together: each takes a read to write the page."""


def put_page(store: ObjectStore, destination: str, jobs: dict[str, Listed] | None = None) -> str:
    """Write the page from what the store holds now, and return its key.

    Several runs may do so at once: each writes what it sees, and the last one stands.

    Args:
        store: The destination.
        destination: How people call it.
        jobs: As they were listed; None lists them.
    """
    if jobs is None:
        jobs = list_jobs(store)
    newest = newest_runs(store, jobs, _RUNS)
    html = render_jobs(destination, newest, len(jobs), datetime.now(UTC), jobs_at="jobs/")
    store.put(PAGE, html.encode())
    return PAGE


@contextmanager
def fresh_page(store: ObjectStore, destination: str) -> Iterator[None]:
    """Write the page when the block ends, however it ends; a page is no reason to fail."""
    try:
        yield
    finally:
        try:
            put_page(store, destination)
        except ColorworkerError as error:
            logger.warning("the page over all jobs was not written: %s", error)
