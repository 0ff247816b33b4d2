"""What readers of one store remember of objects: the blocks every reader of an object needs."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping


class BlockCache:
    """Blocks by object, those of the objects used last, within a bound. Safe among threads.

    A film is opened once a segment, and each time its header is read, and its index: of a long film
    that is megabytes.
    """

    def __init__(self, most_bytes: int) -> None:
        """Remember nothing yet, and never more than `most_bytes`."""
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._blocks: OrderedDict[Hashable, dict[int, bytes]] = OrderedDict()

    def recall(self, version: Hashable) -> dict[int, bytes]:
        """Return what is remembered of a version of an object, by the block's index."""
        with self._lock:
            found = self._blocks.get(version, {})
            if found:
                self._blocks.move_to_end(version)
            return dict(found)

    def keep(self, version: Hashable, blocks: Mapping[int, bytes]) -> None:
        """Remember these blocks too, and forget objects that were used longest ago for them."""
        with self._lock:
            held = self._blocks.setdefault(version, {})
            held.update(blocks)
            self._blocks.move_to_end(version)
            while self._blocks and self._held_bytes() > self._most_bytes:
                self._blocks.popitem(last=False)

    def _held_bytes(self) -> int:
        return sum(len(data) for blocks in self._blocks.values() for data in blocks.values())
