"""A seekable file over ranged reads, with whole blocks, an LRU cache and read-ahead."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from colorworker.errors import StoreUnavailable
from colorworker.store.sizedreader import SizedReader

BLOCK_BYTES = 64 << 10
CACHE_BYTES = 16 << 20
MAX_READ_BYTES = 4 << 20
"""Limit of one ranged read, which also limits the cost of a broken or needless one."""
READ_AHEAD_DOUBLING_BYTES = 1 << 20
"""A request costs about as much as this many bytes. So sequential reads double up to this size, and
a gap smaller than this does not end a sequence."""
SEQUENCE_PER_READ_AHEAD = 4
"""Beyond that, the next read is a quarter of the sequence so far. So a reader that stops has
fetched at most that much for nothing, and a long sequence still reaches the largest reads."""
ATTEMPTS = 8
"""Consecutive reads that may return nothing; after a partial read the rest is requested."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0

ReadRange = Callable[[int, int], bytes]
"""(offset, length) -> bytes from the offset; fewer, or none, if the connection broke."""


class BlockReader(SizedReader):
    """Reads like a buffered local file. Memory is `cache_bytes`, whatever the size of the object.

    Not thread-safe.
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
        """Start at offset 0.

        Args:
            read_range: Returns bytes of one fixed version of the object. Its errors are passed on.
            size_bytes: Size of that version.
            name: Name of the object, for errors.
            first: Beginning of the object if it is known: block 0, or the whole object.
            known: Known blocks of that version, by index.
            keep: Receives the blocks that were read before the first `expect_end`: header and
                index of a film, which its next reader will need too.
            block_bytes: Block size of reads and cache.
            cache_bytes: Limit of the cache, which holds at least two blocks.
            sleep: Waits between attempts.
        """
        super().__init__(size_bytes, name)
        self._read_range = read_range
        self._block_bytes = block_bytes
        self._max_blocks = max(2, cache_bytes // block_bytes)
        self._max_read_blocks = max(1, min(MAX_READ_BYTES // block_bytes, self._max_blocks - 1))
        self._sleep = sleep
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._sequence_end = 0
        self._sequence_blocks = 0
        self._expected_end = 0
        self._keep = keep
        self._before_hint: set[int] | None = set()
        self._blocks.update(known or {})
        if first and len(first) == min(block_bytes, size_bytes):
            self._blocks[0] = first
            self._sequence_end = self._sequence_blocks = 1

    def expect_end(self, offset: int) -> None:
        """Give a hint about where reading will end; 0 if unknown.

        Bytes before that offset are fetched in large reads, and beyond it only those requested. A
        wrong hint costs bytes or requests, nothing else.
        """
        if self._before_hint:
            self._keep({i: self._blocks[i] for i in self._before_hint if i in self._blocks})
        self._before_hint = None
        self._expected_end = -(-min(offset, self._size) // self._block_bytes)

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer; returns fewer bytes only at the end of the object.

        Raises:
            StoreUnavailable: If several consecutive reads returned nothing.
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
        """Release the blocks."""
        self._blocks.clear()
        super().close()

    def _block(self, index: int, requested_end: int) -> bytes:
        if index not in self._blocks:
            self._fetch(index, requested_end)
        self._blocks.move_to_end(index)
        return self._blocks[index]

    def _fetch(self, first: int, requested_end: int) -> None:
        """Read block `first`, the other blocks requested with it, and more if that pays off."""
        count = min(max(requested_end - first, self._ahead(first)), self._max_read_blocks)
        end = next((i for i in range(first, first + count) if i in self._blocks), first + count)
        start_byte = first * self._block_bytes
        data = self._read_whole(start_byte, min(end * self._block_bytes, self._size) - start_byte)
        for offset in range(0, len(data), self._block_bytes):
            self._blocks[first + offset // self._block_bytes] = data[
                offset : offset + self._block_bytes
            ]
        if self._before_hint is not None:
            self._before_hint.update(range(first, end))
        while len(self._blocks) > self._max_blocks:
            self._blocks.popitem(last=False)
        # A sequence within the hint does not tell how far reading continues beyond it.
        self._sequence_blocks = (
            0 if first < self._expected_end else self._sequence_blocks + end - first
        )
        self._sequence_end = end

    def _ahead(self, first: int) -> int:
        """Return how many blocks to read from `first` on, even if fewer are requested."""
        if first < self._expected_end:
            return self._expected_end - first
        doubled = READ_AHEAD_DOUBLING_BYTES // self._block_bytes
        if not 0 <= first - self._sequence_end <= doubled:
            self._sequence_blocks = 0
        return max(
            min(self._sequence_blocks, doubled), self._sequence_blocks // SEQUENCE_PER_READ_AHEAD, 1
        )

    def _read_whole(self, offset: int, length: int) -> bytes:
        """Return exactly these bytes; after a partial read the rest is requested."""
        pieces: list[bytes] = []
        missing, empty_reads = length, 0
        while missing and empty_reads < ATTEMPTS:
            piece = self._read_range(offset + length - missing, missing)[:missing]
            pieces.append(piece)
            missing -= len(piece)
            if missing:
                self._sleep(min(FIRST_PAUSE_SECONDS * 2**empty_reads, LONGEST_PAUSE_SECONDS))
                empty_reads = 0 if piece else empty_reads + 1
        if missing:
            raise StoreUnavailable(
                self._name,
                f"{ATTEMPTS} consecutive reads returned nothing; {missing} of {length} bytes before"
                f" offset {offset + length} are missing",
                "Check the network between the worker and the store",
            )
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
