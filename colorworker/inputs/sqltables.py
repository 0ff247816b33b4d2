"""The two tables of a catalog, as SQLite has them: statements, and values in their columns."""

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from colorworker.domain.entries import Entry

CACHE_KIB = 4 << 10
"""Of SQLite's page cache: what sorting and naming take, however many sources there are."""
FIELDS = tuple(field.name for field in fields(Entry))
COLUMNS = ", ".join(FIELDS)
SCHEMA = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -{CACHE_KIB};
CREATE TABLE entries ({COLUMNS}, plain, file, line, PRIMARY KEY (key, root)) WITHOUT ROWID;
CREATE TABLE names (plain PRIMARY KEY, meetings, asked_by) WITHOUT ROWID;
"""
VALUES = f"entries VALUES ({', '.join('?' * (len(FIELDS) + 3))})"
ADD = f"INSERT OR IGNORE INTO {VALUES}"
PUT = f"REPLACE INTO {VALUES}"
COUNT_NAMES = """
INSERT INTO names
SELECT plain, 1, CASE WHEN output_key != x'' THEN key END FROM entries WHERE plain IS NOT NULL
ON CONFLICT DO UPDATE SET meetings = meetings + 1, asked_by = coalesce(asked_by, excluded.asked_by)
"""
# A listing says nothing of earlier versions.
FOUND = """
UPDATE entries SET size_bytes = ?, etag = ?
WHERE key = ? AND root = ? AND etag = x'' AND version = x''
"""
PLACE = "SELECT file, line FROM entries WHERE key = ? AND root = ?"
WITHOUT_ETAG = "outcome = x'' AND etag = x'' AND version = x''"
KEYS_WITHOUT_ETAG = f"SELECT key FROM entries WHERE root = ? AND {WITHOUT_ETAG} ORDER BY key"  # noqa: S608
INCOMPLETE = f"""
SELECT {COLUMNS}, file, line FROM entries
WHERE file IS NOT NULL AND outcome = x'' AND (etag = x'' OR kind IS NULL)
AND (key, root) > (?, ?)
ORDER BY key, root LIMIT ?
"""  # noqa: S608 - the names of our own fields
# Both tables are walked and sought by their keys: nothing is sorted, which SQLite would do in
# temporary files of its own choice.
ALL = f"""
SELECT {COLUMNS}, entries.plain, meetings, asked_by FROM entries LEFT JOIN names USING (plain)
ORDER BY key, root
"""  # noqa: S608 - the names of our own fields


def stored(value: object) -> object:
    """Return text as bytes: SQLite takes no lone surrogates, and compares bytes as Python does."""
    if isinstance(value, tuple):
        return json.dumps(value) if value else None
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def entry_of(values: Sequence[Any]) -> Entry:
    """Return the entry of a row's COLUMNS."""
    *plain, own_options, version = values
    changes = tuple(map(tuple, json.loads(own_options))) if own_options else ()
    return Entry(*[*map(loaded, plain), changes, loaded(version)])


def loaded(value: Any) -> Any:
    """Return what `stored` was given, of everything but options."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value
