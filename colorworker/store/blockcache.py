"""A cache of blocks shared by all readers of one store, such as the headers of films."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping


class BlockCache:
    """Blocks of the most recently used objects, within a size limit. Thread-safe.

    A film is opened once per segment, and each time its header and index are read. For a long film
    those are megabytes.
    """

    def __init__(self, max_bytes: int) -> None:
        """Create an empty cache that holds at most `max_bytes`."""
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._blocks: OrderedDict[Hashable, dict[int, bytes]] = OrderedDict()

    def get(self, version: Hashable) -> dict[int, bytes]:
        """Return the cached blocks of a version of an object, by block index."""
        with self._lock:
            found = self._blocks.get(version, {})
            if found:
                self._blocks.move_to_end(version)
            return dict(found)

    def add(self, version: Hashable, blocks: Mapping[int, bytes]) -> None:
        """Add blocks; evicts the least recently used objects if the cache is full."""
        with self._lock:
            held = self._blocks.setdefault(version, {})
            held.update(blocks)
            self._blocks.move_to_end(version)
            while self._blocks and self._held_bytes() > self._max_bytes:
                self._blocks.popitem(last=False)

    def _held_bytes(self) -> int:
        return sum(len(data) for blocks in self._blocks.values() for data in blocks.values())
