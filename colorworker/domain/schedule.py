"""What a restoration plan says, and the decisions that follow from it. No I/O, no clock."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from colorworker.domain.entries import Entry
from colorworker.domain.options import ModelRef, Options
from colorworker.domain.timewindow import Window
from colorworker.domain.units import content_id, scan, still
from colorworker.errors import LineRefused

HoldReason = Literal["waiting", "parked"]

ERRORS_NOT_OF_THE_ITEM = frozenset({"store_unavailable", "place_failed", "source_changed"})
"""Errors that say nothing of the item: they neither count towards parking nor delay it."""
_ERROR_LETTERS = 500


@dataclass(frozen=True)
class Budget:
    """Most that one run of a plan may take; None is no bound."""

    items: int | None = None
    """Sources worked on; those found done do not count."""
    hours: float | None = None
    money: float | None = None
    price_per_hour: float | None = None
    """Of an hour of the run, all its machines together, in the unit of `money`."""

    def spent(self, items: int, seconds: float) -> str:
        """Return which bound is reached, as words; empty while there is something left."""
        if self.items is not None and items >= self.items:
            return f"the budget of {self.items} items is spent"
        if self.hours is not None and seconds >= self.hours * 3600:
            return f"the budget of {self.hours:g} hours is spent"
        if self.money is not None and seconds * (self.price_per_hour or 0) >= self.money * 3600:
            return f"the budget of {self.money:g} at {self.price_per_hour:g} an hour is spent"
        return ""

    def runs(self, seconds: float) -> int:
        """Return in how many runs so many seconds of work are done, as far as hours and money say.

        At least 1; a budget of items is no matter of time.
        """
        bounds = [self.hours * 3600] if self.hours is not None else []
        if self.money is not None and self.price_per_hour:
            bounds.append(self.money / self.price_per_hour * 3600)
        return max(1, math.ceil(seconds / min(bounds))) if bounds else 1


@dataclass(frozen=True)
class Failure:
    """How often a source has failed, with these options and weights and this content."""

    identity: str
    root: str
    key: str
    failures: int
    last_at: str
    """UTC, ISO 8601."""
    error_code: str
    error: str


@dataclass(frozen=True)
class Retry:
    """How long a failed source is left alone, and how often it is tried."""

    attempts: int = 4
    """Runs in which it may fail; then it is parked."""
    first_wait_hours: float = 6.0
    factor: float = 3.0
    """By which every further wait is longer."""
    longest_wait_hours: float = 24.0 * 7

    def due_at(self, failures: int, last: datetime) -> datetime | None:
        """Return when a source that failed so often, last at `last`, is tried anew; None: never."""
        if failures >= self.attempts:
            return None
        hours = self.longest_wait_hours
        # Few steps: a loop that ends at the longest wait, where a power could overflow.
        wait = self.first_wait_hours
        for _ in range(failures - 1):
            wait = min(wait * self.factor, hours)
        return last + timedelta(hours=min(wait, hours))

    def held(self, failure: Failure, now: datetime) -> tuple[HoldReason, str] | None:
        """Return why the source is left out of a run at `now`, or None if it is to be tried."""
        due = self.due_at(failure.failures, datetime.fromisoformat(failure.last_at))
        times = "once" if failure.failures == 1 else f"{failure.failures} times"
        seen = f"{failure.key}: failed {times}, last at {failure.last_at}"
        if due is None:
            return "parked", f"{seen}, and is parked. It said: {failure.error}"
        if due <= now:
            return None
        until = due.isoformat(timespec="seconds")
        return "waiting", f"{seen}, and waits until {until}. It said: {failure.error}"


@dataclass(frozen=True)
class Collection:
    """Sources that go to one destination in one way."""

    name: str
    sources: tuple[str, ...]
    destination: str
    options: Options
    model: str
    """Packaged name, path or URI of the weights."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    completion_report: str = ""
    """Where reports in the format of S3 Batch Operations go; empty for none."""


@dataclass(frozen=True)
class RestorationPlan:
    """What is run again and again, in the order of its collections."""

    name: str
    collections: tuple[Collection, ...]
    window: Window | None = None
    budget: Budget = Budget()
    retry: Retry = Retry()


def output_identity(entry: Entry, options: Options, model: ModelRef) -> str:
    """Return the identity of an entry's output: changes with content, name, options and weights.

    What its listing has settled as failed is known by its version and that error.
    """
    if entry.outcome or entry.kind is None:
        return content_id("listed", entry.root, entry.key, entry.etag, entry.error_code)
    options = entry.options(options)
    if entry.kind == "film":
        return scan(entry.asset(), entry.output_key, options, model).assembly_id
    return still(entry.asset(), entry.output_key, options, model).unit_id


def count_failure(
    before: Failure | None, entry: Entry, identity: str, code: str, error: str, at: str
) -> Failure:
    """Return what is known of a source after one more failure; of another identity, the first."""
    earlier = before.failures if before and before.identity == identity else 0
    short = error[:_ERROR_LETTERS]
    return Failure(identity, entry.root, entry.key, earlier + 1, at, code, short)


def failure_to_json(failure: Failure) -> bytes:
    """Return the failure as ASCII JSON."""
    return json.dumps(asdict(failure), sort_keys=True, indent=1).encode()


def failure_from_json(data: bytes) -> Failure:
    """Return the failure; unknown fields of newer versions are left out.

    Raises:
        ValueError: If it is not the JSON object of a failure, or its time is none.
    """
    values = json.loads(data)
    if not isinstance(values, dict):
        raise ValueError("not a failure")
    known = {name: values[name] for name in Failure.__dataclass_fields__ if name in values}
    try:
        failure = Failure(**known)
        zone = datetime.fromisoformat(failure.last_at).tzinfo
    except TypeError as error:
        raise ValueError("not a failure") from error
    if zone is None or not isinstance(failure.failures, int):
        raise ValueError("not a failure")
    return failure


def missing_sources(before: Iterable[Entry], now: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries of an earlier plan whose sources a later one does not have.

    Both are sorted by key and root, as plans are; one entry of each is held at a time. What was
    skipped then, a sidecar or the like, is nobody's loss; nor is a bad line of a manifest.
    """
    later = iter(now)
    present = next(later, None)
    for entry in before:
        while present is not None and (present.key, present.root) < (entry.key, entry.root):
            present = next(later, None)
        is_there = present is not None and (present.key, present.root) == (entry.key, entry.root)
        was_source = entry.outcome != "skipped" and entry.error_code != LineRefused.code
        if not is_there and was_source:
            yield entry
