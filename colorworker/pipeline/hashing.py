"""SHA-256 of files: read on purpose, or hashed while something else reads them anyway."""

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from colorworker.media.containers.readhints import hint_read_all, is_remote

_HASH_BLOCK_BYTES = 1 << 20
_REST_BYTES = 1 << 20
_HELD_BYTES = 16 << 20
"""Larger pictures are kept in a temporary file."""


def sha256_of(reader: BinaryIO) -> str:
    """Return the hex SHA-256 of all bytes, from the reader's start."""
    reader.seek(0)
    digest = hashlib.sha256()
    while block := reader.read(_HASH_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the hex SHA-256 of a local file."""
    with path.open("rb") as reader:
        return sha256_of(reader)


@contextmanager
def open_rereadable(reader: BinaryIO, folder: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Give a reader of the same bytes that can be read again and again, and their hex sha256.

    What comes over a network is read once, from start to end, and held in memory or, when large, in
    a file below `folder` that has no name; a local file is given as it is.
    """
    if not is_remote(reader):
        sha256 = sha256_of(reader)
        reader.seek(0)
        yield reader, sha256
        return
    hint_read_all(reader)
    with tempfile.SpooledTemporaryFile(_HELD_BYTES, dir=str(folder)) as held:
        hashing = HashingReader(reader)
        shutil.copyfileobj(hashing, held, _REST_BYTES)
        held.seek(0)
        yield cast(BinaryIO, held), hashing.sha256()


class HashingReader(io.RawIOBase):
    """Passes reads and seeks on; hashes each byte once, in the file's order, when it comes by.

    A demuxer looks at the beginning, jumps to an index at the end, and then reads on from the
    beginning: what it jumps over is hashed when it gets there.
    """

    def __init__(self, reader: BinaryIO) -> None:
        """Begin at offset 0 of `reader`, which is the caller's to close."""
        super().__init__()
        self._reader = reader
        self._digest = hashlib.sha256()
        self._hashed_bytes = 0
        self._position = reader.seek(0)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, and return the new offset."""
        self._position = self._reader.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer with what comes next."""
        target = memoryview(buffer).cast("B")
        data = self._reader.read(len(target))
        target[: len(data)] = data
        ahead = self._hashed_bytes - self._position
        self._position += len(data)
        if 0 <= ahead < len(data):
            self._digest.update(memoryview(data)[ahead:])
            self._hashed_bytes = self._position
        return len(data)

    def as_file(self) -> BinaryIO:
        """Return this, as the type that readers of files take."""
        return cast(BinaryIO, self)

    def sha256(self) -> str:
        """Read what nobody has read so far and return the hex sha256 of the whole file."""
        self.seek(self._hashed_bytes)
        while self.read(_REST_BYTES):
            pass
        return self._digest.hexdigest()
