"""Publish the frames of an image sequence under their names, then the list of all of them.

The list is the output that the done-record names. It comes last: as long as it is missing, the
sequence does not count as done, and running the job again publishes what is missing.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

from colorworker.domain.framelists import (
    StoredFrame,
    frame_folder,
    frames_from_json,
    list_line,
    listed_frames,
)
from colorworker.domain.records import Record, record_to_json
from colorworker.domain.sequences import parse_pattern
from colorworker.domain.units import Assembly, Scan
from colorworker.errors import KeyMissing, OutputCollision
from colorworker.state import commit, finished, read_record, record_key, refuse_foreign
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectStore

_THREADS = 8
_PAGE = 512


def refuse_foreign_frames(store: ObjectStore, list_key: str, pattern_key: str) -> None:
    """Check that the frames of a sequence may have their names.

    Raises:
        OutputCollision: If the destination has such frames, but no list of a job names them.
    """
    known = _listed_before(store, list_key)
    foreign = next((key for key in _frames_there(store, pattern_key) if key not in known), None)
    if foreign:
        raise _collision(foreign)


def publish_frames(
    store: ObjectStore, list_key: str, pattern_key: str, parts: list[Record]
) -> tuple[bytes, int, int]:
    """Give the frames of all parts their names.

    Returns:
        The list of the output, the number of its frames, and their size in bytes.

    Raises:
        KeyMissing: If a frame is gone; running the job again makes it anew.
        OutputCollision: If the destination has other files of these names.
    """
    known = _listed_before(store, list_key)
    there = set(_frames_there(store, pattern_key))
    lines, count, size = [], 0, 0
    frames = (frame for part in parts for frame in frames_from_json(store.get(part.attempt_key)))
    publish = partial(_publish, store, there, known)
    with ThreadPoolExecutor(_THREADS, "publish") as pool:
        while page := list(islice(frames, _PAGE)):
            for frame in pool.map(publish, page):
                lines.append(list_line(list_key, frame))
                count, size = count + 1, size + frame.size_bytes
    return b"".join(lines), count, size


def finished_frames(store: ObjectStore, unit: Scan | Assembly) -> Record | None:
    """Return the record of a finished film; of a sequence only if all frames are there.

    Contents are not read. The record of a sequence that lacks frames stays: it says that a job has
    written the others.
    """
    record = finished(store, unit.assembly_id if isinstance(unit, Scan) else unit.unit_id)
    if record is None or not unit.options.frames_out:
        return record
    there = set(_frames_there(store, unit.asset.key))
    return record if all(key in there for key, _ in _listed(store, record.output_key)) else None


def commit_list(store: ObjectStore, record: Record) -> Record:
    """Commit the record of a sequence whose frames are published, in place of an earlier one."""
    if read_record(store, record.unit_id) is not None:
        # In one step: without a record, the list that is there would look like another program's.
        store.put(record_key(record.unit_id), record_to_json(record))
        if published := finished(store, record.unit_id):
            return published
    return commit(store, record)


def has_part_frames(store: ObjectStore, part: Record) -> bool:
    """Return whether the frames of a part are there: beside its list, or published already."""
    beside = {info.key for info in store.list(frame_folder(part.attempt_key))}
    return all(
        frame.attempt_key in beside or _is_this(store, frame)
        for frame in frames_from_json(store.get(part.attempt_key))
    )


def list_digest(data: bytes) -> str:
    """Return the hex SHA-256 of a list."""
    return hashlib.sha256(data).hexdigest()


def _publish(
    store: ObjectStore, there: set[str], known: set[str], frame: StoredFrame
) -> StoredFrame:
    taken = frame.key in there
    if taken and _is_this(store, frame):
        # An earlier attempt was interrupted after it had published this frame.
        return frame
    if taken and frame.key not in known:
        raise _collision(frame.key)
    try:
        store.publish(frame.attempt_key, frame.key)
    except KeyMissing:
        if not _is_this(store, frame):
            raise
    return frame


def _is_this(store: ObjectStore, frame: StoredFrame) -> bool:
    try:
        return store.head(frame.key).etag == frame.etag
    except KeyMissing:
        return False


def _listed_before(store: ObjectStore, list_key: str) -> set[str]:
    """Return the frames that a list from an earlier job names; empty if there is none."""
    if not refuse_foreign(store, list_key):
        return set()
    return {key for key, _ in _listed(store, list_key)}


def _listed(store: ObjectStore, list_key: str) -> Iterator[tuple[str, str]]:
    try:
        yield from listed_frames(list_key, store.get(list_key))
    except (KeyMissing, ValueError):
        return


def _frames_there(store: ObjectStore, pattern_key: str) -> Iterator[str]:
    pattern = parse_pattern(pattern_key)
    if pattern is None:
        raise KeyMissing(pattern_key, "it is no pattern of an image sequence")
    for info in store.list(pattern.prefix):
        if pattern.number(info.key) is not None:
            yield info.key


def _collision(key: str) -> OutputCollision:
    return OutputCollision(
        printable(key),
        "the destination has a file of this name that no job wrote, or that was changed since",
        "Move it away, or choose another destination",
    )
