"""Every source of a job in a scratch file: sorted by key, and each with an output name of its own.

    with Catalogue(folder, extension) as catalogue:
        catalogue.fill(entries)              # in any order, from any number of sources
        for entry in catalogue.entries(): ...

Names can be given only when all sources are known, and stores do not promise an order. SQLite does
both in a file and a page cache of fixed size. Nothing is ever recovered from the file.
"""

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from colorworker.errors import ColorworkerError, KeyRefused, OutputCollision, UsageError
from colorworker.store.keys import check_key
from colorworker.work.manifest import Entry
from colorworker.work.naming import output_key

_CACHE_KIB = 4 << 10
"""Of SQLite's page cache: what sorting and naming take, however many sources there are."""
_FIELDS = tuple(field.name for field in fields(Entry))
_COLUMNS = ", ".join(_FIELDS)
_SCHEMA = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -{_CACHE_KIB};
CREATE TABLE entries ({_COLUMNS}, plain, PRIMARY KEY (key, root)) WITHOUT ROWID;
CREATE TABLE names (plain PRIMARY KEY, meetings) WITHOUT ROWID;
"""
_ADD = f"INSERT OR IGNORE INTO entries VALUES ({', '.join('?' * (len(_FIELDS) + 1))})"  # noqa: S608 - no input in it
_COUNT_NAMES = """
INSERT INTO names SELECT plain, 1 FROM entries WHERE plain IS NOT NULL
ON CONFLICT DO UPDATE SET meetings = meetings + 1
"""
# Both tables are walked and sought by their keys: nothing is sorted, which SQLite would do in
# temporary files of its own choice.
_ALL = f"""
SELECT {_COLUMNS}, entries.plain, meetings FROM entries LEFT JOIN names USING (plain)
ORDER BY key, root
"""  # noqa: S608 - the names of our own fields


class Catalogue:
    """Holds one scratch file, which is gone when this is closed."""

    def __init__(self, folder: Path, extension: Callable[[Entry], str]) -> None:
        """Begin an empty one.

        Args:
            folder: Where the scratch file may lie; about 200 bytes a source and its names' lengths
                twice.
            extension: From a source to its output's extension, with the dot.
        """
        self._extension = extension
        self._path = folder / f"{uuid.uuid4().hex}.sqlite"
        with self._on_disk():
            self._database = sqlite3.connect(self._path, isolation_level=None)
            self._database.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the scratch file."""
        self._database.close()
        self._path.unlink(missing_ok=True)

    def fill(self, entries: Iterable[Entry]) -> None:
        """Take in what a listing says; an object that is listed twice counts once.

        Raises:
            UsageError: If the scratch file cannot be written.
        """
        with self._on_disk():
            self._database.execute("BEGIN")
            self._database.executemany(_ADD, (self._row(entry) for entry in entries))
            self._database.execute("COMMIT")

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, sorted by key and root; those to be done have their output's key.

        Where two sources would meet in one name, both keep their extension in front. Those with the
        very same key cannot be told apart by that: the first has the name. What is left without a
        name of its own has failed, and says so.
        """
        with self._on_disk(), closing(self._database.cursor()) as rows:
            rows.execute("DELETE FROM names")
            rows.execute(_COUNT_NAMES)
            key, given = "", set[str]()
            for *values, plain, meetings in rows.execute(_ALL):
                entry = _entry(values)
                if entry.key != key:
                    key, given = entry.key, set()
                if plain is None:
                    yield entry
                    continue
                name = _loaded(plain) if meetings == 1 else self._longer_name(entry, plain, given)
                given.add(name)
                yield _named(entry, name)

    def _row(self, entry: Entry) -> list[Any]:
        values = [_stored(value) for value in vars(entry).values()]
        return [*values, None if entry.outcome else _stored(self._name(entry, longer=False))]

    def _name(self, entry: Entry, *, longer: bool) -> str:
        return output_key(entry.key, self._extension(entry), keep_extension=longer)

    def _longer_name(self, entry: Entry, plain: bytes, given: set[str]) -> str:
        """Return the name that keeps the source's extension; empty if it is not free either.

        Longer names of different keys differ. So only those given to the same key, from other
        roots, have to be remembered, and the other plain names to be looked at.
        """
        name = self._name(entry, longer=True)
        if name in given:
            return ""
        stored = _stored(name)
        if stored == plain:
            return name
        query = "SELECT 1 FROM names WHERE plain = ?"
        return "" if self._database.execute(query, (stored,)).fetchone() else name

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UsageError(
                str(self._path.parent),
                f"the plan of the job cannot be held there ({error})",
                "Make room, or name another folder in COLORWORKER_RUN__SCRATCH",
            ) from error


def _named(entry: Entry, name: str) -> Entry:
    if not name:
        collision = OutputCollision(
            entry.key,
            f"another source of this job has the same name ({entry.root} comes second)",
            "Run it into another destination",
        )
        return _failed(entry, collision)
    try:
        check_key(name)
    except KeyRefused as error:
        return _failed(entry, error)
    # What `replace` does, at a quarter of its cost.
    return Entry(**{**vars(entry), "output_key": name})


def _failed(entry: Entry, error: ColorworkerError) -> Entry:
    return replace(entry, outcome="failed", error_code=error.code, error=str(error))


def _stored(value: object) -> object:
    """Return text as bytes: SQLite takes no lone surrogates, and compares bytes as Python does."""
    if isinstance(value, tuple):
        return json.dumps(value) if value else None
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _entry(values: Sequence[Any]) -> Entry:
    found = dict(zip(_FIELDS, map(_loaded, values), strict=True))
    changes = json.loads(found["own_options"] or "[]")
    return Entry(**{**found, "own_options": tuple(map(tuple, changes))})


def _loaded(value: Any) -> Any:
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value
