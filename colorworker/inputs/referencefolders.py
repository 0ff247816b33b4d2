"""Find the references of films in the folders or prefixes that the option `references` names."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from colorworker.domain.entries import Entry
from colorworker.domain.options import Options
from colorworker.domain.references import ReferenceFrame, is_picture_name, reference_number
from colorworker.errors import (
    ColorworkerError,
    ItemError,
    KeyMissing,
    ReferenceUnused,
    StoreError,
    UsageError,
)
from colorworker.inputs.classify import with_outcome
from colorworker.store.objectstore import ObjectInfo, ObjectStore, OpenStore

CheckHeader = Callable[[BinaryIO, str, int], None]
"""Raises an ItemError for a picture that cannot be a reference; see
`media.stills.referencepicture.check_header`."""


@dataclass
class _Folder:
    """What one folder of references holds."""

    uri: str
    by_film: dict[str, list[ReferenceFrame]] = field(default_factory=lambda: defaultdict(list))
    """By key of the film; those of the folder itself have the key ''."""
    unused: list[Entry] = field(default_factory=list)
    """Pictures that cannot be used, each with its reason."""
    films: set[str] = field(default_factory=set)
    """Keys of films that have used it."""
    flat_for: str = ""
    """Key of the film that has used the folder's own pictures."""


def apply_references(
    entries: Iterable[Entry],
    options: Options,
    opened: OpenStore,
    check: CheckHeader,
    max_pixels: int,
) -> Iterator[Entry]:
    """Yield the entries, with their references added to the options of films.

    Then follows a skipped entry for every reference that cannot be used or belongs to no film, so
    that each of them is one sentence in the report, and stops nothing else.

    Args:
        entries: Entries of the job.
        options: Options of the job.
        opened: Opens a store.
        check: Checks the header of a reference.
        max_pixels: Maximum number of pixels of a reference.

    Raises:
        UsageError: If there is no such folder, or one film's pictures are given for several films.
        StoreError: If it cannot be listed.
    """
    folders: dict[str, _Folder] = {}
    for entry in entries:
        own = entry.options(options)
        if entry.kind != "film" or entry.outcome or not own.references or own.preview:
            yield entry
            continue
        if own.references not in folders:
            folders[own.references] = _listed(own.references, opened, check, max_pixels)
        yield _with_references(entry, folders[own.references])
    for folder in folders.values():
        yield from sorted(folder.unused, key=lambda entry: entry.key)
        for film in sorted(folder.by_film.keys() - folder.films - {""}):
            number = len(folder.by_film[film])
            error = ReferenceUnused(
                f"{folder.uri}/{film}",
                f"no film of this job has the key {film}, so {_counted(number)} not used",
                "Name the folder like the film's key, with its extension",
            )
            yield with_outcome(Entry(folder.uri, film, 0, ""), "skipped", error)


def _counted(number: int) -> str:
    return "its reference is" if number == 1 else f"its {number} references are"


def _with_references(entry: Entry, folder: _Folder) -> Entry:
    folder.films.add(entry.key)
    found = list(folder.by_film.get(entry.key, ()))
    if flat := folder.by_film.get(""):
        if folder.flat_for and folder.flat_for != entry.key:
            raise UsageError(
                folder.uri,
                f"holds pictures of one film, but {folder.flat_for} and {entry.key} would both use"
                " them",
                f"Put them into a folder with the film's key, such as {folder.uri}/{entry.key}",
            )
        folder.flat_for = entry.key
        taken = {each.frame for each in found}
        found += [each for each in flat if each.frame not in taken]
    if not found:
        return entry
    changes = {
        **dict(entry.own_options),
        "references": folder.uri,
        "reference_frames": tuple(sorted(found)),
    }
    return replace(entry, own_options=tuple(sorted(changes.items())))


def _listed(place: str, opened: OpenStore, check: CheckHeader, max_pixels: int) -> _Folder:
    """Return what a folder holds; the header of every picture is read.

    Raises:
        UsageError: If it holds nothing.
    """
    with closing(opened(place)) as store:
        folder = _Folder(store.uri)
        frames: dict[tuple[str, int], str] = {}
        for info in _infos(place, store):
            film, _, name = info.key.rpartition("/")
            number = reference_number(name)
            if number is None and not is_picture_name(name):
                continue
            try:
                _check(store, info, number, frames.get((film, number or 0)), check, max_pixels)
            except ColorworkerError as error:
                entry = Entry(folder.uri, info.key, info.size_bytes, info.etag)
                folder.unused.append(with_outcome(entry, "skipped", error))
                continue
            if number is not None:
                frames[film, number] = info.key
                folder.by_film[film].append(ReferenceFrame(number, info.key, info.etag))
    return folder


def _infos(place: str, store: ObjectStore) -> list[ObjectInfo]:
    """Return the objects of a folder, sorted by key.

    Raises:
        UsageError: If there are none.
    """
    try:
        found = sorted(store.list(), key=lambda info: info.key)
    except KeyMissing:  # The path of a file.
        found = []
    if not found:
        raise UsageError(place, "is not a folder or prefix with references", "Check the path")
    return found


def _check(
    store: ObjectStore,
    info: ObjectInfo,
    number: int | None,
    other: str | None,
    check: CheckHeader,
    max_pixels: int,
) -> None:
    """Check one picture.

    Raises:
        ReferenceUnused: If it cannot be used.
        StoreError: If the store does not answer.
    """
    if number is None:
        raise ReferenceUnused(
            info.key, "its name has no frame number, so it is not used", "Call it ref_000040.png"
        )
    if other:
        raise ReferenceUnused(
            info.key, f"{other} is for the same frame and is used instead", "Delete one of them"
        )
    if info.error:
        raise ReferenceUnused(info.key, f"{info.error}; it is not used", "Check its permissions")
    try:
        with store.open(info.key, etag=info.etag) as reader:
            check(reader, info.key, max_pixels)
    except (ItemError, StoreError) as error:
        if error.retryable:
            raise
        raise ReferenceUnused(error.subject, error.seen, error.next_step) from error
