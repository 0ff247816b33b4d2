"""From a URI to the store it names."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from colorworker.errors import UsageError
from colorworker.store.base import ObjectStore
from colorworker.store.local import LocalStore


def open_store(uri: str) -> ObjectStore:
    """Return the store that a URI, or the path of a folder, names; nothing is read or written yet.

    Raises:
        UsageError: If there is no store for the URI's scheme, or it names no folder.
    """
    scheme, separator, _ = uri.partition("://")
    if not uri:
        raise UsageError("store", "no folder is named", "Give the path of a folder")
    if not separator:
        return LocalStore(Path(uri))
    if scheme not in _STORES:
        known = ", ".join(f"{name}://" for name in _STORES)
        raise UsageError(
            uri,
            f"there is no store for {scheme}://",
            f"Give the path of a folder, or one of {known}",
        )
    return _STORES[scheme](uri)


def _local(uri: str) -> LocalStore:
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise UsageError(uri, "not the URI of a folder here", "Write it as file:///folder")
    return LocalStore(Path(os.fsdecode(unquote_to_bytes(parts.path))))


_STORES: Mapping[str, Callable[[str], ObjectStore]] = {
    "file": _local,
}
