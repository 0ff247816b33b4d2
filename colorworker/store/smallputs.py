"""Small objects that this process has put, so that publishing them needs no look-up."""

import threading

from colorworker.store.objectstore import ObjectInfo

_REMEMBERED = 64
"""More than one worker puts before it publishes them."""


class SmallPuts:
    """The last objects that were put in one request each. Thread-safe."""

    def __init__(self) -> None:
        self.ids_are_kept = False
        """Whether the service is known to return the ids in the metadata of objects."""
        self._known: dict[str, ObjectInfo] = {}
        self._lock = threading.Lock()

    def remember(self, info: ObjectInfo) -> None:
        """Remember an object whose ETag is our id, as the service returned it once."""
        with self._lock:
            self.ids_are_kept = True
            self._known[info.key] = info
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]

    def forget(self, key: str) -> ObjectInfo | None:
        """Forget an object that is about to change, and return it; None if it is not known."""
        with self._lock:
            return self._known.pop(key, None)
