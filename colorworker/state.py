"""Done-records on the destination: committed once by an atomic create-only put, then published.

attempt_key           the result, under a key that no other attempt has
units/<unit_id>.json  the done-record: create-only, so the first attempt to write it wins
output_key            the winner, renamed or copied by the store; repeated when it is missing

Where a store can create an object in one request unless its name is taken, small outputs take a
shorter way: they are created under output_key, with a mark that says which unit they are of, and
the record follows. If the worker dies in between, the next attempt recognizes the output by its
mark and records it. No attempt_key exists then, but the record names one all the same: so every
version finds nothing to publish under it if the output is deleted later.
"""

import functools
import hashlib
import uuid
from collections.abc import Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path, PurePosixPath
from threading import Lock

from colorworker.domain.outputkeys import folded
from colorworker.domain.records import Record, record_from_json, record_to_json
from colorworker.errors import KeyExists, KeyMissing, OutputCollision
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectInfo, ObjectStore

STATE = ".colorworker"
"""Folder on a destination for all state; a destination contains nothing else besides outputs."""
UNITS = f"{STATE}/units/"
"""Prefix of all done-records."""
SIDECARS = f"{STATE}/sidecars/"
"""Prefix of the records of sidecars."""
_THREADS = 8
_PAGE = 512
_HASHED_BYTES = 1 << 20


def record_key(unit_id: str) -> str:
    """Return the key of the unit's done-record."""
    return f"{UNITS}{unit_id}.json"


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


