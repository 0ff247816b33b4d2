"""From SOURCE arguments to the entries of a job: list, tell kinds, name outputs."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from colorworker.errors import ColorworkerError, NotMedia, SourceUnreadable
from colorworker.media.kinds import (
    film_output_extension,
    is_sidecar,
    kind_from_content,
    kind_from_name,
    still_output_extension,
)
from colorworker.planning.catalogue import Catalogue
from colorworker.provenance.record import STATE
from colorworker.store.base import ObjectInfo, ObjectStore
from colorworker.store.keys import check_key
from colorworker.store.sources import Source, select
from colorworker.work.job import Codec, Profile
from colorworker.work.manifest import Entry
from colorworker.work.naming import suffix_of

_HEAD_BYTES = 4096


@dataclass(frozen=True)
class OpenSource:
    """A source and its opened store."""

    source: Source
    store: ObjectStore


def plan_entries(
    sources: Iterable[OpenSource], profile: Profile, scratch: Path, codec: Codec | None = None
) -> Iterator[Entry]:
    """Yield an entry for every object of the sources, sorted by key, with its output's name.

    The first comes when everything is listed. Memory does not grow with their number: they wait in
    a file in `scratch`, which is gone after the last.

    Raises:
        UsageError: If the file cannot be written.
    """
    with Catalogue(scratch, partial(_output_extension, profile, codec)) as catalogue:
        catalogue.fill(listed(sources))
        yield from catalogue.entries()


def list_entries(sources: Iterable[OpenSource], profile: Profile) -> list[Entry]:
    """Return what `plan_entries` yields, all at once: for jobs that are known to be small."""
    with tempfile.TemporaryDirectory(prefix="colorworker-") as folder:
        return list(plan_entries(sources, profile, Path(folder)))


def listed(sources: Iterable[OpenSource]) -> Iterator[Entry]:
    """Yield an entry for every object of the sources, as they list them, without output names.

    Sidecars are told by their names and not read; an object whose name says nothing, by its first
    bytes. What cannot be done is settled here: `failed` with the reason, or `skipped` when it is
    neither a picture nor a film.
    """
    for item in sources:
        yield from _entries(item)


def _output_extension(profile: Profile, codec: Codec | None, entry: Entry) -> str:
    extension = suffix_of(entry.key)
    if entry.kind == "still":
        return still_output_extension(extension, profile)
    return film_output_extension(extension, profile, codec)


def _entries(item: OpenSource) -> Iterator[Entry]:
    for info in select(item.store, item.source):
        if info.key.startswith(f"{STATE}/"):
            # Another job's state: the source was a destination once.
            continue
        entry = Entry(item.store.uri, info.key, info.size_bytes, info.etag)
        try:
            yield _told(entry, info, item.store)
        except ColorworkerError as error:
            yield _settled(entry, "failed", error)


def _told(entry: Entry, info: ObjectInfo, store: ObjectStore) -> Entry:
    if is_sidecar(info.key):
        return _skipped(entry)
    check_key(info.key)
    if info.error:
        raise SourceUnreadable(info.key, info.error, "Check the file and its permissions")
    kind = kind_from_name(info.key)
    if kind is None:
        with store.open(info.key, etag=info.etag) as reader:
            kind = kind_from_content(reader.read(_HEAD_BYTES))
    return _skipped(entry) if kind is None else replace(entry, kind=kind)


def _skipped(entry: Entry) -> Entry:
    error = NotMedia(entry.key, "neither a picture nor a film by name or content")
    return _settled(entry, "skipped", error)


def _settled(entry: Entry, outcome: str, error: ColorworkerError) -> Entry:
    return replace(entry, outcome=outcome, error_code=error.code, error=str(error))
