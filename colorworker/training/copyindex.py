"""The index of a local copy: one JSON line per picture, and a last line when it is complete.

["train-000.tar", 17, "face/a.jpg", 812345, 40960, 2310, 240, 240, 2596996162, 31.5, ""]
{"pictures": 18, "size_bytes": 43270, "sha256": "9f86..."}
"""

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple, dataclass
from typing import Any

from colorworker.store.objectstore import ObjectInfo
from colorworker.training.localcopy import CopyStopped, Place

_VERSION = 1
"""Raise it whenever pictures would be stored differently by the same rules."""
_READ_BYTES = 1 << 22


@dataclass(frozen=True)
class CopyRecord:
    """One picture of the source and where its bytes are."""

    shard: str
    """Key of its tar shard, or its own key."""
    index: int
    """Index among the pictures of its shard."""
    name: str
    """Name in the shard, or its own key."""
    source_bytes: int
    """Bytes of the source read up to and including this picture."""
    offset: int = 0
    size_bytes: int = 0
    """0: not stored, because the picture is gray or broken."""
    height: int = 0
    width: int = 0
    crc32: int = 0
    """CRC-32 of the stored bytes."""
    colorfulness: float = 0.0
    error: str = ""
    """Why the picture cannot be decoded; empty if it can."""

    @property
    def key(self) -> str:
        """Shard and name, as `PictureSample.key`."""
        return self.name if self.name == self.shard else f"{self.shard}/{self.name}"

    @property
    def place(self) -> Place:
        """Where the picture's bytes are."""
        return Place(self.offset, self.size_bytes, self.height, self.width)


@dataclass(frozen=True)
class CopyEnd:
    """The last line of a complete index."""

    pictures: int
    size_bytes: int
    sha256: str
    """Of the data file."""


@dataclass(frozen=True)
class CopyIndex:
    """The content of an index file."""

    records: list[CopyRecord]
    ends: list[int]
    """Where the line of each record ends, in bytes."""
    end: CopyEnd | None = None
    """None: the copy is not complete."""


def copy_name(shards: Iterable[ObjectInfo], rules: dict[str, Any]) -> str:
    """Return the name of the copy of these shards: 32 hexadecimal digits.

    Args:
        shards: The shards; their keys, sizes and ETags count.
        rules: The rules for copying, as JSON values.
    """
    identities = [[each.key, each.size_bytes, each.etag, each.error] for each in shards]
    facts = json.dumps([_VERSION, identities, rules], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


def line_of(entry: CopyRecord | CopyEnd) -> bytes:
    """Return the line of an index for a picture or for the end."""
    value = asdict(entry) if isinstance(entry, CopyEnd) else astuple(entry)
    return json.dumps(value).encode() + b"\n"


def read_index(file: int) -> CopyIndex:
    """Return the content of an index file up to the first line that is not whole."""
    records: list[CopyRecord] = []
    ends: list[int] = []
    position = 0
    for line in os.pread(file, os.fstat(file).st_size, 0).splitlines(keepends=True):
        try:
            if not line.endswith(b"\n"):
                break
            value = json.loads(line)
            if isinstance(value, dict):
                return CopyIndex(records, ends, CopyEnd(**value))
            records.append(CopyRecord(*value))
        except (ValueError, TypeError):
            break
        position += len(line)
        ends.append(position)
    return CopyIndex(records, ends)


def is_intact(file: int, index: CopyIndex, stopping: Callable[[], bool]) -> bool:
    """Return whether the data file has the size and the sha256 of a complete index.

    Raises:
        CopyStopped: If `stopping` returned true.
    """
    end = index.end
    if end is None or os.fstat(file).st_size != end.size_bytes:
        return False
    digest = hashlib.sha256()
    for offset in range(0, end.size_bytes, _READ_BYTES):
        if stopping():
            raise CopyStopped
        digest.update(os.pread(file, _READ_BYTES, offset))
    return digest.hexdigest() == end.sha256 and len(index.records) == end.pictures


def intact_records(
    file: int, records: Iterable[CopyRecord], stopping: Callable[[], bool]
) -> "tuple[list[CopyRecord], int, hashlib._Hash]":
    """Return the leading records whose bytes are in the data file, undamaged.

    Returns:
        The records, where their bytes end, and the sha256 of these bytes, to be continued.

    Raises:
        CopyStopped: If `stopping` returned true.
    """
    found: list[CopyRecord] = []
    end, digest = 0, hashlib.sha256()
    for record in records:
        if stopping():
            raise CopyStopped
        data = os.pread(file, record.size_bytes, record.offset)
        if record.size_bytes:
            if record.offset != end or len(data) != record.size_bytes:
                break
            if zlib.crc32(data) != record.crc32:
                break
            end += len(data)
            digest.update(data)
        found.append(record)
    return found, end, digest