def sidecars_key(unit_id: str) -> str:
    """Return the key of the record of the files beside the unit's output."""
    return f"{SIDECARS}{unit_id}.json"


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
    deleted, so that the unit can be committed again. In a destination that was copied or restored
    from a backup, results have other ETags: they are recognized by their content, which is read
    once, and their records are renewed.

    Raises:
        OutputCollision: If another file has the output's name.
    """
    record = read_record(store, unit_id)
    if record is None or not record.result_key:
        return record
    if _holds(store, record.result_key, record.etag):
        return record
    if copied := _of_copy(store, record):
        return copied
    if record.output_key and _publish(store, record):
        return record
    store.delete(record_key(unit_id))
    return None


def _of_copy(store: ObjectStore, record: Record) -> Record | None:
    """Return the renewed record if the result is the recorded one, with another ETag."""
    try:
        found = store.head(record.result_key)
    except KeyMissing:
        return None
    if found.size_bytes != record.size_bytes:
        return None
    # Nothing else is ever written under the key of an attempt; an output can be replaced.
    is_hashed = bool(record.sha256 or record.output_key)
    if is_hashed and _sha256(store, found) != record.sha256:
        return None
    renewed = replace(record, etag=found.etag)
    store.put(record_key(record.unit_id), record_to_json(renewed))
    return renewed


@dataclass(frozen=True)
class StoredOutput:
    """An output that is stored but not recorded yet."""

    attempt_key: str
    etag: str
    size_bytes: int
    sha256: str
    is_published: bool
    """Whether it has its final name already."""


def check_name(store: ObjectStore, output_key: str) -> None:
    """Check, before any work, that an output may have this name, unless `store_output` will tell.

    Raises:
        OutputCollision: If the destination has a file of this name that no job wrote.
    """
    if not _creates_outputs(store):
        refuse_foreign(store, output_key)


def store_output(
    store: ObjectStore, unit_id: str, output_key: str, path: Path, sha256: str
) -> StoredOutput:
    """Store an output, under its final name if that is possible in one request.

    Args:
        store: The destination.
        unit_id: The unit that made it.
        output_key: Its final name.
        path: The file; may be moved.
        sha256: SHA-256 of the file.

    Returns:
        What to record. An interrupted attempt at this unit may have created the output: then it is
        that one, and the file is not needed.

    Raises:
        OutputCollision: If the destination has a file of this name that no job wrote.
    """
    key = attempt_key(unit_id, PurePosixPath(output_key).suffix.lower())
    if _creates_outputs(store):
        found = store.create(output_key, path, _mark(unit_id, output_key, sha256))
        if found and (marked := _sha256_of_mark(found, unit_id)):
            return StoredOutput(key, found.etag, found.size_bytes, marked, is_published=True)
        if found:
            _refuse_unless_ours(store, found)
    stored = store.put_file(key, path)
    return StoredOutput(key, stored.etag, stored.size_bytes, sha256, is_published=False)


def _creates_outputs(store: ObjectStore) -> bool:
    # The sweep finds the object, if this process dies before it deletes it.
    return _outputs(store.uri).names_are_new and store.can_create(attempt_key("trial", ".txt"))


def _mark(unit_id: str, output_key: str, sha256: str) -> str:
    """Return what tells an output that has no record: its unit, its content and its name.

    The name is in it because a person may copy an output, and stores copy marks as well.
    """
    return f"{unit_id} {sha256} {_digest(output_key).hex()}"


def _sha256_of_mark(found: ObjectInfo, unit_id: str) -> str:
    """Return the SHA-256 of an output by its mark; empty if it is not an output of this unit."""
    sha256 = found.mark.partition(" ")[2].partition(" ")[0]
    return sha256 if found.mark == _mark(unit_id, found.key, sha256) else ""


def commit(store: ObjectStore, record: Record, *, is_published: bool = False) -> Record:
    """Make `record` the unit's winner unless there is one, publish the winner, and return it.

    Args:
        store: The destination.
        record: Names a result that is stored.
        is_published: Whether that has its final name already; see `store_output`.

    Raises:
        KeyMissing: If the result was deleted before it was published.
        OutputCollision: If another file has the output's name. The record stays, and its output is
            published when that file is gone.
    """
    try:
        store.put(record_key(record.unit_id), record_to_json(record), create_only=True)
    except KeyExists:
        # The transport may have repeated our own put; then the record names our attempt.
        winner = finished(store, record.unit_id)
        if winner is None:
            return commit(store, record, is_published=is_published)
        superseded = winner.attempt_key != record.attempt_key and not is_published
        if superseded and record.attempt_key:
            store.delete(record.attempt_key)
        return winner
    # It is not worth checking first whether another worker has published it in this moment.
    if record.output_key and not is_published and not _publish(store, record):
        raise KeyMissing(
            record.attempt_key, "it was deleted before it was published", "Run the job again"
        )
    return record


def _publish(store: ObjectStore, record: Record) -> bool:
    """Publish the winner unless another worker did; return False if the winner is gone."""
    if refuse_foreign(store, record.output_key) == record.etag:
        # Another worker, presumed dead, published it in this moment.
        return True
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


def refuse_foreign(store: ObjectStore, output_key: str) -> str:
    """Check that an output may have this name: that no file has it, or one that a job wrote.

    Returns:
        The ETag of that file; empty if there is none.

    Raises:
        OutputCollision: If no record names the file that is there.
    """
    try:
        found = store.head(output_key)
    except KeyMissing:
        return ""
    _refuse_unless_ours(store, found)
    return found.etag


def _refuse_unless_ours(store: ObjectStore, found: ObjectInfo) -> None:
    # There will be more of them: from now on, look before the work.
    _outputs(store.uri).names_are_new = False
    unit_id = found.mark.partition(" ")[0]
    if _sha256_of_mark(found, unit_id) or _outputs(store.uri).contain(store, found):
        return
    raise OutputCollision(
        printable(found.key),
        "the destination has a file of this name that no job wrote, or that was changed since",
        "Move it away, or choose another destination",
    )


def is_recorded(store: ObjectStore, output_key: str, sha256: str) -> bool:
    """Return whether any record names an output of this key and content.

    Records are read on demand, each once per process.
    """
    return _outputs(store.uri).contain_content(store, output_key, sha256)


def all_records(store: ObjectStore, skip: Container[str] = ()) -> Iterator[Record]:
    """Yield all records, except damaged ones and those deleted since they were listed.

    Args:
        store: The destination.
        skip: Ids of units whose records are not read.
    """

    def read(info: ObjectInfo) -> Record | None:
        try:
            return record_from_json(store.get(info.key))
        except (KeyMissing, ValueError, TypeError):
            return None

    listed = (info for info in store.list(UNITS) if unit_of(info.key) not in skip)
    with ThreadPoolExecutor(_THREADS) as pool:
        while page := list(islice(listed, _PAGE)):
            yield from (record for record in pool.map(read, page) if record is not None)


def unit_of(key: str) -> str:
    """Return the unit id from the key of a record or thumbnail."""
    return key.rpartition("/")[2].partition(".")[0]


class _Outputs:
    """The outputs that the records of a destination name: 16 bytes each for a few facts."""

    names_are_new: bool = True
    """Whether no output of this process has met another object of its name so far."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._units: set[str] = set()
        self._known: set[bytes] = set()

    def contain(self, store: ObjectStore, found: ObjectInfo) -> bool:
        """Return whether a record names this object, or one of its name and content.

        Records are only read, each once, if those read before do not name it.
        """
        with self._lock:
            if self._names(found.key, found.etag):
                return True
            self._read_more(store)
            if self._names(found.key, found.etag):
                return True
            # A copy of a destination has other ETags.
            alike = self._names(found.key, found.size_bytes)
            return alike and self._names(found.key, _sha256(store, found))

    def contain_content(self, store: ObjectStore, key: str, sha256: str) -> bool:
        """Return whether a record names an object of this key and content."""
        with self._lock:
            if not self._names(key, sha256):
                self._read_more(store)
            return self._names(key, sha256)

    def _read_more(self, store: ObjectStore) -> None:
        for record in all_records(store, self._units):
            self._units.add(record.unit_id)
            for fact in (record.etag, record.size_bytes, record.sha256):
                self._known.add(_digest(folded(record.output_key), fact))

    def _names(self, key: str, fact: object) -> bool:
        return _digest(folded(key), fact) in self._known


@functools.lru_cache(maxsize=4)
def _outputs(_uri: str) -> _Outputs:
    """Return what is known about the destination at a URI, once per process."""
    return _Outputs()


def _digest(*facts: object) -> bytes:
    return hashlib.blake2b("\n".join(map(str, facts)).encode(), digest_size=16).digest()


def _sha256(store: ObjectStore, found: ObjectInfo) -> str:
    digest = hashlib.sha256()
    with store.open(found.key, etag=found.etag) as reader:
        while data := reader.read(_HASHED_BYTES):
            digest.update(data)
    return digest.hexdigest()
