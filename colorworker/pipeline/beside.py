"""Files beside outputs that belong to no done-record: sheets, maps, sidecars."""

import hashlib

from colorworker.errors import KeyExists, KeyMissing, OutputCollision
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore


def put_beside(store: ObjectStore, key: str, data: bytes) -> None:
    """Put a file beside an output. It replaces an earlier one, but no file that no job wrote.

    Raises:
        OutputCollision: If a file of that name is there which no job wrote.
    """
    marker = f"{STATE}/beside/{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    try:
        store.put(key, data, create_only=True)
    except KeyExists as error:
        if not is_there(store, marker) and store.get(key) != data:
            raise OutputCollision(
                key, "the destination has a file of this name that no job wrote", "Move it away"
            ) from error
        store.put(key, data)
    store.put(marker, key.encode())


def is_there(store: ObjectStore, key: str) -> bool:
    """Return whether there is an object under a key."""
    try:
        store.head(key)
    except KeyMissing:
        return False
    return True
