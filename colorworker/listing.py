"""From SOURCE arguments to the entries of a job: list, tell kinds, name outputs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from colorworker.errors import (
    ColorworkerError,
    KeyRefused,
    NotMedia,
    OutputCollision,
    SourceUnreadable,
)
from colorworker.media.kinds import (
    film_output_extension,
    is_sidecar,
    kind_from_content,
    kind_from_name,
    still_output_extension,
)
from colorworker.provenance.record import STATE
from colorworker.store.base import ObjectInfo, ObjectStore
from colorworker.store.keys import check_key
from colorworker.store.sources import Source, select
from colorworker.work.job import Asset, Profile
from colorworker.work.manifest import Entry
from colorworker.work.naming import output_keys

_HEAD_BYTES = 4096


@dataclass(frozen=True)
class OpenSource:
    """A source and its opened store."""

    source: Source
    store: ObjectStore


def list_entries(sources: list[OpenSource], profile: Profile) -> list[Entry]:
    """Return an entry for every object of the sources, sorted by key, with its output's name.

    Sidecars are told by their names and not read; an object whose name says nothing, by its first
    bytes. What cannot be done is settled
    here: `failed` with the reason, or `skipped` when it is neither a picture nor a film.
    """
    found = {(entry.root, entry.key): entry for item in sources for entry in _entries(item)}
    entries = sorted(found.values(), key=lambda entry: (entry.key, entry.root))
    open_entries = [entry for entry in entries if not entry.outcome]

    def extension(asset: Asset) -> str:
        chosen = still_output_extension if asset.kind == "still" else film_output_extension
        return chosen(PurePosixPath(asset.key).suffix, profile)

    keys = output_keys([entry.asset() for entry in open_entries], extension)
    named = {
        (entry.root, entry.key): _named(entry, key)
        for entry, key in zip(open_entries, keys, strict=True)
    }
    return [named.get((entry.root, entry.key), entry) for entry in entries]


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


def _named(entry: Entry, output_key: str) -> Entry:
    if not output_key:
        return _settled(
            entry,
            "failed",
            OutputCollision(
                entry.key,
                f"another source of this job has the same name ({entry.root} comes second)",
                "Run it into another destination",
            ),
        )
    try:
        check_key(output_key)
    except KeyRefused as error:
        return _settled(entry, "failed", error)
    return replace(entry, output_key=output_key)


def _settled(entry: Entry, outcome: str, error: ColorworkerError) -> Entry:
    return replace(entry, outcome=outcome, error_code=error.code, error=str(error))
