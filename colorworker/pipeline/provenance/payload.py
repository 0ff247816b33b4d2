"""Recorded hashes of a bag's payload, in a temporary database that spills to disk."""

import sqlite3
from collections.abc import Callable, Iterator

from colorworker.domain.bag import PAYLOAD
from colorworker.domain.provenance import SidecarFile, sidecars_from_json
from colorworker.errors import KeyMissing
from colorworker.pipeline.hashing import sha256_of
from colorworker.state import SIDECARS, all_records
from colorworker.store.objectstore import ObjectInfo, ObjectStore

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -4096;
CREATE TABLE recorded (key, sha256, size_bytes, etag);
CREATE INDEX recorded_key ON recorded (key);
CREATE TABLE payload (key PRIMARY KEY, sha256, size_bytes) WITHOUT ROWID;
"""


class Payload:
    """The files below `data/` with their hashes: recorded ones, and read ones where none is."""

    def __init__(self, store: ObjectStore) -> None:
        """Create an empty database; nothing is read yet."""
        self._store = store
        # An empty name is a temporary database: https://www.sqlite.org/inmemorydb.html
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Remove the database."""
        self._database.close()

    def fill(self, step: Callable[[], None] = lambda: None) -> None:
        """Read all records, list the payload, and hash the files that no record names.

        Args:
            step: Called for every record and file.
        """
        self._database.execute("BEGIN")
        insert = "INSERT INTO recorded VALUES (?, ?, ?, ?)"
        for record in all_records(self._store):
            step()
            if record.output_key.startswith(PAYLOAD):
                row = (record.output_key, record.sha256, record.size_bytes, record.etag)
                self._database.execute(insert, row)
        for file in self._sidecars():
            step()
            self._database.execute(insert, (file.key, file.sha256, file.size_bytes, ""))
        for info in self._store.list(PAYLOAD):
            step()
            found = (info.key, self._hash_of(info), info.size_bytes)
            self._database.execute("INSERT OR REPLACE INTO payload VALUES (?, ?, ?)", found)
        self._database.execute("COMMIT")

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield key and SHA-256 of every file, sorted by key."""
        yield from self._database.execute("SELECT key, sha256 FROM payload ORDER BY key")

    def sha256(self, key: str) -> str | None:
        """Return the SHA-256 of a file; None if it is not there."""
        query = "SELECT sha256 FROM payload WHERE key = ?"
        found = self._database.execute(query, (key,)).fetchone()
        return found[0] if found else None

    def counts(self) -> tuple[int, int]:
        """Return the number of files and their bytes."""
        query = "SELECT count(*), coalesce(sum(size_bytes), 0) FROM payload"
        files, size_bytes = self._database.execute(query).fetchone()
        return files, size_bytes

    def _sidecars(self) -> Iterator[SidecarFile]:
        for info in self._store.list(SIDECARS):
            try:
                yield from sidecars_from_json(self._store.get(info.key)).files
            except (KeyMissing, ValueError):
                continue

    def _hash_of(self, info: ObjectInfo) -> str:
        """Return the recorded SHA-256 of a file; that of its bytes if none is recorded.

        A file of another size than its only record keeps the recorded hash, so that the bag shows
        that it has changed.
        """
        query = "SELECT DISTINCT sha256, size_bytes, etag FROM recorded WHERE key = ?"
        found = self._database.execute(query, (info.key,)).fetchall()
        if len({sha256 for sha256, _, _ in found}) > 1:
            # Jobs with other options wrote it again; only one record is about the file as it is.
            etag = self._store.head(info.key).etag
            same = [row for row in found if row[1] == info.size_bytes]
            found = [row for row in same if row[2] == etag] or same
        if len({sha256 for sha256, _, _ in found}) == 1:
            return str(found[0][0])
        with self._store.open(info.key) as reader:
            return sha256_of(reader)
