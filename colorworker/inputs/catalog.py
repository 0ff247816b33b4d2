"""All sources of a job in a scratch file, sorted by key, each with a unique output name.

    with closing(Catalog(folder, extension)) as catalog:
        catalog.add_listing(entries)              # in any order, from any number of sources
        for entry in catalog.entries(): ...

Output names can be assigned only when all sources are known, and stores list in no promised order.
SQLite sorts and names them in a file, with a page cache of fixed size: a million sources take no
more memory than ten. The file is never used to recover anything.
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
from colorworker.domain.outputkeys import numbered_key, output_key, suffix_of
from colorworker.domain.sequences import parse_pattern, sequence_rate
from colorworker.errors import (
    ColorworkerError,
    KeyRefused,
    LineRefused,
    OutputCollision,
    UsageError,
)
from colorworker.inputs import sqltables
from colorworker.inputs.classify import with_outcome
from colorworker.inputs.manifestlines import line_label
from colorworker.inputs.sqltables import entry_from_row, from_sql, to_sql
from colorworker.store.keys import check_key, printable
from colorworker.store.objectstore import ObjectInfo


class ResolvedLine(NamedTuple):
    """A manifest line: the entry that it names, or the error if it names none."""

    file: str
    number: int
    entry: Entry | None = None
    error: ColorworkerError | None = None

    @property
    def label(self) -> str:
        """File name and line number, for messages."""
        return line_label(self.file, self.number)


class Catalog:
    """Owns one scratch file, which `close` removes."""

    def __init__(
        self, folder: Path, extension: Callable[[Entry], str], alike: Callable[[str], str] = str
    ) -> None:
        """Create an empty catalog.

        Args:
            folder: Folder for the scratch file. A source takes about 200 bytes plus twice the
                length of its names.
            extension: Returns the extension of an entry's output, with the dot.
            alike: Returns the same text for all output names that the destination may take for one.
        """
        self._alike = alike
        self._extension = extension
        self._files: list[str] = []
        """Manifest files; rows refer to them by index."""
        self._path = folder / f"{uuid.uuid4().hex}.sqlite"
        with self._on_disk():
            self._database = sqlite3.connect(self._path, isolation_level=None)
            self._database.executescript(sqltables.SCHEMA)

    def close(self) -> None:
        """Remove the scratch file."""
        self._database.close()
        self._path.unlink(missing_ok=True)

    def add_listing(self, entries: Iterable[Entry]) -> None:
        """Add the entries of a listing; an object that is listed twice counts once.

        Raises:
            UsageError: If the scratch file cannot be written.
        """
        with self._on_disk():
            self._database.execute("BEGIN")
            self._database.executemany(sqltables.ADD, (self._row(entry) for entry in entries))
            self._database.execute("COMMIT")

    def add_manifest(self, lines: Iterable[ResolvedLine], root: str) -> None:
        """Add the lines of a manifest; a line that names an object again becomes a failed entry.

        Args:
            lines: The manifest's lines; their entries may lack size, ETag and kind.
            root: Store in which the manifest lies: the root of lines that name no object.

        Raises:
            UsageError: If the scratch file cannot be written.
        """
        with self._on_disk():
            self._database.execute("BEGIN")
            for line in lines:
                if line.entry is not None and self._add(line.entry, line):
                    continue
                error = line.error or self._duplicate_error(line)
                self._add(with_outcome(Entry(root, line.label, 0, ""), "failed", error), line)
            self._database.execute("COMMIT")

    def folders_without_etag(self, root: str, at_least: int) -> list[tuple[str, int]]:
        """Return (folder, entries without ETag) for folders with at least `at_least` such entries.

        A folder may be returned twice if the keys of a subfolder sort between its own.
        """
        with self._on_disk(), closing(self._database.cursor()) as rows:
            keys = (
                from_sql(key)
                for (key,) in rows.execute(sqltables.KEYS_WITHOUT_ETAG, (to_sql(root),))
                for (key,) in rows.execute(sqltables.KEYS_WITHOUT_ETAG, (to_sql(root),))
            )
            grouped = groupby(keys, key=lambda key: key[: key.rfind("/") + 1])
            counted = ((folder, sum(1 for _ in named)) for folder, named in grouped)
            return [(folder, count) for folder, count in counted if count >= at_least]

    def update_from_listing(self, root: str, infos: Iterable[ObjectInfo]) -> None:
        """Fill in size and ETag of those listed objects whose entries have no ETag yet."""
        where = to_sql(root)
        with self._on_disk():
            self._database.execute("BEGIN")
            self._database.executemany(
                sqltables.UPDATE_LISTED,
                ((info.size_bytes, to_sql(info.etag), to_sql(info.key), where) for info in infos),
            )
            self._database.execute("COMMIT")

    def complete_entries(
        self, complete: Callable[[Sequence[Entry]], Iterable[Entry]], page: int
    ) -> None:
        """Replace the entries that lack ETag or kind by the results of `complete`.

        `page` entries are passed to `complete` at a time. The error of an entry that fails then
        names its manifest line.
        """
        last: tuple[object, object] = (b"", b"")
        with self._on_disk():
            while rows := self._database.execute(sqltables.INCOMPLETE, (*last, page)).fetchall():
                entries = [entry_from_row(values) for *values, _, _ in rows]
                self._database.execute("BEGIN")
                for entry, (*_, file, number) in zip(complete(entries), rows, strict=True):
                    self._database.execute(sqltables.PUT, self._completed_row(entry, file, number))
                self._database.execute("COMMIT")
                last = (to_sql(entries[-1].key), to_sql(entries[-1].root))

    def entries(self) -> Iterator[Entry]:
        """Yield all entries sorted by key and root; those to be done have their output key.

        If two sources would get the same output name, they keep an extension that differs from the
        output's in front of it. If that name is taken too, digits are appended to the source's. Of
        two sources with the same key, the first gets the name, and the other is failed. Requested
        names take precedence; if two entries request the same one, the second is failed.
        """
        with self._on_disk(), closing(self._database.cursor()) as rows:
            rows.execute("DELETE FROM names")
            rows.execute("DELETE FROM taken")
            rows.execute(sqltables.COUNT_NAMES)
            for *values, plain, uses, requested in rows.execute(sqltables.ALL):
                entry = entry_from_row(values)
                if plain is None:
                    yield entry
                elif uses == 1:
                    yield _with_output_key(entry, self._name(entry))
                elif entry.output_key:
                    yield self._with_requested_key(entry, plain)
                else:
                    yield self._with_unique_key(entry, plain, is_requested=bool(requested))

    def _row(self, entry: Entry) -> list[Any]:
        values = [to_sql(value) for value in vars(entry).values()]
        is_named = entry.kind and not entry.outcome
        plain = to_sql(self._alike(self._name(entry))) if is_named else None
        return [*values, plain, None, None]

    def _add(self, entry: Entry, line: ResolvedLine) -> bool:
        """Add the entry of a line; return False if that key is taken."""
        if not self._files or self._files[-1] != line.file:
            self._files.append(line.file)
        row = self._row(self._checked_output(entry, line))
        row[-2:] = len(self._files) - 1, line.number
        return self._database.execute(sqltables.ADD, row).rowcount == 1

    def _duplicate_error(self, line: ResolvedLine) -> ColorworkerError:
        """Return the error of a line that names an object a second time."""
        if line.entry is None:
            raise ValueError("neither an entry nor an error")
        where = (to_sql(line.entry.key), to_sql(line.entry.root))
        ((file, number),) = self._database.execute(sqltables.LINE_OF_KEY, where)
        by = "another source" if file is None else line_label(self._files[file], number)
        return LineRefused(
            line.label,
            f"{printable(line.entry.key)} was already named by {by}",
            "Remove one of them; a second version or output of it needs a separate job",
        )

    def _completed_row(self, entry: Entry, file: int | None, number: int | None) -> list[Any]:
        """Return the row of an entry that was incomplete; a failure names the line."""
        if file is not None and number is not None:
            line = ResolvedLine(self._files[file], number)
            if entry.outcome == "failed":
                entry = replace(entry, error=f"{line.label}: {entry.error}")
            entry = self._checked_output(entry, line)
        row = self._row(entry)
        row[-2:] = file, number
        return row

    def _checked_output(self, entry: Entry, line: ResolvedLine) -> Entry:
        """Return the entry, failed if the output name it requests has the wrong extension."""
        if not entry.output_key or not entry.kind or entry.outcome:
            return entry
        extension = self._extension(entry)
        if suffix_of(entry.output_key).lower() == extension.lower():
            return entry
        refused = LineRefused(
            line.label,
            f"the output {printable(entry.output_key)} of {printable(entry.key)} would be a"
            f" {extension}",
            f"Use the extension {extension}, or omit the output",
        )
        return with_outcome(entry, "failed", refused)

    def _name(self, entry: Entry) -> str:
        if entry.output_key:
            return entry.output_key
        return output_key(_name_of(entry), self._extension(entry), keep_extension=False)

    def _with_requested_key(self, entry: Entry, plain: bytes) -> Entry:
        owner = self._database.execute(sqltables.OWNER, (plain,)).fetchone()
        if owner == (to_sql(entry.key), to_sql(entry.root)):
            return _with_output_key(entry, entry.output_key)
        return _collided(entry, entry.output_key, owner, "Give one of them another output")

    def _with_unique_key(self, entry: Entry, plain: bytes, *, is_requested: bool) -> Entry:
        """Return the entry with a name that no other gets; failed if its key was named before."""
        extension = self._extension(entry)
        has_extension = suffix_of(entry.key).lower() == extension
        name = output_key(_name_of(entry), extension, keep_extension=not has_extension)
        owner = self._take(entry, name, own="" if is_requested else from_sql(plain))
        if owner and owner[0] != to_sql(entry.key):
            name = numbered_key(_name_of(entry), extension)
            owner = self._take(entry, name)
        if owner:
            return _collided(entry, name, owner, f"Color {entry.root} into another destination")
        return _with_output_key(entry, name)

    def _take(self, entry: Entry, name: str, own: str = "") -> Sequence[Any]:
        """Give the entry a name; return key and root of the owner if it belongs to another.

        Args:
            entry: The entry.
            name: The name; a plain name of other entries is theirs, whether they get it or not.
            own: The entry's own plain name, if nobody requests it.
        """
        alike = self._alike(name)
        owner = self._database.execute(sqltables.OWNER, (to_sql(alike),)).fetchone()
        if owner and alike != own:
            return tuple(owner)
        row = to_sql(alike), to_sql(entry.key), to_sql(entry.root)
        if self._database.execute(sqltables.TAKE, row).rowcount == 1:
            return ()
        return tuple(self._database.execute(sqltables.TAKEN_BY, row[:1]).fetchone())

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UsageError(
                str(self._path.parent),
                f"the list of sources cannot be written there ({error})",
                "Free some space, or set COLORWORKER_RUN__SCRATCH to another folder",
            ) from error


def _name_of(entry: Entry) -> str:
    """Return the key that the output is named after."""
    pattern = parse_pattern(entry.key) if sequence_rate(entry.version) else None
    return pattern.film_key if pattern else entry.key


def _with_output_key(entry: Entry, name: str) -> Entry:
    try:
        check_key(name)
    except KeyRefused as error:
        return with_outcome(entry, "failed", error)
    # Like `replace`, at a quarter of the cost.
    return Entry(**{**vars(entry), "output_key": name})


def _collided(entry: Entry, name: str, owner: Sequence[Any], next_step: str) -> Entry:
    """Return the entry as failed, because its output would replace that of another source.

    Args:
        entry: The entry.
        name: The output's name.
        owner: Key and root of the other source, as column values.
        next_step: What to do about it.
    """
    key, root = map(from_sql, owner)
    collision = OutputCollision(
        printable(entry.key),
        f"its output {printable(name)} would replace that of {printable(key)} in {root} (this one"
        f" is in {entry.root})",
        next_step,
    )
    return with_outcome(entry, "failed", collision)
