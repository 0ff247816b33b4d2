"""A seekable file over ranged reads: whole blocks, the last used of them kept, more read ahead."""

import io
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from colorworker.errors import StoreUnavailable

BLOCK_BYTES = 64 << 10
CACHE_BYTES = 16 << 20
MOST_BYTES_A_READ = 4 << 20
"""Bound on one ranged read, so that what a broken or needless one costs is bounded too."""
BYTES_DOUBLED = 1 << 20
"""A request costs about as much as so many bytes: what is read in a row doubles up to here, and
bytes left out in between do not end a row if they are fewer."""
BYTES_PER_BYTE_AHEAD = 4
"""Beyond that, the next read takes a quarter of what was read in a row: a reader that stops has
fetched at most that in vain, and a long one still reaches the largest reads."""
TRIES = 8
"""Reads in a row that bring nothing at all; one that brings something is gone on from."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0

ReadRange = Callable[[int, int], bytes]
"""(offset, length) -> the bytes from there; fewer, even none, when the connection broke midway."""


class BlockReader(io.RawIOBase):
    """Reads like a buffered local file; memory is `cache_bytes`, whatever the object's size.

    Not to be shared by threads that read at the same time.
    """

    def __init__(
        self,
        read_range: ReadRange,
        size_bytes: int,
        *,
        name: str,
        first: bytes = b"",
        known: Mapping[int, bytes] | None = None,
        keep: Callable[[Mapping[int, bytes]], None] = lambda _: None,
        block_bytes: int = BLOCK_BYTES,
        cache_bytes: int = CACHE_BYTES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin at offset 0.

        Args:
            read_range: Returns bytes of one version of the object, whenever it is called. Its
                errors come out of `read` as they are.
            size_bytes: Of that version.
            name: The object's, for errors.
            first: The object's beginning, if it was read already: block 0 or all there is.
            known: Blocks of that version that were read before, by index.
            keep: Takes the blocks that were read before any end was foretold: a film's header and
                its index, which the next reader of it will want as well.
            block_bytes: Granularity of reads and cache.
            cache_bytes: Bound on what is kept; at least two blocks are.
            sleep: Waits between tries.
        """
        super().__init__()
        self._read_range = read_range
        self._size = size_bytes
        self._name = name
        self._block_bytes = block_bytes
        self._most_blocks = max(2, cache_bytes // block_bytes)
        self._most_blocks_a_read = max(
            1, min(MOST_BYTES_A_READ // block_bytes, self._most_blocks - 1)
        )
        self._sleep = sleep
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._row_end = 0
        self._row_blocks = 0
        self._expected_end = 0
        self._keep = keep
        self._unforetold: set[int] | None = set()
        self._blocks.update(known or {})
        if first and len(first) == min(block_bytes, size_bytes):
            self._blocks[0] = first
            self._row_end = self._row_blocks = 1

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
        """Move; nothing is read by it."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"{self._name}: offset {start + offset} lies before its start")
        self._position = start + offset
        return self._position

    def expect_end(self, offset: int) -> None:
        """Say about where reading will end, wherever it goes on from here; 0 for nobody knows.

        What lies before is fetched in large reads, and beyond it nothing that is not wanted. A
        wrong word costs bytes or requests and nothing else.
        """
        if self._unforetold:
            self._keep({i: self._blocks[i] for i in self._unforetold if i in self._blocks})
        self._unforetold = None
        self._expected_end = -(-min(offset, self._size) // self._block_bytes)

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer, fewer bytes only at the end.

        Raises:
            StoreUnavailable: If several reads in a row broke off before anything came.
        """
        if self.closed:
            raise ValueError(f"{self._name} is closed")
        target = memoryview(buffer).cast("B")
        end = min(self._position + len(target), self._size)
        filled = 0
        while self._position < end:
            index, start = divmod(self._position, self._block_bytes)
            block = self._block(index, -(-end // self._block_bytes))
            piece = block[start : start + end - self._position]
            target[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled

    def close(self) -> None:
        """Let go of the blocks."""
        self._blocks.clear()
        super().close()

    def _block(self, index: int, wanted_end: int) -> bytes:
        if index not in self._blocks:
            self._fetch(index, wanted_end)
        self._blocks.move_to_end(index)
        return self._blocks[index]

    def _fetch(self, first: int, wanted_end: int) -> None:
        """Read block `first`, what else is wanted at once, and more where that is worth it."""
        count = min(max(wanted_end - first, self._ahead(first)), self._most_blocks_a_read)
        end = next((i for i in range(first, first + count) if i in self._blocks), first + count)
        start_byte = first * self._block_bytes
        data = self._read_whole(start_byte, min(end * self._block_bytes, self._size) - start_byte)
        for offset in range(0, len(data), self._block_bytes):
            self._blocks[first + offset // self._block_bytes] = data[
                offset : offset + self._block_bytes
            ]
        if self._unforetold is not None:
            self._unforetold.update(range(first, end))
        while len(self._blocks) > self._most_blocks:
            self._blocks.popitem(last=False)
        # What was foretold says nothing about how far reading goes beyond it.
        self._row_blocks = 0 if first < self._expected_end else self._row_blocks + end - first
        self._row_end = end

    def _ahead(self, first: int) -> int:
        """Return how many blocks are to be read from `first` on, even if fewer are wanted."""
        if first < self._expected_end:
            return self._expected_end - first
        doubled = BYTES_DOUBLED // self._block_bytes
        if not 0 <= first - self._row_end <= doubled:
            self._row_blocks = 0
        return max(min(self._row_blocks, doubled), self._row_blocks // BYTES_PER_BYTE_AHEAD, 1)

    def _read_whole(self, offset: int, length: int) -> bytes:
        """Return exactly these bytes, going on from where a read broke off."""
        pieces: list[bytes] = []
        missing, empty_reads = length, 0
        while missing and empty_reads < TRIES:
            piece = self._read_range(offset + length - missing, missing)[:missing]
            pieces.append(piece)
            missing -= len(piece)
            if missing:
                self._sleep(min(FIRST_PAUSE_SECONDS * 2**empty_reads, LONGEST_PAUSE_SECONDS))
                empty_reads = 0 if piece else empty_reads + 1
        if missing:
            raise StoreUnavailable(
                self._name,
                f"{TRIES} reads in a row broke off at once, {missing} of {length} bytes before"
                f" offset {offset + length} are missing",
                "Check the network between the worker and the store",
            )
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
