"""Open the store that a URI or path names."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from colorworker.errors import DependencyMissing, KeyRefused, UsageError
from colorworker.store.keys import check_key
from colorworker.store.local import LocalStore
from colorworker.store.objectstore import ObjectStore
from colorworker.store.options import StoreOptions

S3_SCHEME = "s3://"
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")


def open_store(uri: str, options: StoreOptions | None = None) -> ObjectStore:
    """Return the store of a URI or a folder's path, without reading or writing yet.

    Raises:
        UsageError: If the URI's scheme is not supported, or it names no folder or bucket.
        DependencyMissing: If the package for such stores is not installed.
    """
    check_uri(uri)
    scheme, separator, _ = uri.partition("://")
    if not separator:
        return LocalStore(Path(uri))
    return _STORES[scheme](uri, options or StoreOptions())


def check_uri(uri: str) -> None:
    """Check the URI or path of a store without opening it.

    Raises:
        UsageError: If the URI's scheme is not supported, or it names no folder or bucket.
    """
    scheme, separator, _ = uri.partition("://")
    if not uri:
        raise UsageError("store", "the path is empty", "Give the path of a folder")
    if separator and scheme not in _STORES:
        known = ", ".join(f"{name}://" for name in _STORES)
        raise UsageError(
            uri,
            f"{scheme}:// is not supported",
            f"Give the path of a folder, or one of {known}",
        )
    if uri.startswith(S3_SCHEME):
        split_s3(uri)


def split_s3(uri: str) -> tuple[str, str]:
    """Return (bucket, prefix) of `s3://bucket/prefix`; percent signs are not decoded.

    Raises:
        UsageError: If it names no valid bucket, or the prefix is not valid.
    """
    bucket, _, prefix = uri.removeprefix(S3_SCHEME).partition("/")
    prefix = prefix.removesuffix("/")
    if not _BUCKET.fullmatch(bucket):
        # The URI is not repeated: some tools accept s3://key:secret@bucket.
        raise UsageError("s3://", "the bucket name is not valid", "Write it as s3://bucket/prefix")
    try:
        return bucket, check_key(prefix) if prefix else ""
    except KeyRefused as error:
        raise UsageError(f"s3://{bucket}", error.seen, "Check the prefix") from error


def _s3(uri: str, options: StoreOptions) -> ObjectStore:
    bucket, prefix = split_s3(uri)
    try:
        # An extra: jobs between folders need no boto3.
        from colorworker.store.s3 import S3Store
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        raise DependencyMissing(
            "boto3",
            "is not installed" if missing else f"does not load ({error})",
            "Install it: pip install 'colorworker[s3]'",
        ) from error
    s3 = options.s3 if options.may_restore else replace(options.s3, restore_days=None)
    return S3Store(bucket, prefix, s3, options.scratch)


def _local(uri: str, _options: StoreOptions) -> LocalStore:
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise UsageError(uri, "not the URI of a local folder", "Write it as file:///folder")
    return LocalStore(Path(os.fsdecode(unquote_to_bytes(parts.path))))


_STORES: Mapping[str, Callable[[str, StoreOptions], ObjectStore]] = {
    "file": _local,
    "s3": _s3,
}
