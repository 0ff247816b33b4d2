"""The items of a destination as the review page lists them: report lines with their reviews."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal, get_args

from colorworker.errors import KeyMissing, UsageError
from colorworker.report.itemlines import ItemLine, line_from_json
from colorworker.runs.joblist import list_jobs
from colorworker.runs.review.reviews import (
    REVIEWS,
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

Filter = Literal[
    "all",
    "unreviewed",
    "accepted",
    "rejected",
    "uncertain",
    "corrected",
    "commented",
    "warnings",
    "failed",
]


@dataclass(frozen=True)
class ReviewItem:
    """One source with the latest outcome of its coloring and its review."""

    identity: str
    line: ItemLine
    job_id: str
    review: Review
    problem: str = ""
    """Why its review cannot be read; empty if it can."""

    @property
    def is_pending(self) -> bool:
        """Whether its corrections differ from those that the output was colored with."""
        own, review = self.line.own_options, self.review
        applied = {
            each[1].rpartition("/")[2]
            for name in ("hint_files", "reference_frames")
            for each in own.get(name, ())
            if each[1].startswith(REVIEWS)
        }
        shots = {tuple(each) for each in review.shot_variants}
        adjusted = {(each[0], each[1], each[-1]) for each in own.get("adjustments", ())}
        return (
            applied != {*review.hints.values(), *review.references.values()}
            or (review.variant > 0 and own.get("variant") != review.variant)
            or not shots <= adjusted
        )

    def matches(self, wanted: Filter, text: str) -> bool:
        """Return whether the item passes a filter and contains a text in its key."""
        if text and text.casefold() not in self.line.key.casefold():
            return False
        if wanted == "failed":
            return self.line.outcome == "failed"
        if wanted == "uncertain":
            return self.line.certainty is not None
        if wanted == "warnings":
            return bool(self.line.warnings) or bool(self.problem)
        if wanted == "corrected":
            return self.review.is_correction
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
    """All items of a destination. Thread-safe."""

    def __init__(self, store: ObjectStore, job: str = "") -> None:
        """Read the latest report of every job.

        Args:
            store: The destination.
            job: Only jobs whose id begins with this.

        Raises:
            UsageError: If no job has a report there, or there are too many items.
        """
        self._store, self._job = store, job
        self._lock = Lock()
        self._items: dict[str, ReviewItem] = {}
        self._versions: dict[str, int] = {}
        self._read_jobs: dict[str, tuple[str, int]] = {}
        """Newest run and number of reports of each job whose report was read."""
        self.reread()
        if not self._items:
            raise UsageError(
                store.uri,
                "no job has reported an item there",
                "Check the path, and colorize something first",
            )
        self.refresh()

    def reread(self) -> None:
        """Read the reports of jobs that have run since the last call.

        Raises:
            UsageError: If there are too many items.
        """
        listed = list_jobs(self._store, self._job).values()
        found = {each.job_id: (each.newest, len(each.run_reports)) for each in listed}
        news = [
            each
            for each in sorted(listed, key=lambda each: each.newest)
            if each.has_report and self._read_jobs.get(each.job_id) != found[each.job_id]
        ]
        items = {}
        for each in news:
            for item in _read_items(self._store, each.job_id):
                items[item.identity] = item
                _refuse_too_many(self._store, len(items))
        with self._lock:
            known = self._items
            items = {
                identity: replace(item, review=known[identity].review)
                if identity in known
                else item
                for identity, item in items.items()
            }
            _refuse_too_many(self._store, len(known.keys() | items.keys()))
            by_key = sorted((known | items).values(), key=lambda item: item.line.key)
            self._items = {item.identity: item for item in by_key}
            self._read_jobs = found

    def refresh(self, identity: str = "") -> None:
        """Read the reviews that have been saved since the last call.

        Args:
            identity: Of one item; empty for all.
        """
        versions = list_versions(self._store, identity)
        with self._lock:
            for each in versions.keys() & self._items.keys():
                if self._versions.get(each) != versions[each]:
                    self._items[each] = self._reviewed(self._items[each], versions[each])
            self._versions |= versions

    def get(self, identity: str, *, fresh: bool = False) -> ReviewItem:
        """Return an item.

        Args:
            identity: Its id.
            fresh: Look for a review that somebody has saved meanwhile. It costs a listing.

        Raises:
            KeyMissing: If there is none.
        """
        if fresh and identity in self._items:
            self.refresh(identity)
        with self._lock:
            if identity not in self._items:
                raise KeyMissing(identity[:24], "there is no such item", "Load the page again")
            return self._items[identity]

    def select(self, wanted: Filter, text: str = "") -> list[ReviewItem]:
        """Return the items that pass a filter and contain a text in their keys, by key.

        The filter `uncertain` has all items whose certainty is known, the least certain first.
        """
        self.refresh()
        with self._lock:
            found = [item for item in self._items.values() if item.matches(wanted, text)]
        if wanted == "uncertain":
            found.sort(key=lambda item: item.line.certainty or 0)
        return found

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


def _refuse_too_many(store: ObjectStore, number: int) -> None:
    if number > MAX_ITEMS:
        raise UsageError(
            store.uri, f"has more than {MAX_ITEMS:,} items", "Choose one with --job ID"
        )


def _read_items(store: ObjectStore, job_id: str) -> Iterator[ReviewItem]:
    """Yield the items of a job's report."""
    try:
        with store.open(f"{STATE}/jobs/{job_id}/report/report.jsonl") as lines:
            for data in lines:
                try:
                    line = line_from_json(data)
                except ValueError:
                    continue
                review = Review(line.root, line.key)
                yield ReviewItem(item_id(line.root, line.key), line, job_id, review)
    except KeyMissing:
        return
