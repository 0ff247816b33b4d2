"""From SOURCE arguments to the entries of a job: list, tell kinds, name outputs."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from colorworker.domain.entries import Entry, own_options
from colorworker.domain.options import Options
from colorworker.domain.outputkeys import suffix_of
from colorworker.errors import ColorworkerError, LineRefused, SourceUnreadable, UsageError
from colorworker.inputs.catalog import Catalog, ResolvedLine
from colorworker.inputs.classify import classify_by_content, classify_by_name, with_outcome
from colorworker.inputs.lookup import fill_missing_details
from colorworker.inputs.manifestlines import ManifestEntry, RefusedLine
from colorworker.inputs.manifests import Manifest
from colorworker.media.filetypes import film_output_extension, still_output_extension
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectInfo, ObjectStore
from colorworker.store.sources import Source, key_filter, select


@dataclass(frozen=True)
class OpenSource:
    """A source and its opened store."""

    source: Source
    store: ObjectStore
    manifest: Manifest | None = None
    """What names its objects, where they are not listed."""


def plan_entries(sources: Iterable[OpenSource], options: Options, scratch: Path) -> Iterator[Entry]:
    """Yield an entry for every object of the sources, sorted by key, with its output's name.

    The first comes when everything is listed. Memory does not grow with their number: they wait in
    a file in `scratch`, which is gone after the last.

    Args:
        sources: Of the job.
        options: Of the job; from them own options of items are told apart.
        scratch: A folder.

    Raises:
        UsageError: If the file cannot be written, or a manifest turns out not to be whole.
    """
    with closing(Catalog(scratch, partial(_output_extension, options))) as catalog:
        named: dict[str, ObjectStore] = {}
        for item in sources:
            if item.manifest is None:
                catalog.fill(_entries(item))
            else:
                lines = _lines(item, item.manifest, options)
                catalog.fill_lines(lines, item.manifest.folder)
                named[item.store.uri] = item.store
        if named:
            fill_missing_details(catalog, named)
        yield from catalog.entries()


def list_entries(sources: Iterable[OpenSource], options: Options) -> list[Entry]:
    """Return what `plan_entries` yields, all at once: for jobs that are known to be small."""
    with tempfile.TemporaryDirectory(prefix="colorworker-") as folder:
        return list(plan_entries(sources, options, Path(folder)))


def _output_extension(of_job: Options, entry: Entry) -> str:
    extension, options = suffix_of(entry.key), entry.options(of_job)
    if entry.kind == "still":
        return still_output_extension(extension, options.profile)
    return film_output_extension(extension, options.profile, options.codec)


def _entries(item: OpenSource) -> Iterator[Entry]:
    """Yield an entry for every object of a source, as it lists them, without output names.

    Sidecars are told by their names and not read; an object whose name says nothing, by its first
    bytes. What cannot be done is settled here: `failed` with the reason, or `skipped` when it is
    neither a picture nor a film.
    """
    for info in select(item.store, item.source):
        if info.key.startswith(f"{STATE}/"):
            # Another job's state: the source was a destination once.
            continue
        entry = Entry(item.store.uri, info.key, info.size_bytes, info.etag)
        try:
            yield _told(entry, info, item.store)
        except ColorworkerError as error:
            yield with_outcome(entry, "failed", error)


def _told(entry: Entry, info: ObjectInfo, store: ObjectStore) -> Entry:
    entry = classify_by_name(entry)
    if entry.outcome:
        return entry
    if info.error:
        raise SourceUnreadable(info.key, info.error, "Check the file and its permissions")
    return entry if entry.kind else classify_by_content(entry, store)


def _lines(item: OpenSource, manifest: Manifest, options: Options) -> Iterator[ResolvedLine]:
    """Yield an entry for every line of a manifest; the store has not been asked for any yet."""
    chosen = key_filter(item.source)
    for name, line in manifest.lines():
        if isinstance(line, RefusedLine):
            yield ResolvedLine(name, line.line, error=line.error)
        elif chosen(line.key) and not line.key.startswith(f"{STATE}/"):
            yield _line(name, line, item.store.uri, options)


def _line(name: str, line: ManifestEntry, root: str, options: Options) -> ResolvedLine:
    try:
        own = own_options(options, line.own_options) if line.own_options else ()
    except UsageError as error:
        place = ResolvedLine(name, line.line).place
        refused = LineRefused(place, f"{error.subject}: {error.seen}", error.next_step)
        return ResolvedLine(name, line.line, error=refused)
    entry = Entry(
        root,
        line.key,
        line.size_bytes or 0,
        line.etag,
        output_key=line.output_key,
        own_options=own,
        version=line.version,
    )
    return ResolvedLine(name, line.line, classify_by_name(entry))
