"""Find files that no record refers to; candidates are kept on disk while all records are read."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Literal

from colorworker.domain.records import FilmInfo, Record, record_from_json, record_to_json
from colorworker.state import UNITS, all_records, unit_of
from colorworker.store.objectstore import Leftover, ObjectInfo, ObjectStore

_CACHE_KIB = 4 << 10
"""Size of SQLite's page cache, however many records there are."""
_SCHEMA = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{_CACHE_KIB};
CREATE TABLE units (unit_id PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE thumbnails (key PRIMARY KEY, size_bytes, modified_at) WITHOUT ROWID;
CREATE TABLE uploads (upload_id PRIMARY KEY, key, size_bytes, modified_at, is_ours) WITHOUT ROWID;
CREATE INDEX uploads_of ON uploads (key);
CREATE TABLE parts (unit_id PRIMARY KEY, key, size_bytes, modified_at, film) WITHOUT ROWID;
"""


OrphanKind = Literal[
    "attempt",
    "part",
    "temporary file",
    "empty folder",
    "upload",
    "thumbnail",
    "sidecar record",
    "report",
]


@dataclass(frozen=True)
class Orphan:
    """A leftover file, folder or upload that is not needed."""

    kind: OrphanKind
    key: str
    size_bytes: int
    modified_at: float
    """POSIX seconds."""


class OrphanCandidates:
    """Possible orphans in a temporary SQLite database, which spills to disk as it grows."""

    def __init__(self, store: ObjectStore) -> None:
        """Create an empty database; no request is sent yet."""
        self._store = store
        # An empty name is a temporary database: https://www.sqlite.org/inmemorydb.html
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._has_candidates = False

    def close(self) -> None:
        """Remove the database."""
        self._database.close()

    def list_units(self) -> None:
        """List which units have a record, without reading the records."""
        ids = ((unit_of(info.key),) for info in self._store.list(UNITS))
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO units VALUES (?)", ids)
        self._database.execute("COMMIT")

    def has_record(self, info: ObjectInfo) -> bool:
        """Return whether the unit that an object is named after had a record in `list_units`."""
        query = "SELECT 1 FROM units WHERE unit_id = ?"
        return self._database.execute(query, (unit_of(info.key),)).fetchone() is not None

    def add_thumbnail(self, info: ObjectInfo) -> None:
        """Add a thumbnail, unless its unit has a record."""
        if not self.has_record(info):
            row = (info.key, info.size_bytes, info.modified_at)
            self._database.execute("INSERT OR REPLACE INTO thumbnails VALUES (?, ?, ?)", row)
            self._has_candidates = True

    def add_upload(self, upload: Leftover) -> None:
        """Add an upload whose key may be an output of a job."""
        row = (upload.upload_id, upload.key, upload.size_bytes, upload.modified_at)
        self._database.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, FALSE)", row)
        self._has_candidates = True

    def add_part(self, unit_id: str, info: ObjectInfo) -> None:
        """Add a unit's committed attempt that is not published: a part, or the result of a scan."""
        row = (unit_id, info.key, info.size_bytes, info.modified_at)
        self._database.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, NULL)", row)
        self._has_candidates = True

    def check_records(self) -> None:
        """Read all records if there are candidates: drop thumbnails in use, mark own uploads."""
        if not self._has_candidates:
            return
        for record in all_records(self._store):
            shown = {record.thumbnail_key, *record.all_thumbnail_keys}
            self._database.executemany(
                "DELETE FROM thumbnails WHERE key = ?", [(key,) for key in shown]
            )
            self._database.execute(
                "UPDATE uploads SET is_ours = TRUE WHERE key = ?", (record.output_key,)
            )
            if isinstance(record.info, FilmInfo) and record.info.joined:
                joined = record.info.joined
                film = record_to_json(replace(record, info=None))
                self._database.executemany(
                    "UPDATE parts SET film = ? WHERE unit_id = ?", [(film, each) for each in joined]
                )

    def thumbnails(self) -> Iterator[ObjectInfo]:
        """Yield the thumbnails that no record refers to."""
        with closing(self._database.cursor()) as rows:
            for key, size_bytes, modified_at in rows.execute("SELECT * FROM thumbnails"):
                yield ObjectInfo(key, size_bytes, "", modified_at=modified_at)

    def joined_parts(self) -> Iterator[tuple[ObjectInfo, Record]]:
        """Yield the parts that were joined into a film, with the film's record."""
        query = "SELECT key, size_bytes, modified_at, film FROM parts WHERE film IS NOT NULL"
        with closing(self._database.cursor()) as rows:
            for key, size_bytes, modified_at, film in rows.execute(query):
                info = ObjectInfo(key, size_bytes, "", modified_at=modified_at)
                yield info, record_from_json(film)

    def uploads(self) -> Iterator[Leftover]:
        """Yield the uploads whose key is the output of a record."""
        query = "SELECT key, size_bytes, modified_at, upload_id FROM uploads WHERE is_ours"
        with closing(self._database.cursor()) as rows:
            for row in rows.execute(query):
                yield Leftover("upload", *row)
