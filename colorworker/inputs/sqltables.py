"""The SQLite tables of a catalog: SQL statements, and conversion of column values."""

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from colorworker.domain.entries import Entry

CACHE_KIB = 4 << 10
"""Size of SQLite's page cache: the memory for sorting and naming, however many sources."""
FIELDS = tuple(field.name for field in fields(Entry))
COLUMNS = ", ".join(FIELDS)
SCHEMA = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -{CACHE_KIB};
CREATE TABLE entries ({COLUMNS}, plain, file, line, PRIMARY KEY (key, root)) WITHOUT ROWID;
CREATE TABLE names (plain PRIMARY KEY, uses, key, root, requested) WITHOUT ROWID;
CREATE TABLE taken (name PRIMARY KEY, key, root) WITHOUT ROWID;
"""
VALUES = f"entries VALUES ({', '.join('?' * (len(FIELDS) + 3))})"
ADD = f"INSERT OR IGNORE INTO {VALUES}"
PUT = f"REPLACE INTO {VALUES}"
# A name belongs to the first source that requests it, else to the first whose plain name it is.
COUNT_NAMES = """
INSERT INTO names
SELECT plain, 1, key, root, output_key != x'' FROM entries WHERE plain IS NOT NULL
ORDER BY key, root
ON CONFLICT DO UPDATE SET
uses = uses + 1,
key = iif(excluded.requested > requested, excluded.key, key),
root = iif(excluded.requested > requested, excluded.root, root),
requested = max(requested, excluded.requested)
"""
OWNER = "SELECT key, root FROM names WHERE plain = ?"
TAKE = "INSERT OR IGNORE INTO taken VALUES (?, ?, ?)"
TAKEN_BY = "SELECT key, root FROM taken WHERE name = ?"
# A listing knows only the latest version, so entries that name a version are left alone.
UPDATE_LISTED = """
UPDATE entries SET size_bytes = ?, etag = ?
WHERE key = ? AND root = ? AND etag = x'' AND version = x''
"""
LINE_OF_KEY = "SELECT file, line FROM entries WHERE key = ? AND root = ?"
WITHOUT_ETAG = "outcome = x'' AND etag = x'' AND version = x''"
KEYS_WITHOUT_ETAG = f"SELECT key FROM entries WHERE root = ? AND {WITHOUT_ETAG} ORDER BY key"  # noqa: S608
INCOMPLETE = f"""
SELECT {COLUMNS}, file, line FROM entries
WHERE file IS NOT NULL AND outcome = x'' AND (etag = x'' OR kind IS NULL)
AND (key, root) > (?, ?)
ORDER BY key, root LIMIT ?
"""  # noqa: S608 - the names of our own fields
# Both tables are read in the order of their primary keys. A sort would make SQLite write temporary
# files to a folder that we do not control.
ALL = f"""
SELECT {", ".join(f"entries.{name}" for name in FIELDS)}, plain, uses, requested
FROM entries LEFT JOIN names USING (plain)
ORDER BY entries.key, entries.root
"""  # noqa: S608 - the names of our own fields


def to_sql(value: object) -> object:
    """Return a field as a column value.

    Text becomes bytes: SQLite takes no lone surrogates, and compares bytes as Python does.
    """
    if isinstance(value, tuple):
        return json.dumps(value) if value else None
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def from_sql(value: Any) -> Any:
    """Return the field that `to_sql` converted; not for own options, see `entry_from_row`."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def entry_from_row(values: Sequence[Any]) -> Entry:
    """Return the entry of a row of COLUMNS."""
    *plain, own_options, version = values
    changes = tuple(map(tuple, json.loads(own_options))) if own_options else ()
    return Entry(*[*map(from_sql, plain), changes, from_sql(version)])
