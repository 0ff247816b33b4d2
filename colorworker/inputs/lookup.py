"""Sizes and ETags that a manifest does not say, from the store: by listing folders, or one by one.

A listing says a thousand objects in one request, so where a manifest names many objects of a folder
that folder is listed, unless it holds many times as many others. The rest is asked for one by one,
in threads. Neither holds more than a page in memory.
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
"""Objects named of one folder: fewer are asked for sooner than it is listed."""
_LISTED_PER_NAMED = 10
"""Of a folder so many objects are listed for each that is named, at most."""
_PAGE = 1000
_AT_ONCE = 16


def fill_missing_details(catalog: Catalog, stores: Mapping[str, ObjectStore]) -> None:
    """Complete the entries of which size, ETag or kind are not known.

    What is not there has failed, and says so.

    Args:
        catalog: Holds them.
        stores: By their URI, those in which they lie.

    Raises:
        StoreError: If a store is away, or lets nobody in: that is no matter of one object.
    """
    with ThreadPoolExecutor(_AT_ONCE, "look") as pool:
        for root, store in stores.items():
            folders = iter(catalog.folders_without_etag(root, _WORTH_LISTING))
            while some := list(islice(folders, _AT_ONCE)):
                for infos in pool.map(partial(_begin, store), some):
                    _take(catalog, root, infos)
        catalog.complete(partial(_completed, pool, stores), _PAGE)


def _begin(store: ObjectStore, folder: tuple[str, int]) -> Iterator[ObjectInfo]:
    """Return what lies in a folder, its first page fetched: that is all of most of them."""
    name, named = folder
    infos = islice(store.list(name), named * _LISTED_PER_NAMED)
    return chain(list(islice(infos, _PAGE)), infos)


def _take(catalog: Catalog, root: str, infos: Iterator[ObjectInfo]) -> None:
    while page := list(islice(infos, _PAGE)):
        catalog.found(root, [info for info in page if not info.error])


def _completed(
    pool: ThreadPoolExecutor, stores: Mapping[str, ObjectStore], entries: Sequence[Entry]
) -> Iterator[Entry]:
    return pool.map(lambda entry: _complete(entry, stores[entry.root]), entries)


def _complete(entry: Entry, store: ObjectStore) -> Entry:
    try:
        if not entry.etag:
            info = store.list_one(entry.key, version=entry.version)
            if info.error:
                raise SourceUnreadable(entry.key, info.error, "Check the file and its permissions")
            entry = replace(entry, size_bytes=info.size_bytes, etag=info.etag)
        return entry if entry.kind else classify_by_content(entry, store)
    except KeyMissing as error:
        step = "Correct the manifest, or leave it out"
        return with_outcome(entry, "failed", KeyMissing(error.subject, error.seen, step))
    except ItemError as error:
        return with_outcome(entry, "failed", error)
