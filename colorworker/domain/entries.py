"""Entries of a job's frozen list: every source that was found, and what to do with it."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from colorworker.domain.models import ModelRef
from colorworker.domain.options import Asset, Kind, Options, non_default, with_item_options

_encode = json.JSONEncoder(sort_keys=True).encode


@dataclass(frozen=True)
class Entry:
    """A listed source: either to do (`kind` and `output_key`) or settled by the listing."""

    root: str
    key: str
    size_bytes: int
    etag: str
    kind: Kind | None = None
    output_key: str = ""
    outcome: str = ""
    """Empty if it is to do; `skipped` or `failed` if the listing settled it."""
    error_code: str = ""
    error: str = ""
    own_options: tuple[tuple[str, Any], ...] = ()
    """Options that differ from the job's: names and values."""
    version: str = ""
    """See `Asset`."""

    def options(self, of_job: Options) -> Options:
        """Return the options of this entry; equal ones are the same object."""
        return _changed(of_job, self.own_options) if self.own_options else of_job

    def asset(self) -> Asset:
        """Return the entry as an asset.

        Raises:
            ValueError: If it is neither a still nor a film.
        """
        if self.kind is None:
            raise ValueError(f"{self.key} is neither a still nor a film")
        return Asset(self.root, self.key, self.kind, self.size_bytes, self.etag, self.version)


@dataclass(frozen=True)
class EntryCounts:
    """Number of entries by kind and state."""

    items: int = 0
    """All entries."""
    stills: int = 0
    """Pictures to do."""
    films: int = 0
    """Films to do."""
    size_bytes: int = 0
    """Size of the sources to do."""


@dataclass
class EntryCounter:
    """Counts entries while they are iterated."""

    counts: EntryCounts = field(default_factory=EntryCounts)

    def count(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the entries; after the last one, `counts` is their number."""
        items = stills = films = size_bytes = 0
        for entry in entries:
            items += 1
            if not entry.outcome:
                stills += entry.kind == "still"
                films += entry.kind == "film"
                size_bytes += entry.size_bytes
            yield entry
        self.counts = EntryCounts(items, stills, films, size_bytes)


def count_entries(entries: Iterable[Entry]) -> EntryCounts:
    """Return the number of entries; iterates them once."""
    counter = EntryCounter()
    for _ in counter.count(entries):
        pass
    return counter.counts


def plan_lines(entries: Iterable[Entry], options: Options, model: ModelRef) -> Iterator[bytes]:
    """Yield the lines of a job plan as JSON: first a head, then the entries.

    The head holds the options that differ from their defaults and the SHA-256 of the weights. The
    URI of the weights is left out, because their location does not matter.
    """
    head = {"options": non_default(options), "weights_sha256": model.identity}
    yield _encode(head).encode() + b"\n"
    for entry in entries:
        yield entry_to_json(entry)


def entry_to_json(entry: Entry) -> bytes:
    """Return the line of an entry: ASCII with its newline, rare fields only if they are set."""
    # All fields are plain values, so vars is enough; asdict copies each, at four times the cost.
    values = dict(vars(entry))
    if own_options := values.pop("own_options"):
        values["own_options"] = dict(own_options)
    if not entry.version:
        del values["version"]
    return _encode(values).encode() + b"\n"


def _hashable(own_options: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(tuple(each) if isinstance(each, list) else each for each in value)
        if isinstance(value, list)
        else value
        for name, value in own_options.items()
    }


def entry_from_json(line: bytes) -> Entry:
    """Return the entry of one line; unknown fields of newer versions are ignored.

    Raises:
        ValueError: If the line is not an entry.
    """
    values = json.loads(line)
    if not isinstance(values, dict) or "key" not in values:
        raise ValueError("not an entry of a job plan")
    known = Entry.__dataclass_fields__
    found = {name: value for name, value in values.items() if name in known}
    if "own_options" in found:
        found["own_options"] = tuple(sorted(_hashable(found["own_options"]).items()))
    return Entry(**found)


@lru_cache(maxsize=256)
def own_options(of_job: Options, asked: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    """Return an item's options that differ from the job's, sorted by name.

    Equal results are the same object. See `with_item_options` for an item's own profile or codec.

    Args:
        of_job: The job's options.
        asked: Names and values that the item sets.

    Raises:
        UsageError: If the values contradict each other.
    """
    own, job = vars(with_item_options(of_job, dict(asked))), vars(of_job)
    return tuple((name, own[name]) for name in sorted(own) if own[name] != job[name])


@lru_cache(maxsize=256)
def _changed(options: Options, changes: tuple[tuple[str, Any], ...]) -> Options:
    return replace(options, **dict(changes))


def job_id(lines: Iterable[bytes]) -> str:
    """Return the job ID: 16 hex digits of the SHA-256 of the plan. Equal plans have equal IDs."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()[:16]
