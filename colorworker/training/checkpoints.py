"""Checkpoints in a store: the training state in one object, then a marker that points to it.

checkpoints/00000500-1f3c.npz     arrays only, no pickles
checkpoints/00000500.json         the marker, written last; without it the checkpoint is ignored
"""

import hashlib
import io
import json
import re
import uuid
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from colorworker.errors import KeyMissing, UsageError
from colorworker.store.objectstore import ObjectStore

FOLDER = "checkpoints/"
FORMAT = 1
_MARKER = re.compile(rf"{FOLDER}(\d{{8}})\.json")
_STATE = re.compile(rf"{FOLDER}(\d{{8}})-[0-9a-f]{{8}}\.npz")


@dataclass(frozen=True)
class Checkpoint:
    """Everything needed to resume a training as if it had not been interrupted."""

    step: int
    """Steps completed over all epochs. Data position and random draws follow from it."""
    identity: dict[str, str]
    """Hashes and names that must match in the training that resumes from this checkpoint."""
    facts: dict[str, Any]
    """JSON values, such as the metrics so far."""
    arrays: dict[str, npt.NDArray[Any]]


def save(store: ObjectStore, checkpoint: Checkpoint, *, keep: int) -> str:
    """Write a checkpoint atomically and delete all but the last `keep`.

    Returns:
        Key of the checkpoint's marker.

    Raises:
        StoreUnavailable: If the store cannot be reached or is full.
    """
    name = f"{FOLDER}{checkpoint.step:08d}"
    key = f"{name}-{uuid.uuid4().hex[:8]}.npz"
    path = store.scratch() / key.rpartition("/")[2]
    try:
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **_flat(checkpoint.arrays))
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size_bytes = path.stat().st_size
        store.put_file(key, path)
    finally:
        path.unlink(missing_ok=True)
    marker = {
        "format": FORMAT,
        "step": checkpoint.step,
        "state": key,
        "sha256": digest,
        "size_bytes": size_bytes,
        "identity": checkpoint.identity,
        "facts": checkpoint.facts,
    }
    store.put(f"{name}.json", json.dumps(marker, indent=1).encode())
    _sweep(store, keep)
    return f"{name}.json"


def load(store: ObjectStore, identity: dict[str, str]) -> Checkpoint | None:
    """Return the last complete checkpoint, or None if there is none.

    Args:
        store: The training's output.
        identity: Identity of the training that wants to resume.

    Raises:
        UsageError: If the last checkpoint belongs to another training or is damaged.
    """
    steps = sorted(_markers(store))
    if not steps:
        return None
    key = f"{FOLDER}{steps[-1]:08d}.json"
    subject = f"{store.uri}/{key}"
    marker = _read_marker(store, key, subject)
    for name, wanted in identity.items():
        if marker["identity"].get(name) != wanted:
            raise UsageError(
                subject,
                f"belongs to a training with a different {name}"
                f" ({marker['identity'].get(name)}; this one has {wanted})",
                "Choose another output, or start from its weights: model.weights ="
                f" '{store.uri}/weights.npz'",
            )
    arrays = _read_arrays(store, marker, subject)
    return Checkpoint(marker["step"], dict(identity), marker["facts"], arrays)


def _read_marker(store: ObjectStore, key: str, subject: str) -> dict[str, Any]:
    try:
        marker = json.loads(store.get(key))
        if marker["format"] != FORMAT:
            raise _damaged(subject, f"has format {marker['format']!r}, not {FORMAT}")
        expected = {"step": int, "state": str, "sha256": str, "identity": dict, "facts": dict}
        for name, kind in expected.items():
            if not isinstance(marker[name], kind):
                raise _damaged(subject, f"{name} is {marker[name]!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(subject, f"is not a valid checkpoint marker ({error!r})") from error
    return dict(marker)


def _read_arrays(
    store: ObjectStore, marker: dict[str, Any], subject: str
) -> dict[str, npt.NDArray[Any]]:
    try:
        data = store.get(marker["state"])
    except KeyMissing as error:
        raise _damaged(subject, f"its state {marker['state']} is missing") from error
    seen = hashlib.sha256(data).hexdigest()
    if seen != marker["sha256"]:
        raise _damaged(
            subject,
            f"its state {marker['state']} has sha256 {seen[:12]}... instead of"
            f" {marker['sha256'][:12]}...",
        )
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name.replace("|", "/"): archive[name] for name in archive.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise _damaged(subject, f"its state does not load as plain arrays ({error})") from error


def _damaged(subject: str, seen: str) -> UsageError:
    return UsageError(
        subject, seen, "Restore the object, or delete this marker to resume from the previous one"
    )


def _markers(store: ObjectStore) -> list[int]:
    found = (_MARKER.fullmatch(info.key) for info in store.list(FOLDER))
    return [int(match[1]) for match in found if match]


def _sweep(store: ObjectStore, keep: int) -> None:
    """Delete old checkpoints (markers first) and states that no marker points to."""
    kept = set(sorted(_markers(store))[-keep:])
    for step in _markers(store):
        if step not in kept:
            store.delete(f"{FOLDER}{step:08d}.json")
    named = set()
    for step in kept:
        with suppress(ValueError, KeyError):
            named.add(json.loads(store.get(f"{FOLDER}{step:08d}.json"))["state"])
    for info in list(store.list(FOLDER)):
        match = _STATE.fullmatch(info.key)
        if match and info.key not in named:
            store.delete(info.key)


def _flat(arrays: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    # A slash would create a folder in the zip file.
    return {name.replace("/", "|"): array for name, array in arrays.items()}
