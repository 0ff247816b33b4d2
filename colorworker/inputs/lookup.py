"""Ask the store for sizes and ETags that a manifest lacks: list folders, or look up single objects.

One listing request returns a thousand objects. So a folder of which a manifest names many objects
is listed, unless it holds many times as many others. All other objects are looked up one by one, in
threads. Memory holds no more than a few pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain, islice

from colorworker.domain.entries import Entry
from colorworker.errors import ItemError, KeyMissing, SourceUnreadable
from colorworker.inputs.catalog import Catalog
from colorworker.inputs.classify import classify_by_content, with_outcome
from colorworker.store.objectstore import ObjectInfo, ObjectStore

_WORTH_LISTING = 50
"""Minimum of named objects in a folder to list it; fewer are faster to look up one by one."""
_LISTED_PER_NAMED = 10
"""Maximum of objects to list in a folder for each named one."""
_PAGE = 1000
_THREADS = 16


def fill_missing_details(catalog: Catalog, stores: Mapping[str, ObjectStore]) -> None:
    """Complete the entries whose size, ETag or kind is unknown.

    An object that does not exist becomes a failed entry.

    Args:
        catalog: The entries.
        stores: The stores that hold them, by URI.

    Raises:
        StoreError: If a store is unavailable or denies access to everything, which is not the
            fault of single objects.
    """
    with ThreadPoolExecutor(_THREADS, "lookup") as pool:
        for root, store in stores.items():
            folders = iter(catalog.folders_without_etag(root, _WORTH_LISTING))
            while batch := list(islice(folders, _THREADS)):
                for infos in pool.map(partial(_start_listing, store), batch):
                    _update(catalog, root, infos)
        catalog.complete_entries(partial(_looked_up_all, pool, stores), _PAGE)


def _start_listing(store: ObjectStore, folder: tuple[str, int]) -> Iterator[ObjectInfo]:
    """Return the objects of a folder; the first page, often the only one, is fetched already."""
    name, named = folder
    infos = islice(store.list(name), named * _LISTED_PER_NAMED)
    return chain(list(islice(infos, _PAGE)), infos)


def _update(catalog: Catalog, root: str, infos: Iterator[ObjectInfo]) -> None:
    while page := list(islice(infos, _PAGE)):
        catalog.update_from_listing(root, [info for info in page if not info.error])


def _looked_up_all(
    pool: ThreadPoolExecutor, stores: Mapping[str, ObjectStore], entries: Sequence[Entry]
) -> Iterator[Entry]:
    return pool.map(lambda entry: _looked_up(entry, stores[entry.root]), entries)


def _looked_up(entry: Entry, store: ObjectStore) -> Entry:
    try:
        if not entry.etag:
            info = store.list_one(entry.key, version=entry.version)
            if info.error:
                raise SourceUnreadable(entry.key, info.error, info.next_step)
            entry = replace(entry, size_bytes=info.size_bytes, etag=info.etag)
        return entry if entry.kind else classify_by_content(entry, store)
    except KeyMissing as error:
        step = "Correct the manifest, or remove the line"
        return with_outcome(entry, "failed", KeyMissing(error.subject, error.seen, step))
    except ItemError as error:
        return with_outcome(entry, "failed", error)
