"""Restoration plans and the decisions they make: budgets, retries, parking. No I/O, no clock."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from colorworker.domain.entries import Entry
from colorworker.domain.jsonvalues import from_json, to_json
from colorworker.domain.models import ModelChoice, ModelRef
from colorworker.domain.options import Options
from colorworker.domain.timewindow import Window
from colorworker.domain.units import content_id, scan, still
from colorworker.errors import LineRefused

HoldReason = Literal["waiting", "parked"]

ERRORS_NOT_OF_THE_ITEM = frozenset(
    {"store_unavailable", "place_failed", "source_archived", "source_changed"}
)
"""Errors that the item did not cause. They neither count towards parking nor delay a retry."""
_ERROR_LETTERS = 500


@dataclass(frozen=True)
class Budget:
    """Limits of one run of a plan; None for no limit."""

    items: int | None = None
    """Sources to work on; those done before do not count."""
    hours: float | None = None
    money: float | None = None
    price_per_hour: float | None = None
    """Price of an hour of the run, for all its machines, in the unit of `money`."""

    def spent(self, items: int, seconds: float) -> str:
        """Return a sentence about the limit that is reached; empty if none is."""
        if self.items is not None and items >= self.items:
            return f"the budget of {self.items} items is spent"
        if self.hours is not None and seconds >= self.hours * 3600:
            return f"the budget of {self.hours:g} hours is spent"
        if self.money is not None and seconds * (self.price_per_hour or 0) >= self.money * 3600:
            return f"the budget of {self.money:g} at {self.price_per_hour:g} an hour is spent"
        return ""

    def runs(self, seconds: float) -> int:
        """Return how many runs this many seconds of work take, by the limits of hours and money.

        At least 1. A limit of items is ignored, because it does not limit time.
        """
        bounds = [self.hours * 3600] if self.hours is not None else []
        if self.money is not None and self.price_per_hour:
            bounds.append(self.money / self.price_per_hour * 3600)
        return max(1, math.ceil(seconds / min(bounds))) if bounds else 1


@dataclass(frozen=True)
class Failure:
    """How often a source failed with the same content, options and weights."""

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
    """How often a failed source is tried, and how long it waits in between."""

    attempts: int = 4
    """Number of failed runs after which it is parked."""
    first_wait_hours: float = 6.0
    factor: float = 3.0
    """Each wait is longer than the last by this factor."""
    longest_wait_hours: float = 24.0 * 7

    def due_at(self, failures: int, last: datetime) -> datetime | None:
        """Return when a source is tried again; None if it is parked.

        Args:
            failures: How often it failed, at least 1.
            last: When it last failed.
        """
        if failures >= self.attempts:
            return None
        hours = self.longest_wait_hours
        # A loop, because a power could overflow. There are few steps.
        wait = self.first_wait_hours
        for _ in range(failures - 1):
            wait = min(wait * self.factor, hours)
        return last + timedelta(hours=min(wait, hours))

    def held(self, failure: Failure, now: datetime) -> tuple[HoldReason, str] | None:
        """Return why a run at `now` skips the source, with a sentence; None if it is due."""
        due = self.due_at(failure.failures, datetime.fromisoformat(failure.last_at))
        times = "once" if failure.failures == 1 else f"{failure.failures} times"
        seen = f"{failure.key}: failed {times}, last at {failure.last_at}"
        if due is None:
            return "parked", f"{seen}, and is parked. Last error: {failure.error}"
        if due <= now:
            return None
        until = due.isoformat(timespec="seconds")
        return "waiting", f"{seen}, and waits until {until}. Last error: {failure.error}"


@dataclass(frozen=True)
class Collection:
    """Sources that go to one destination with the same options."""

    name: str
    sources: tuple[str, ...]
    destination: str
    options: Options
    model: ModelChoice
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    completion_report: str = ""
    """Prefix for reports in the format of S3 Batch Operations; empty for none."""


@dataclass(frozen=True)
class RestorationPlan:
    """Collections that scheduled runs restore, in this order."""

    name: str
    collections: tuple[Collection, ...]
    window: Window | None = None
    budget: Budget = Budget()
    retry: Retry = Retry()


def output_identity(entry: Entry, options: Options, model: ModelRef) -> str:
    """Return the identity of an entry's output: it changes with content, name, options and weights.

    The identity of an entry that failed when it was listed consists of its version and that error.
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
    """Return the failures of a source after one more; a new identity starts again at 1."""
    earlier = before.failures if before and before.identity == identity else 0
    short = error[:_ERROR_LETTERS]
    return Failure(identity, entry.root, entry.key, earlier + 1, at, code, short)


def failure_to_json(failure: Failure) -> bytes:
    """Return the failure as ASCII JSON."""
    return json.dumps(to_json(failure), sort_keys=True, indent=1).encode()


def failure_from_json(data: bytes) -> Failure:
    """Return the failure; unknown fields of newer versions are ignored.

    Raises:
        ValueError: If it is not the JSON object of a failure, or its time is not valid.
    """
    try:
        failure = from_json(Failure, json.loads(data))
        zone = datetime.fromisoformat(failure.last_at).tzinfo
    except ValueError as error:
        raise ValueError("not a failure") from error
    if zone is None:
        raise ValueError("not a failure: its time has no zone")
    return failure


def missing_sources(before: Iterable[Entry], now: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries of an earlier job plan whose sources a later one does not have.

    Both must be sorted by key and root, as job plans are; one entry of each is in memory at a time.
    Entries that were skipped, such as sidecar files, and bad lines of manifests are not reported.
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
