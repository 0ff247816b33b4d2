"""The local copy of a data set: one file with random access from any thread."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from colorworker.errors import StoreUnavailable


@dataclass(frozen=True)
class Place:
    """Position of one picture in the file."""

    offset: int
    size_bytes: int
    height: int
    width: int


class CopyStopped(Exception):
    """The user stopped the copying of the pictures. A kept copy continues from here next time."""


class LocalCopy:
    """Pictures appended to one file.

    The source is read once, in order, however pictures are drawn later: random reads of a tar on S3
    would take one request each. The page cache serves as the memory cache.
    """

    def __init__(
        self, file: int, folder: Path, max_bytes: int, *, end: int = 0, lock: int = -1
    ) -> None:
        """Take over an open file.

        Args:
            file: Descriptor of the file; closed by `close`.
            folder: Folder of the file, for messages.
            max_bytes: Maximum size of the file.
            end: Where to append, in bytes.
            lock: Descriptor that holds a lock on the copy; closed by `close`. -1: none.
        """
        self._file, self._lock = file, lock
        self._folder = folder
        self._max_bytes = max_bytes
        self._end = end

    def add(self, data: bytes, height: int, width: int) -> Place:
        """Append one picture.

        Raises:
            StoreUnavailable: If the disk is full or the file would exceed its maximum size.
        """
        if self._end + len(data) > self._max_bytes:
            raise StoreUnavailable(
                str(self._folder),
                f"the local copy of the pictures exceeds {self._max_bytes / 2**30:.1f} GiB",
                "Raise data.max_gib, or train on fewer pictures",
            )
        try:
            # In pieces of 1 GiB: Linux writes at most 2 GiB per call.
            for start in range(0, len(data), 1 << 30):
                os.pwrite(self._file, data[start : start + (1 << 30)], self._end + start)
        except OSError as error:
            raise unwritable(self._folder, error) from error
        place = Place(self._end, len(data), height, width)
        self._end += len(data)
        return place

    def read(self, place: Place) -> bytes:
        """Return one picture's bytes."""
        return os.pread(self._file, place.size_bytes, place.offset)

    @property
    def size_bytes(self) -> int:
        """Total size of the pictures."""
        return self._end

    def close(self) -> None:
        """Close the file and release the lock. A temporary copy frees its disk space."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1


def temporary_copy(folder: Path, max_bytes: int) -> LocalCopy:
    """Create a local copy in an unnamed file, which disappears when it is closed.

    The file is unlinked at once, so nothing is left if the process is killed.

    Raises:
        StoreUnavailable: If the file cannot be created.
    """
    path = folder / f"local_copy-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        path.unlink()
    except OSError as error:
        raise StoreUnavailable(str(folder), f"no file can be created ({error})") from error
    return LocalCopy(file, folder, max_bytes)


def unwritable(folder: Path, error: OSError) -> StoreUnavailable:
    """Return the error for a local copy that cannot be written."""
    return StoreUnavailable(
        str(folder),
        f"the local copy of the pictures cannot be written ({error})",
        "Free disk space, or set COLORWORKER_RUN__CACHE (COLORWORKER_RUN__SCRATCH if"
        " data.keep_copy is false) to a folder on a larger disk",
    )


def pixels_of(data: bytes, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return sRGB codes, (height, width, 3), uint8, of a picture that is stored as pixels."""
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)
