"""SHA-256 of files: read for that purpose, or hashed while something else reads them."""

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
"""Larger files are buffered on disk."""


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
    """Provide a reader that can be read repeatedly at no cost, and the hex SHA-256 of its bytes.

    Bytes from a network are read once, from start to end, and buffered in memory or, if large, in
    an unnamed temporary file in `folder`. A local file is provided as it is.
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
    """A reader that hashes a file, in file order, while others read it.

    A demuxer reads the beginning, jumps to an index at the end, and then continues from the
    beginning. Bytes that it jumps over are hashed when it comes back to them.
    """

    def __init__(self, reader: BinaryIO) -> None:
        """Start at offset 0 of `reader`. The caller closes it."""
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
        """Move to an offset and return it."""
        self._position = self._reader.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        """Read up to the buffer's size into it; return the number of bytes."""
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
        """Return this reader, typed as a binary file."""
        return cast(BinaryIO, self)

    def sha256(self) -> str:
        """Read the rest of the file and return the hex SHA-256 of all of it."""
        self.seek(self._hashed_bytes)
        while self.read(_REST_BYTES):
            pass
        return self._digest.hexdigest()
