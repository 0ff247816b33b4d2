"""The frozen list of a job: every source that was seen and what is to become of it."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from colorworker.domain.options import (
    Asset,
    Kind,
    ModelRef,
    Options,
    non_default,
    with_item_options,
)

_encode = json.JSONEncoder(sort_keys=True).encode


@dataclass(frozen=True)
class Entry:
    """One listed source: either to be done (`kind` and `output_key`) or settled by its listing."""

    root: str
    key: str
    size_bytes: int
    etag: str
    kind: Kind | None = None
    output_key: str = ""
    outcome: str = ""
    """Empty while to be done; `skipped` or `failed` when the listing settled it."""
    error_code: str = ""
    error: str = ""
    own_options: tuple[tuple[str, Any], ...] = ()
    """Where it is to be done otherwise than the job's other items: names and values of Options."""
    version: str = ""
    """See `Asset`."""

    def options(self, of_job: Options) -> Options:
        """Return the options that hold for this entry; equal ones are the same object."""
        return _changed(of_job, self.own_options) if self.own_options else of_job

    def asset(self) -> Asset:
        """Return the entry as an asset.

        Raises:
            ValueError: If the listing could not tell what it is.
        """
        if self.kind is None:
            raise ValueError(f"{self.key} is neither a still nor a film")
        return Asset(self.root, self.key, self.kind, self.size_bytes, self.etag, self.version)


@dataclass(frozen=True)
class EntryCounts:
    """A list of entries in numbers."""

    items: int = 0
    stills: int = 0
    """To be done."""
    films: int = 0
    """To be done."""
    size_bytes: int = 0
    """Of what is to be done."""


@dataclass
class EntryCounter:
    """Counts entries as they go by."""

    counts: EntryCounts = field(default_factory=EntryCounts)

    def seeing(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the entries; after the last `counts` holds for all of them."""
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
    """Return the entries in numbers; they are seen once."""
    tally = EntryCounter()
    for _ in tally.seeing(entries):
        pass
    return tally.counts


def manifest_lines(entries: Iterable[Entry], options: Options, model: ModelRef) -> Iterator[bytes]:
    """Yield the manifest as JSON lines: first a head, then the entries.

    The head holds the options that differ from their defaults and the SHA-256 of the weights. Where
    the weights lie does not matter, so their URI is left out.
    """
    head = {"options": non_default(options), "weights_sha256": model.sha256}
    yield _encode(head).encode() + b"\n"
    for entry in entries:
        yield entry_to_json(entry)


def entry_to_json(entry: Entry) -> bytes:
    """Return the line of an entry, ASCII with its newline; what few entries have only where set."""
    # vars, because all fields are plain values: asdict would copy each, at four times the cost.
    values = dict(vars(entry))
    if own_options := values.pop("own_options"):
        values["own_options"] = dict(own_options)
    if not entry.version:
        del values["version"]
    return _encode(values).encode() + b"\n"


def _hashable(own_options: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(map(tuple, value)) if isinstance(value, list) else value
        for name, value in own_options.items()
    }


def entry_from_json(line: bytes) -> Entry:
    """Return the entry of one line of a manifest; unknown fields of newer versions are left out.

    Raises:
        ValueError: If it is not the line of an entry.
    """
    values = json.loads(line)
    if not isinstance(values, dict) or "key" not in values:
        raise ValueError("not the line of a manifest's entry")
    known = Entry.__dataclass_fields__
    found = {name: value for name, value in values.items() if name in known}
    if "own_options" in found:
        found["own_options"] = tuple(sorted(_hashable(found["own_options"]).items()))
    return Entry(**found)


@lru_cache(maxsize=256)
def own_options(of_job: Options, asked: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    """Return in what an item differs from the job, sorted; equal ones are the same object.

    Of a profile or codec of its own, it has the defaults of what only they decide.

    Args:
        of_job: The job's options.
        asked: Names and values of what the item says.

    Raises:
        UsageError: If what it says does not go together.
    """
    values = dict(asked)
    options = with_item_options(of_job, values)
    return tuple(
        (name, getattr(options, name))
        for name in sorted({*values, "codec", "crf"})
        if getattr(options, name) != getattr(of_job, name)
    )


@lru_cache(maxsize=256)
def _changed(options: Options, changes: tuple[tuple[str, Any], ...]) -> Options:
    return replace(options, **dict(changes))


def job_id(lines: Iterable[bytes]) -> str:
    """Return 16 hex digits of the manifest's sha256: the same work has the same id."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()[:16]
