"""Done-records on the destination: committed once by an atomic create-only put, then published.

attempt_key           the result, under a key that no other attempt has
units/<unit_id>.json  the done-record: create-only, so the first attempt to write it wins
output_key            the winner, renamed or copied by the store; repeated when it is missing
"""

import uuid
from datetime import UTC, datetime

from colorworker.domain.records import Record, record_from_json, record_to_json
from colorworker.errors import KeyExists, KeyMissing
from colorworker.store.objectstore import ObjectStore

STATE = ".colorworker"
"""Folder on a destination for all state; a destination contains nothing else besides outputs."""


def record_key(unit_id: str) -> str:
    """Return the key of the unit's done-record."""
    return f"{STATE}/units/{unit_id}.json"


def attempt_key(unit_id: str, extension: str) -> str:
    """Return a new key for one attempt at a unit, with the extension (with its dot)."""
    return f"{STATE}/parts/{unit_id}/{uuid.uuid4().hex[:12]}{extension}"


def thumbnail_key(unit_id: str) -> str:
    """Return the key of the unit's before/after picture."""
    return f"{STATE}/thumbnails/{unit_id}.jpg"


def numbered_thumbnail_key(unit_id: str, number: int) -> str:
    """Return the key of one of several before/after pictures of a unit."""
    return f"{STATE}/thumbnails/{unit_id}.{number:03d}.jpg"


def contact_key(unit_id: str) -> str:
    """Return the key of the JPEG with small pictures of the shots of a film or segment."""
    return f"{STATE}/thumbnails/{unit_id}.shots.jpg"


def now() -> str:
    """Return the current time as UTC in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_record(store: ObjectStore, unit_id: str) -> Record | None:
    """Return the unit's done-record, or None if there is none. A damaged record is deleted."""
    try:
        return record_from_json(store.get(record_key(unit_id)))
    except KeyMissing:
        return None
    except ValueError:
        store.delete(record_key(unit_id))
        return None


def finished(store: ObjectStore, unit_id: str) -> Record | None:
    """Return the record of a finished unit, or None; publish its output if that was interrupted.

    A record whose result is gone (deleted by hand, or replaced by a job with other options) is
    deleted, so that the unit can be committed again.
    """
    record = read_record(store, unit_id)
    if record is None or not record.result_key:
        return record
    if _holds(store, record.result_key, record.etag):
        return record
    if record.output_key and _publish(store, record):
        return record
    store.delete(record_key(unit_id))
    return None


def commit(store: ObjectStore, record: Record) -> Record:
    """Make `record` the unit's winner unless there is one, publish the winner, and return it.

    Raises:
        KeyMissing: If the result was deleted before it was published.
    """
    try:
        store.put(record_key(record.unit_id), record_to_json(record), create_only=True)
    except KeyExists:
        # The transport may have repeated our own put; then the record names our attempt.
        winner = finished(store, record.unit_id)
        if winner is None:
            return commit(store, record)
        if winner.attempt_key != record.attempt_key and record.attempt_key:
            store.delete(record.attempt_key)
        return winner
    # It is not worth checking first whether another worker has published it in this moment.
    if record.output_key and not _publish(store, record):
        raise KeyMissing(
            record.attempt_key, "it was deleted before it was published", "Run the job again"
        )
    return record


def _publish(store: ObjectStore, record: Record) -> bool:
    """Publish the winner unless another worker did; return False if the winner is gone."""
    try:
        store.publish(record.attempt_key, record.output_key)
    except KeyMissing:
        # A worker that was presumed dead may have published it in this moment.
        return _holds(store, record.output_key, record.etag)
    return True


def _holds(store: ObjectStore, key: str, etag: str) -> bool:
    try:
        return store.head(key).etag == etag
    except KeyMissing:
        return False
