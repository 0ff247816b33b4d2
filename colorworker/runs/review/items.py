"""The items of a destination as the review page lists them: report lines with their reviews."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal, get_args

from colorworker.errors import KeyMissing, UsageError
from colorworker.report.itemlines import ItemLine, line_from_json
from colorworker.runs.joblist import list_jobs
from colorworker.runs.review.reviews import (
    Review,
    ReviewUnreadable,
    item_id,
    list_versions,
    read_review,
)
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore

MAX_ITEMS = 200_000
"""Maximum number of items on one page; each takes about 2 KB of memory."""

Filter = Literal["all", "unreviewed", "accepted", "rejected", "failed", "warnings", "commented"]


@dataclass(frozen=True)
class ReviewItem:
    """One source with the latest outcome of its coloring and its review."""

    identity: str
    line: ItemLine
    job_id: str
    review: Review
    problem: str = ""
    """Why its review cannot be read; empty if it can."""

    def matches(self, wanted: Filter, text: str) -> bool:
        """Return whether the item passes a filter and contains a text in its key."""
        if text and text.casefold() not in self.line.key.casefold():
            return False
        if wanted == "failed":
            return self.line.outcome == "failed"
        if wanted == "warnings":
            return bool(self.line.warnings) or bool(self.problem)
        if wanted == "commented":
            return bool(self.review.comment)
        if wanted == "all":
            return True
        return self.line.outcome == "succeeded" and self.review.verdict == wanted


def parse_filter(text: str) -> Filter:
    """Return the filter of this name.

    Raises:
        UsageError: If there is none.
    """
    for name in get_args(Filter):
        if name == text:
            return name  # type: ignore[no-any-return]  # a member of the Literal
    raise UsageError("filter", f"{text!r} is unknown", f"Give one of {', '.join(get_args(Filter))}")


class ItemCatalog:
    """All items of a destination. Reports are read once, reviews whenever they are asked for."""

    def __init__(self, store: ObjectStore, job: str = "") -> None:
        """Read the latest report of every job.

        Args:
            store: The destination.
            job: Only jobs whose id begins with this.

        Raises:
            UsageError: If no job has a report there, or there are too many items.
        """
        self._store = store
        self._lock = Lock()
        self._items = {item.identity: item for item in _read_items(store, job)}
        self._versions: dict[str, int] = {}
        if not self._items:
            raise UsageError(
                store.uri,
                "no job has reported an item there",
                "Check the path, and colorize something first",
            )
        self.refresh()

    def refresh(self) -> None:
        """Read the reviews that have been saved since the last call."""
        versions = list_versions(self._store)
        with self._lock:
            for identity in versions.keys() & self._items.keys():
                if self._versions.get(identity) != versions[identity]:
                    self._items[identity] = self._reviewed(
                        self._items[identity], versions[identity]
                    )
            self._versions = versions

    def get(self, identity: str) -> ReviewItem:
        """Return an item with its latest review.

        Raises:
            KeyMissing: If there is none.
        """
        self.refresh()
        with self._lock:
            if identity not in self._items:
                raise KeyMissing(identity[:24], "there is no such item", "Load the page again")
            return self._items[identity]

    def select(self, wanted: Filter, text: str = "") -> list[ReviewItem]:
        """Return the items that pass a filter and contain a text in their keys, by key."""
        self.refresh()
        with self._lock:
            return [item for item in self._items.values() if item.matches(wanted, text)]

    def counts(self) -> dict[str, int]:
        """Return the number of items of each filter."""
        with self._lock:
            items = list(self._items.values())
        return {name: sum(item.matches(name, "") for item in items) for name in get_args(Filter)}

    def _reviewed(self, item: ReviewItem, version: int) -> ReviewItem:
        try:
            return replace(
                item, review=read_review(self._store, item.identity, version), problem=""
            )
        except ReviewUnreadable as error:
            # A save on top of it starts anew, as the version after it.
            empty = Review(item.line.root, item.line.key, version=version)
            return replace(item, review=empty, problem=str(error))
        except KeyMissing:
            return item


def _read_items(store: ObjectStore, job: str) -> Iterator[ReviewItem]:
    """Yield the items of all reports, each with the line of the newest job, sorted by key."""
    found: dict[str, ReviewItem] = {}
    jobs = [each for each in list_jobs(store, job).values() if each.has_report]
    for listed in sorted(jobs, key=lambda each: each.newest):
        for line in _read_lines(store, listed.job_id):
            identity = item_id(line.root, line.key)
            review = Review(line.root, line.key)
            found[identity] = ReviewItem(identity, line, listed.job_id, review)
            if len(found) > MAX_ITEMS:
                raise UsageError(
                    store.uri, f"has more than {MAX_ITEMS:,} items", "Choose one with --job ID"
                )
    yield from sorted(found.values(), key=lambda item: item.line.key)


def _read_lines(store: ObjectStore, job_id: str) -> Iterator[ItemLine]:
    try:
        with store.open(f"{STATE}/jobs/{job_id}/report/report.jsonl") as lines:
            for data in lines:
                try:
                    yield line_from_json(data)
                except ValueError:
                    continue
    except KeyMissing:
        return
