"""Read bytes at offsets that a file itself gives: they may be anything."""

from typing import BinaryIO

_MAX_OFFSET = (1 << 63) - 1
"""Readers raise errors for offsets beyond it."""


def read_at(reader: BinaryIO, offset: int, count: int) -> bytes:
    """Return up to `count` bytes at an offset; fewer at the end, none if there is no such place.

    `count` must be small, or not exceed the file: readers reserve memory for all of it.
    """
    if not 0 <= offset <= _MAX_OFFSET:
        return b""
    reader.seek(offset)
    return reader.read(max(0, count))
