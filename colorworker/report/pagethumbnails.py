"""Before/after pictures for the report page: read from the store, embedded as data URIs."""

import base64
from collections.abc import Callable

from colorworker.errors import KeyMissing
from colorworker.store.objectstore import ObjectStore

MAX_BYTES = 64 * 1024
"""Larger pictures are left out, because 500 of them must fit on a page."""
_JPEG_MAGIC = b"\xff\xd8\xff"

ReadThumbnail = Callable[[str], bytes | None]
"""Returns the JPEG under a thumbnail's key, or None if there is none."""


def thumbnail_reader(store: ObjectStore) -> ReadThumbnail:
    """Return a function that reads a thumbnail from `store`."""

    def read(key: str) -> bytes | None:
        try:
            return store.get(key)
        except KeyMissing:
            return None

    return read


def data_uri(jpeg: bytes | None, max_bytes: int = MAX_BYTES) -> str:
    """Return a JPEG as a data URI; empty if it is None, not a JPEG, or too large."""
    if jpeg is None or len(jpeg) > max_bytes or not jpeg.startswith(_JPEG_MAGIC):
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
