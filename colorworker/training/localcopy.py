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


class LocalCopy:
    """Pictures appended to an unnamed temporary file, which disappears with this object.

    The source is read once, in order, however pictures are drawn later: random reads of a tar on S3
    would take one request each. The page cache serves as the memory cache.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Create the file and unlink it, so that nothing is left if the process is killed.

        Args:
            folder: Where to create the file.
            max_bytes: Maximum size of the file.

        Raises:
            StoreUnavailable: If the file cannot be created.
        """
        self._folder = folder
        self._max_bytes = max_bytes
        self._end = 0
        path = folder / f"local_copy-{os.getpid()}-{id(self):x}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            path.unlink()
        except OSError as error:
            raise StoreUnavailable(str(folder), f"no file can be created ({error})") from error

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
            raise StoreUnavailable(
                str(self._folder),
                f"the local copy of the pictures cannot be written ({error})",
                "Free disk space, or set COLORWORKER_RUN__SCRATCH to a folder on a larger disk",
            ) from error
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
        """Close the file, which frees its disk space."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def pixels_of(data: bytes, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return sRGB codes, (height, width, 3), uint8, of a picture that is stored as pixels."""
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)
