"""Every source of a job in a scratch file: sorted by key, and each with an output name of its own.

    with closing(Catalog(folder, extension)) as catalog:
        catalog.fill(entries)              # in any order, from any number of sources
        for entry in catalog.entries(): ...

Names can be given only when all sources are known, and stores do not promise an order. SQLite does
both in a file and a page cache of fixed size. Nothing is ever recovered from the file.
"""

import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from colorworker.domain.entries import Entry
from colorworker.domain.outputkeys import output_key, suffix_of
from colorworker.errors import (
    ColorworkerError,
    KeyRefused,
    LineRefused,
    OutputCollision,
    UsageError,
)
from colorworker.inputs import sqltables
from colorworker.inputs.sqltables import entry_of, loaded, stored
from colorworker.store.keys import check_key, printable
from colorworker.store.objectstore import ObjectInfo


class ResolvedLine(NamedTuple):
    """What a line of a manifest has come to: an entry, or the reason why it is none."""

    file: str
    number: int
    entry: Entry | None = None
    error: ColorworkerError | None = None

    @property
    def place(self) -> str:
        """How the line is called."""
        return f"{self.file}, line {self.number}"


class Catalog:
    """Holds one scratch file, which is gone when this is closed."""

    def __init__(self, folder: Path, extension: Callable[[Entry], str]) -> None:
        """Begin an empty one.

        Args:
            folder: Where the scratch file may lie; about 200 bytes a source and its names' lengths
                twice.
            extension: From a source to its output's extension, with the dot.
        """
        self._extension = extension
        self._files: list[str] = []
        """Of manifests, by the numbers that rows have for them."""
        self._path = folder / f"{uuid.uuid4().hex}.sqlite"
        with self._on_disk():
            self._database = sqlite3.connect(self._path, isolation_level=None)
            self._database.executescript(sqltables.SCHEMA)

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
            self._database.executemany(sqltables.ADD, (self._row(entry) for entry in entries))
            self._database.execute("COMMIT")

    def fill_lines(self, lines: Iterable[ResolvedLine], root: str) -> None:
        """Take in what a manifest says; an object that is named twice is a failed line.

        Args:
            lines: Of the manifest, whose entries may lack size, ETag and kind.
            root: Where the manifest lies: that of the lines that name no object.

        Raises:
            UsageError: If the scratch file cannot be written.
        """
        with self._on_disk():
            self._database.execute("BEGIN")
            for line in lines:
                if line.entry is not None and self._add(line.entry, line):
                    continue
                error = line.error or self._named_before(line)
                self._add(_failed(Entry(root, line.place, 0, ""), error), line)
            self._database.execute("COMMIT")

    def folders_without_etag(self, root: str, at_least: int) -> list[tuple[str, int]]:
        """Return the folders of so many entries of a store whose ETag is not known, and how many.

        A folder that is interrupted by one below it, in the order of keys, may be there twice.
        """
        with self._on_disk(), closing(self._database.cursor()) as rows:
            keys = (
                loaded(key) for (key,) in rows.execute(sqltables.KEYS_WITHOUT_ETAG, (stored(root),))
            )
            grouped = groupby(keys, key=lambda key: key[: key.rfind("/") + 1])
            counted = ((folder, sum(1 for _ in named)) for folder, named in grouped)
            return [(folder, count) for folder, count in counted if count >= at_least]

    def found(self, root: str, infos: Iterable[ObjectInfo]) -> None:
        """Note what a store says of objects, for those of them that are here without an ETag."""
        where = stored(root)
        with self._on_disk():
            self._database.execute("BEGIN")
            self._database.executemany(
                sqltables.FOUND,
                ((info.size_bytes, stored(info.etag), stored(info.key), where) for info in infos),
            )
            self._database.execute("COMMIT")

    def complete(self, complete: Callable[[Sequence[Entry]], Iterable[Entry]], page: int) -> None:
        """Replace what lacks ETag or kind by what `complete` makes of it, so many at a time.

        What has failed then names the line that it comes from.
        """
        last: tuple[object, object] = (b"", b"")
        with self._on_disk():
            while rows := self._database.execute(sqltables.INCOMPLETE, (*last, page)).fetchall():
                entries = [entry_of(values) for *values, _, _ in rows]
                self._database.execute("BEGIN")
                for entry, (*_, file, number) in zip(complete(entries), rows, strict=True):
                    self._database.execute(sqltables.PUT, self._completed(entry, file, number))
                self._database.execute("COMMIT")
                last = (stored(entries[-1].key), stored(entries[-1].root))

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, sorted by key and root; those to be done have their output's key.

        Where two sources would meet in one name, both keep their extension in front. Those with the
        very same key cannot be told apart by that: the first has the name. Whoever has asked for a
        name has it before all others. What is left without one of its own has failed, and says so.
        """
        with self._on_disk(), closing(self._database.cursor()) as rows:
            rows.execute("DELETE FROM names")
            rows.execute(sqltables.COUNT_NAMES)
            key, given = "", set[str]()
            for *values, plain, meetings, asked_by in rows.execute(sqltables.ALL):
                entry = entry_of(values)
                if entry.key != key:
                    key, given = entry.key, set()
                if plain is None:
                    yield entry
                    continue
                name = loaded(plain)
                if entry.output_key:
                    name = name if loaded(asked_by) == key and name not in given else ""
                elif meetings > 1:
                    name = self._longer_name(entry, plain, given, asked=asked_by is not None)
                given.add(name)
                yield _named(entry, name)

    def _row(self, entry: Entry) -> list[Any]:
        values = [stored(value) for value in vars(entry).values()]
        named = entry.kind and not entry.outcome
        plain = stored(self._name(entry, longer=False)) if named else None
        return [*values, plain, None, None]

    def _add(self, entry: Entry, line: ResolvedLine) -> bool:
        """Add the entry of a line; False if there is one of that key."""
        if not self._files or self._files[-1] != line.file:
            self._files.append(line.file)
        row = self._row(self._asked(entry, line))
        row[-2:] = len(self._files) - 1, line.number
        return self._database.execute(sqltables.ADD, row).rowcount == 1

    def _named_before(self, line: ResolvedLine) -> ColorworkerError:
        """Return what is wrong with a line whose object is there already."""
        if line.entry is None:
            raise ValueError("neither an entry nor an error")
        place = (stored(line.entry.key), stored(line.entry.root))
        ((file, number),) = self._database.execute(sqltables.PLACE, place)
        by = "another source" if file is None else f"{self._files[file]}, line {number}"
        return LineRefused(
            line.place,
            f"{printable(line.entry.key)} was named before, by {by}",
            "Leave one of them out; a second version or outcome of it needs a job of its own",
        )

    def _completed(self, entry: Entry, file: int | None, number: int | None) -> list[Any]:
        """Return the row of an entry that was incomplete; of a failed one, the line is named."""
        if file is not None and number is not None:
            line = ResolvedLine(self._files[file], number)
            if entry.outcome == "failed":
                entry = replace(entry, error=f"{line.place}: {entry.error}")
            entry = self._asked(entry, line)
        row = self._row(entry)
        row[-2:] = file, number
        return row

    def _asked(self, entry: Entry, line: ResolvedLine) -> Entry:
        """Return the entry, failed if the name that it asks for is of another format."""
        if not entry.output_key or not entry.kind or entry.outcome:
            return entry
        extension = self._extension(entry)
        if suffix_of(entry.output_key).lower() == extension.lower():
            return entry
        refused = LineRefused(
            line.place,
            f"the output {printable(entry.output_key)} of {printable(entry.key)} would be a"
            f" {extension}",
            "Name it so, or leave the output out",
        )
        return _failed(entry, refused)

    def _name(self, entry: Entry, *, longer: bool) -> str:
        if entry.output_key:
            return entry.output_key
        return output_key(entry.key, self._extension(entry), keep_extension=longer)

    def _longer_name(self, entry: Entry, plain: bytes, given: set[str], *, asked: bool) -> str:
        """Return the name that keeps the source's extension; empty if it is not free either.

        Longer names of different keys differ. So only those given to the same key, from other
        roots, have to be remembered, and the other plain names to be looked at.
        """
        name = self._name(entry, longer=True)
        if name in given:
            return ""
        if stored(name) == plain:
            return "" if asked else name
        query = "SELECT 1 FROM names WHERE plain = ?"
        return "" if self._database.execute(query, (stored(name),)).fetchone() else name

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
    return replace(entry, outcome="failed", error_code=error.code, error=str(error), output_key="")
