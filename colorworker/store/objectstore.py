"""The port every store implements: keys to bytes, with create-only puts and pinned reads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, Protocol


@dataclass(frozen=True)
class ObjectInfo:
    """One object as its store describes it."""

    key: str
    size_bytes: int
    etag: str
    """Changes whenever the content does; equal ETags of one key mean equal content."""
    error: str = ""
    """Not empty when the entry was seen but cannot be read (dangling link, no permission)."""
    modified_at: float | None = field(default=None, compare=False)
    """POSIX seconds by the store's clock; from `list` and `head` only, and no part of what the
    object is."""


@dataclass(frozen=True)
class Leftover:
    """Bytes that an interrupted write left in a store: no object, and never becomes one."""

    kind: Literal["temporary file", "empty folder", "upload"]
    """An upload is one in parts that was not completed; a folder, one that a rename left empty."""
    key: str
    """Of the file, or of the object that would have come of the upload."""
    size_bytes: int
    modified_at: float
    """POSIX seconds: when it last changed, or when the upload was begun."""
    upload_id: str = ""


class ObjectStore(Protocol):
    """Bytes under keys. Keys are relative, `/`-separated, and never leave the store's root.

    Every put is atomic: a key holds the whole of an object or nothing. All errors are from
    `colorworker.errors`: KeyMissing, KeyExists, KeyRefused, SourceChanged, SourceUnreadable,
    StoreUnavailable.
    """

    @property
    def uri(self) -> str:
        """What `open_store` takes to open this store again, in another process."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`, as a stream, in no promised order."""
        ...

    def head(self, key: str) -> ObjectInfo:
        """Return the object's size and ETag; KeyMissing if there is none."""
        ...

    def get(self, key: str, *, etag: str | None = None) -> bytes:
        """Return all bytes of a small object; SourceChanged unless it still has `etag`."""
        ...

    def list_one(self, key: str, *, version: str = "") -> ObjectInfo:
        """Return what a listing would say of the object, or of one version of it.

        KeyMissing if there is none; SourceUnreadable where the store keeps no versions.
        """
        ...

    def open(self, key: str, *, etag: str | None = None, version: str = "") -> BinaryIO:
        """Return a seekable binary reader on the version with `etag`; the caller closes it.

        A `version` that the store keeps is read although a later one has replaced it.
        """
        ...

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> ObjectInfo:
        """Store `data`; with create_only, KeyExists if the key is taken (atomic: one winner)."""
        ...

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Store the content of a local file, which may be moved away by this."""
        ...

    def publish(self, attempt_key: str, output_key: str) -> ObjectInfo:
        """Give the object a new key by rename or server-side copy, replacing what lay there.

        The ETag stays. KeyMissing if there is nothing under attempt_key.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; no error if there is none."""
        ...

    def leftovers(self) -> Iterator[Leftover]:
        """Yield what writes have begun and not ended, those that are under way now included."""
        ...

    def discard(self, leftover: Leftover) -> None:
        """Remove a leftover; no error if it is gone, or has become an object meanwhile."""
        ...

    def scratch(self) -> Path:
        """Return a local folder for temporary files from which `put_file` is cheapest."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
