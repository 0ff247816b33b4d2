"""How destinations are called in what is printed."""

from pathlib import Path

from colorworker.store.objectstore import ObjectStore


def shown_folder(store: ObjectStore, destination: str) -> str:
    """Return a destination as people write it, without a slash at its end."""
    return store.uri if "://" in destination else str(Path(destination))
