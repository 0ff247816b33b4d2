"""From SOURCE arguments to the entries of a job: list, classify, name the outputs."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from colorworker.domain.entries import Entry, own_options
from colorworker.domain.framelists import LIST_EXTENSION
from colorworker.domain.hints import is_hints_key
from colorworker.domain.options import Options
from colorworker.domain.outputkeys import suffix_of
from colorworker.errors import ColorworkerError, LineRefused, SourceUnreadable, UsageError
from colorworker.inputs.catalog import Catalog, ResolvedLine
from colorworker.inputs.classify import classify_by_content, classify_by_name, with_outcome
from colorworker.inputs.hintsfiles import HintsIndex, apply_hints
from colorworker.inputs.lookup import fill_missing_details
from colorworker.inputs.manifestlines import ManifestEntry, RefusedLine, line_label
from colorworker.inputs.manifests import Manifest, open_manifest
from colorworker.inputs.manifesturi import is_manifest
from colorworker.inputs.sequences import SequenceFinder
from colorworker.media.filetypes import film_output_extension, still_output_extension
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectInfo, ObjectStore, OpenStore
from colorworker.store.openstore import open_store
from colorworker.store.sources import (
    Source,
    key_filter,
    parse_source,
    refuse_overlap,
    select_objects,
)


@dataclass(frozen=True)
class OpenSource:
    """A source and its open store."""

    source: Source
    store: ObjectStore
    manifest: Manifest | None = None
    """The manifest that names the objects; None if they are listed."""


def open_sources(
    stack: ExitStack,
    texts: Iterable[str],
    written: Iterable[str],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    opened: OpenStore,
) -> list[OpenSource]:
    """Return the sources of SOURCE arguments with their stores, which the stack closes.

    Args:
        stack: Closes the stores.
        texts: SOURCE arguments.
        written: Places that are written to, which must not overlap with sources.
        include: Globs of which keys must match one; empty for all.
        exclude: Globs of which keys must match none.
        opened: Opens a store.

    Raises:
        UsageError: If there is no such source, or it overlaps with a place that is written to.
    """
    sources = []
    for text in texts:
        manifest = open_manifest(text, opened) if is_manifest(text) else None
        source = Source(manifest.root) if manifest else parse_source(text, opened)
        for place in written:
            refuse_overlap(text, source, place)
        source = replace(source, include=include, exclude=exclude)
        store = stack.enter_context(closing(opened(source.root)))
        sources.append(OpenSource(source, store, manifest))
    return sources


def plan_entries(
    sources: Iterable[OpenSource],
    options: Options,
    scratch: Path,
    hints: HintsIndex | None = None,
    alike: Callable[[str], str] = str,
) -> Iterator[Entry]:
    """Yield an entry for every object of the sources, sorted by key, with its output key.

    The first entry comes when everything is listed. Memory does not grow with the number of
    objects: they are kept in a file in `scratch`, which is removed after the last entry.

    Args:
        sources: Sources of the job.
        options: Options of the job; items keep only options that differ from these.
        scratch: A folder.
        hints: Receives the files with color hints that lie beside listed pictures, complete when
            the first entry comes. They are no entries.
        alike: Returns the same text for all output names that the destination may take for one.

    Raises:
        UsageError: If the file cannot be written, or a manifest turns out to be incomplete.
    """
    with closing(Catalog(scratch, partial(_output_extension, options), alike)) as catalog:
        with_manifest: dict[str, ObjectStore] = {}
        hints = HintsIndex() if hints is None else hints
        for item in sources:
            if item.manifest is None:
                catalog.add_listing(_listed_entries(item, hints, options))
            else:
                lines = _resolved_lines(item, item.manifest, options)
                catalog.add_manifest(lines, item.manifest.folder)
                with_manifest[item.store.uri] = item.store
        if with_manifest:
            fill_missing_details(catalog, with_manifest)
        yield from catalog.entries()


def list_entries(sources: Iterable[OpenSource], options: Options) -> list[Entry]:
    """Return the entries of `plan_entries` as a list: for jobs that are known to be small."""
    with tempfile.TemporaryDirectory(prefix="colorworker-") as folder:
        hints = HintsIndex()
        entries = plan_entries(sources, options, Path(folder), hints)
        return list(apply_hints(entries, options, hints, open_store))


def _output_extension(of_job: Options, entry: Entry) -> str:
    extension, options = suffix_of(entry.key), entry.options(of_job)
    if options.frames_out:
        return LIST_EXTENSION
    if entry.kind == "still":
        return still_output_extension(extension, options.profile)
    return film_output_extension(extension, options.profile, options.codec)


def _listed_entries(item: OpenSource, hints: HintsIndex, options: Options) -> Iterator[Entry]:
    """Yield an entry for every object that a source lists, without output keys.

    Sidecars are recognized by name and not read; an object with an unclear name is classified by
    its first bytes. An entry that cannot be done is `failed` with the reason, or `skipped` if it
    is neither a picture nor a film. Frames of image sequences become one entry per sequence, if the
    options or the source say that there are some.
    """
    finder = _finder(item, options)
    if item.source.key:
        hints.add_beside(item.store, item.source.key)
    for info in select_objects(item.store, item.source, also=is_hints_key):
        if info.key.startswith(f"{STATE}/"):
            # State of another job: the source was a destination once.
            continue
        if hints.add(item.store.uri, info):
            continue
        entry = Entry(item.store.uri, info.key, info.size_bytes, info.etag)
        try:
            entry = _classified(entry, info, item.store)
        except ColorworkerError as error:
            if not (finder and isinstance(error, SourceUnreadable) and finder.add(entry, error)):
                yield with_outcome(entry, "failed", error)
            continue
        if not (finder and entry.kind == "still" and finder.add(entry)):
            yield entry
    if finder:
        yield from finder.entries()


def _finder(item: OpenSource, options: Options) -> SequenceFinder | None:
    """Return what finds the sequences of a source; None if its pictures are single ones."""
    if item.source.is_sequence:
        return SequenceFinder(item.store, options, fewest=1)
    if options.sequences == "off" or item.source.key:
        return None
    return SequenceFinder(item.store, options)


def _classified(entry: Entry, info: ObjectInfo, store: ObjectStore) -> Entry:
    entry = classify_by_name(entry)
    if entry.outcome:
        return entry
    if info.error:
        raise SourceUnreadable(info.key, info.error, info.next_step)
    return entry if entry.kind else classify_by_content(entry, store)


def _resolved_lines(
    item: OpenSource, manifest: Manifest, options: Options
) -> Iterator[ResolvedLine]:
    """Yield an entry or an error for every line of a manifest, without asking the store yet."""
    chosen = key_filter(item.source)
    for name, line in manifest.lines():
        if isinstance(line, RefusedLine):
            yield ResolvedLine(name, line.line, error=line.error)
        elif chosen(line.key) and not line.key.startswith(f"{STATE}/"):
            yield _resolved_line(name, line, item.store.uri, options)


def _resolved_line(name: str, line: ManifestEntry, root: str, options: Options) -> ResolvedLine:
    try:
        own = own_options(options, line.own_options) if line.own_options else ()
    except UsageError as error:
        label = line_label(name, line.line)
        refused = LineRefused(label, f"{error.subject}: {error.seen}", error.next_step)
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
