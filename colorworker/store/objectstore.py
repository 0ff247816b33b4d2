"""The interface of all stores: bytes under keys, with create-only puts and pinned reads."""

from collections.abc import Callable, Iterator
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
    """Reason why a listed object cannot be read (dangling link, no permission); else empty."""
    modified_at: float | None = field(default=None, compare=False)
    """POSIX seconds by the store's clock; set by `list` and `head`, not part of the identity."""
    next_step: str = field(default="Check the file and its permissions", compare=False)
    """What to do about `error`."""
    mark: str = field(default="", compare=False)
    """What `create` wrote beside the content; set by `head`. A copy within the store keeps it."""


@dataclass(frozen=True)
class Leftover:
    """A leftover of an interrupted write. Not an object."""

    kind: Literal["temporary file", "empty folder", "upload"]
    """`upload`: an unfinished multipart upload; `empty folder`: left behind by a rename."""
    key: str
    """Key of the file, or of the object that the upload was for."""
    size_bytes: int
    modified_at: float
    """POSIX seconds of the last change, or of the start of the upload."""
    upload_id: str = ""


class ObjectStore(Protocol):
    """Bytes under keys. Keys are relative, `/`-separated, and never lead out of the store's root.

    Every put is atomic: a key holds a complete object or nothing. All errors are from
    `colorworker.errors`: KeyMissing, KeyExists, KeyRefused, SourceChanged, SourceUnreadable,
    StoreUnavailable.
    """

    @property
    def uri(self) -> str:
        """URI with which `open_store` opens this store in another process."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`, as a stream, in any order."""
        ...

    def head(self, key: str) -> ObjectInfo:
        """Return the object's size and ETag; KeyMissing if it does not exist."""
        ...

    def get(self, key: str, *, etag: str | None = None) -> bytes:
        """Return all bytes of a small object; SourceChanged if it no longer has `etag`."""
        ...

    def list_one(self, key: str, *, version: str = "") -> ObjectInfo:
        """Return the same as `list` for one object, or for one version of it.

        The ETag may differ from that of `head`: S3 listings do not have the id that `put_file`
        writes. KeyMissing if it does not exist; SourceUnreadable for a version, if the store keeps
        none.
        """
        ...

    def open(self, key: str, *, etag: str | None = None, version: str = "") -> BinaryIO:
        """Return a seekable binary reader of the object with `etag`; the caller closes it.

        With `version`, that version is read even if a later one has replaced it.
        """
        ...

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> ObjectInfo:
        """Store `data`; with create_only, KeyExists if the key is taken (atomic: one winner)."""
        ...

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Store the content of a local file, which may be moved."""
        ...

    def can_create(self, probe_key: str) -> bool:
        """Return whether `create` works here; tried once per process, with an object at probe_key.

        False as well where it would be no cheaper than `put_file` and `publish`.
        """
        ...

    def create(self, key: str, path: Path, mark: str) -> ObjectInfo | None:
        """Create an object from a local file in one request, unless the key is taken.

        Args:
            key: The key.
            path: The file, which stays.
            mark: ASCII text that `head` returns with the object.

        Returns:
            The object that has the key now, with its mark: the new one, or the one that was there
            before. None if nothing was done: the file is too large, or the other object is gone.
        """
        ...

    def publish(self, attempt_key: str, output_key: str) -> ObjectInfo:
        """Rename the object (by server-side copy if need be), replacing any object at output_key.

        The ETag stays. KeyMissing if there is no object at attempt_key.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; no error if it does not exist."""
        ...

    def leftovers(self) -> Iterator[Leftover]:
        """Yield leftovers of interrupted writes, and the files of writes in progress."""
        ...

    def discard(self, leftover: Leftover) -> None:
        """Remove a leftover; no error if it is gone or was completed meanwhile."""
        ...

    def scratch(self) -> Path:
        """Return a local folder for temporary files, from which `put_file` is cheapest."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


OpenStore = Callable[[str], ObjectStore]
"""Opens the store at a URI; usually `open_store` with the options of this machine."""
