"""A local copy of all pictures of a data set in one file, read at any place and from any thread."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from colorworker.errors import StoreUnavailable


@dataclass(frozen=True)
class Place:
    """Where one picture lies in the file."""

    offset: int
    size_bytes: int
    height: int
    width: int


class Spool:
    """Bytes one after the other in a file that is gone with this object.

    One reading of the source in its order, however the pictures are drawn later: a tar on S3 would
    otherwise be asked for one picture at a time. The page cache does what a cache in memory would.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Make the file; it has no name, so that nothing is left of it if the process is killed.

        Args:
            folder: On which file system.
            max_bytes: More is refused.

        Raises:
            StoreUnavailable: If no file can be made there.
        """
        self._folder = folder
        self._max_bytes = max_bytes
        self._end = 0
        path = folder / f"spool-{os.getpid()}-{id(self):x}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            path.unlink()
        except OSError as error:
            raise StoreUnavailable(str(folder), f"no file can be made ({error})") from error

    def add(self, data: bytes, height: int, width: int) -> Place:
        """Keep one picture.

        Raises:
            StoreUnavailable: If the disk is full, or there is more than is allowed.
        """
        if self._end + len(data) > self._max_bytes:
            raise StoreUnavailable(
                str(self._folder),
                f"the local copy of the pictures would be over {self._max_bytes / 2**30:.1f} GiB",
                "Raise data.max_gib, or train on fewer pictures",
            )
        try:
            # Whole even where the kernel writes less than it was given.
            for start in range(0, len(data), 1 << 30):
                os.pwrite(self._file, data[start : start + (1 << 30)], self._end + start)
        except OSError as error:
            raise StoreUnavailable(
                str(self._folder),
                f"the local copy of the pictures cannot be written ({error})",
                "Free the disk, or set COLORWORKER_RUN__SCRATCH to a folder on a larger one",
            ) from error
        place = Place(self._end, len(data), height, width)
        self._end += len(data)
        return place

    def read(self, place: Place) -> bytes:
        """Return one picture's bytes."""
        return os.pread(self._file, place.size_bytes, place.offset)

    @property
    def size_bytes(self) -> int:
        """Of all pictures."""
        return self._end

    def close(self) -> None:
        """Let go of the file, and with it of the disk's space."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def pixels_of(data: bytes, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return codes, (height, width, 3), that were spooled as they are."""
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)
