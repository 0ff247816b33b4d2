"""Read weights files from a path, a file:// URI or a store's URI."""

import os
import re
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from colorworker.errors import ItemError, KeyMissing, WeightsRefused
from colorworker.store.objectstore import OpenStore
from colorworker.store.openstore import open_store

_SHA256 = re.compile(r"(?P<uri>.+)#sha256=(?P<sha256>.*)", re.DOTALL)
_NEXT_STEP = "Check the path or URI. The packaged weights are called 'lite'"


def split_sha256(name: str) -> tuple[str, str]:
    """Return a name without its `#sha256=...`, and the SHA-256 in lower case; empty if not given.

    Raises:
        WeightsRefused: If the text after `#sha256=` is not a SHA-256.
    """
    match = _SHA256.fullmatch(name)
    if match is None:
        return name, ""
    uri, sha256 = match["uri"], match["sha256"].lower()
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise WeightsRefused(
            uri,
            f"{sha256!r} is not a SHA-256",
            "Give all 64 hexadecimal digits, as sha256sum prints them",
        )
    return uri, sha256


def uri_of(name: str) -> str:
    """Return the URI of a path; a URI is returned unchanged. A slash at the end stays."""
    if "://" in name:
        return name
    return Path(name).absolute().as_uri() + ("/" if name.endswith("/") else "")


def read_file(name: str, max_bytes: int, opened: OpenStore = open_store) -> bytes:
    """Return the bytes of a file by path or URI.

    Raises:
        WeightsRefused: If there is no such file or it cannot be read; or if it is larger than
            max_bytes, and then it is not read at all.
        StoreUnavailable: If its store is unavailable.
    """
    if "://" in name and not name.startswith("file://"):
        return _read_object(name, max_bytes, opened)
    path = _path_of(name)
    try:
        _check_size(str(path), path.stat().st_size, max_bytes)
        return path.read_bytes()
    except IsADirectoryError as error:
        step = f"Give a file, or a SavedModel with a slash at the end: {path.name}/"
        raise WeightsRefused(str(path), "is a folder", step) from error
    except OSError as error:
        seen = f"cannot be read ({error.strerror})"
        raise WeightsRefused(str(path), seen, _NEXT_STEP) from error


def read_optional_file(name: str, max_bytes: int, opened: OpenStore = open_store) -> bytes | None:
    """Return the same as `read_file`; None if there is no such file."""
    if "://" in name and not name.startswith("file://"):
        root, _, key = name.rpartition("/")
        with closing(opened(root)) as store:
            try:
                store.head(key)
            except KeyMissing:
                return None
    elif not _path_of(name).exists():
        return None
    return read_file(name, max_bytes, opened)


def read_folder(uri: str, max_bytes: int, opened: OpenStore = open_store) -> dict[str, bytes]:
    """Return the files of a folder, by their names in it.

    Args:
        uri: URI of the folder.
        max_bytes: Limit on all files together; if there is more, nothing is read.
        opened: Opens the store.

    Raises:
        WeightsRefused: If there is no such folder, it cannot be read, or is too large.
        StoreUnavailable: If its store is unavailable.
    """
    try:
        with closing(opened(uri.rstrip("/"))) as store:
            found = sorted(store.list(), key=lambda info: info.key)
            _check_size(uri, sum(info.size_bytes for info in found), max_bytes)
            files = {info.key: store.get(info.key) for info in found}
    except ItemError as error:
        raise WeightsRefused(uri, error.seen, error.next_step or _NEXT_STEP) from error
    if not files:
        raise WeightsRefused(uri, "there is no such folder", _NEXT_STEP)
    return files


def changed_file(uri: str, wanted: str, seen: str) -> WeightsRefused:
    """Return the error for a file that does not have the wanted SHA-256."""
    return WeightsRefused(
        uri,
        f"has SHA-256 {seen[:12]}..., and {wanted[:12]}... was expected",
        "The file has changed or is damaged: restore it, or start a new job with it",
    )


def _read_object(uri: str, max_bytes: int, opened: OpenStore) -> bytes:
    root, _, key = uri.rpartition("/")
    try:
        with closing(opened(root)) as store:
            info = store.head(key)
            _check_size(uri, info.size_bytes, max_bytes)
            return store.get(key, etag=info.etag)
    except KeyMissing as error:
        raise WeightsRefused(uri, "there is no such object", _NEXT_STEP) from error
    except ItemError as error:
        raise WeightsRefused(uri, error.seen, error.next_step or _NEXT_STEP) from error


def _check_size(subject: str, size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        seen = (
            f"has {size_bytes / 2**20:.0f} MiB, more than the limit of {max_bytes / 2**20:.0f} MiB"
        )
        raise WeightsRefused(subject, seen, _NEXT_STEP)


def _path_of(name: str) -> Path:
    """Return the path of a plain path or a file URI."""
    if not name.startswith("file://"):
        return Path(name)
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(name).path)))
