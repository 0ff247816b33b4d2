"""The position of a seekable reader whose size is known."""

import io
import os


class SizedReader(io.RawIOBase):
    """A seekable file of a known size; subclasses read at `_position` and advance it."""

    def __init__(self, size_bytes: int, name: str) -> None:
        """Start at offset 0; the name is for errors."""
        super().__init__()
        self._size = size_bytes
        self._name = name
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the offset without reading."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"{self._name}: offset {start + offset} is before the start")
        self._position = start + offset
        return self._position
