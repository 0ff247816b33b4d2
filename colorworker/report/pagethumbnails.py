"""Before/after pictures on their way into the page."""

import base64
from collections.abc import Callable

from colorworker.errors import KeyMissing
from colorworker.store.objectstore import ObjectStore

MAX_BYTES = 64 * 1024
"""Larger ones are left out: 500 of them must fit into a page."""
_JPEG_MAGIC = b"\xff\xd8\xff"

ReadThumbnail = Callable[[str], bytes | None]
"""From a thumbnail's key to its JPEG, or None where there is none."""


def thumbnail_reader(store: ObjectStore) -> ReadThumbnail:
    """Return a reader of the thumbnails that workers left on `store`, one at a time."""

    def read(key: str) -> bytes | None:
        try:
            return store.get(key)
        except KeyMissing:
            return None

    return read


def data_uri(jpeg: bytes | None, max_bytes: int = MAX_BYTES) -> str:
    """Return a JPEG as a data URI; empty for None, for no JPEG, and for one too large."""
    if jpeg is None or len(jpeg) > max_bytes or not jpeg.startswith(_JPEG_MAGIC):
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
