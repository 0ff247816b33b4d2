"""Find color hints: beside pictures and films, or in the folder that the option `hints` names."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace

from colorworker.domain.entries import Entry
from colorworker.domain.hints import InputFile, stem_and_frame, stem_of
from colorworker.domain.options import Kind, Options
from colorworker.errors import KeyMissing, UsageError
from colorworker.store.objectstore import ObjectInfo, ObjectStore, OpenStore
from colorworker.store.sources import parse_source

logger = logging.getLogger(__name__)

_MOST_WARNINGS = 20


@dataclass
class HintsIndex:
    """The hints files of one or more stores, by the picture or film that they belong to.

    Kept in memory: people make them by hand.
    """

    _files: dict[tuple[str, str], list[InputFile]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _used: set[InputFile] = field(default_factory=set)

    def add(self, root: str, info: ObjectInfo) -> bool:
        """Take a listed object; return False if its key is not that of a hints file."""
        found = stem_and_frame(info.key)
        if found is None:
            return False
        stem, frame = found
        file = InputFile(root, info.key, info.etag, info.size_bytes, frame)
        self._files[root, stem].append(file)
        return True

    def add_beside(self, store: ObjectStore, key: str) -> None:
        """Look for the hints of one picture or film that was named instead of listed."""
        for suffix in (".hints.json", ".hints.png"):
            try:
                self.add(store.uri, store.list_one(stem_of(key) + suffix))
            except KeyMissing:
                continue
        with suppress(KeyMissing):
            for info in store.list(f"{stem_of(key)}.hints/"):
                self.add(store.uri, info)

    def files_of(self, root: str, key: str, kind: Kind | None) -> tuple[InputFile, ...]:
        """Return the hints of an item in the order in which they are applied.

        Pictures have hints without frames, and films have hints by frame. Painted ones come first:
        JSON covers them.
        """
        files = [
            each
            for each in self._files.get((root, stem_of(key)), ())
            if (each.frame is None) == (kind == "still")
        ]
        self._used.update(files)
        return tuple(
            sorted(files, key=lambda each: (each.frame or 0, not each.is_overlay, each.key))
        )

    def unused(self) -> list[InputFile]:
        """Return the files that no item has asked for, by key."""
        found = (file for files in self._files.values() for file in files if file not in self._used)
        return sorted(found, key=lambda file: file.key)


def apply_hints(
    entries: Iterable[Entry], options: Options, beside: HintsIndex, opened: OpenStore
) -> Iterator[Entry]:
    """Yield the entries, with their hints added to their options.

    A folder that the option `hints` names takes the place of the files beside a picture or film if
    it has any for it. Hints that belong to none are logged as warnings.

    Args:
        entries: Entries of the job.
        options: Options of the job.
        beside: Hints files that were found while the sources were listed.
        opened: Opens a store.

    Raises:
        UsageError: If there is no such folder.
        StoreError: If it cannot be listed.
    """
    folders: dict[str, tuple[str, HintsIndex]] = {}
    for entry in entries:
        place = entry.options(options).hints
        if place and place not in folders:
            folders[place] = _listed(place, opened)
        if entry.kind is None or entry.outcome:
            yield entry
            continue
        files = beside.files_of(entry.root, entry.key, entry.kind)
        if place:
            root, index = folders[place]
            files = index.files_of(root, entry.key, entry.kind) or files
        changes = {**dict(entry.own_options), "hint_files": files}
        yield replace(entry, own_options=tuple(sorted(changes.items()))) if files else entry
    unused = [*beside.unused(), *(file for _, each in folders.values() for file in each.unused())]
    for file in unused[:_MOST_WARNINGS]:
        logger.warning("%s: these color hints belong to no %s", file.key, _expected(file))
    if len(unused) > _MOST_WARNINGS:
        logger.warning("%d more color hints belong to none", len(unused) - _MOST_WARNINGS)


def apply_exemplars(
    entries: Iterable[Entry], options: Options, opened: OpenStore
) -> Iterator[Entry]:
    """Yield the entries, with the picture that the option `reference` names, if there is one.

    Args:
        entries: Entries of the job.
        options: Options of the job.
        opened: Opens a store.

    Raises:
        UsageError: If there is no such picture.
    """
    found: dict[str, InputFile] = {}
    for entry in entries:
        text = entry.options(options).reference
        if not text or entry.outcome:
            yield entry
            continue
        if text not in found:
            found[text] = _exemplar(text, opened)
        changes = {**dict(entry.own_options), "exemplar": found[text]}
        yield replace(entry, own_options=tuple(sorted(changes.items())))


def _exemplar(text: str, opened: OpenStore) -> InputFile:
    source = parse_source(text, opened)
    if not source.key:
        raise UsageError(text, "is not a single picture", "Give one color picture as --reference")
    with closing(opened(source.root)) as store:
        info = store.list_one(source.key)
        return InputFile(store.uri, source.key, info.etag, info.size_bytes)


def _expected(file: InputFile) -> str:
    """Return what a hints file that belongs to nothing would have to belong to."""
    if file.frame is not None:
        return "film of this job"
    stem = file.key.rpartition(".hints.")[0]
    return f"picture of this job; hints for a film name a frame, such as {stem}.hints/000040.json"


def _listed(place: str, opened: OpenStore) -> tuple[str, HintsIndex]:
    index = HintsIndex()
    with closing(opened(place)) as store:
        found = [info.key for info in store.list() if index.add(store.uri, info)]
        if not found:
            raise UsageError(
                place,
                "holds no color hints (NAME.hints.json, NAME.hints.png or NAME.hints/000040.json)",
                "Check the path given as --hints",
            )
        return store.uri, index
