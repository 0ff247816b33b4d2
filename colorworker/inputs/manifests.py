"""Open a manifest (a list of objects that somebody else wrote): its format, files and root."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from colorworker.errors import KeyMissing, LineRefused, UsageError
from colorworker.inputs.csvrows import BUCKET, BatchRows, is_heading, split_row
from colorworker.inputs.inventory import inventory_lines, read_inventory
from colorworker.inputs.jsonlines import ItemRows, bucket_and_key, parse_item
from colorworker.inputs.manifestlines import (
    ManifestEntry,
    ParseLine,
    RefusedLine,
    line_label,
    parse_lines,
)
from colorworker.inputs.manifesturi import parse_manifest_uri
from colorworker.inputs.scope import Scope
from colorworker.store.keys import printable
from colorworker.store.objectstore import OpenStore
from colorworker.store.openstore import S3_SCHEME

_FORMATS = {".csv": "csv", ".json": "inventory", ".jsonl": "items", ".ndjson": "items"}


@dataclass(frozen=True)
class Manifest:
    """A list of objects below one root. Its lines can be read several times."""

    folder: str
    """URI of the store in which the manifest lies."""
    name: str
    """Its key there."""
    root: str
    """Store URI or folder path to which its keys are relative."""
    lines: Callable[[], Iterator[tuple[str, ManifestEntry | RefusedLine]]]
    """Yields each line with the name of its file.

    Raises UsageError if a file turns out to be incomplete, or not to match its checksum."""


def open_manifest(source: str, opened: OpenStore) -> Manifest:
    """Return the manifest that a source names, after reading its beginning.

    Args:
        source: `manifest:LOCATION#root=ROOT`. The extension gives the format: `.csv` (S3 Batch
            Operations), `.json` (S3 Inventory), `.jsonl`, also `.csv.gz` and `.jsonl.gz`.
        opened: Opens the store of a URI.

    Raises:
        UsageError: If the file does not exist, or does not begin as its format requires.
    """
    uri, root = parse_manifest_uri(source)
    folder, name = _folder_and_name(uri)
    kind = next((kind for end, kind in _FORMATS.items() if _without_gz(name).endswith(end)), None)
    if kind is None or (kind == "inventory" and name != _without_gz(name)):
        raise UsageError(
            uri,
            "its extension names no manifest format",
            "Use .csv (S3 Batch Operations), .json (S3 Inventory) or .jsonl (one object per line)",
        )
    root = root if "://" in root or not root else str(Path(root).absolute())
    if kind == "inventory":
        return _inventory(folder, name, root, opened)
    store = opened(folder)
    with closing(store):
        try:
            etag, lies_in = store.list_one(name).etag, store.uri
        except KeyMissing as error:
            raise UsageError(uri, "there is no such manifest", "Check the path") from error
    file = _ManifestFile(folder, name, etag, opened)
    first = file.first()
    if kind == "csv":
        scope, parse = _batch_format(name, first, root)
    else:
        scope = Scope(root or _root_of_item(first) or folder)
        parse = ItemRows(scope)
    return Manifest(lies_in, name, scope.root, partial(file.lines, parse))


@dataclass(frozen=True)
class _ManifestFile:
    """A manifest of a single file, pinned to the version that was found."""

    folder: str
    name: str
    etag: str
    opened: OpenStore

    def lines(self, parse: ParseLine) -> Generator[tuple[str, ManifestEntry | RefusedLine]]:
        compressed = self.name != _without_gz(self.name)
        with (
            closing(self.opened(self.folder)) as store,
            store.open(self.name, etag=self.etag) as reader,
            closing(parse_lines(reader, self.name, parse, compressed=compressed)) as found,
        ):
            for line in found:
                yield self.name, line

    def first(self) -> str:
        """Return the text of the first line that is not empty.

        Raises:
            UsageError: If there is no such line, or the file is not text.
        """
        seen: list[str] = []

        def remember(line: int, text: str) -> ManifestEntry:
            seen.append(text)
            return ManifestEntry(line, text)

        with closing(self.lines(remember)) as lines:
            found = next(lines, None)
        if found is None:
            raise UsageError(self.name, "it is empty", "List at least one object in it")
        if isinstance(found[1], RefusedLine):
            raise UsageError(self.name, found[1].error.seen, found[1].error.next_step)
        return seen[0]


def _batch_format(name: str, first: str, root: str) -> tuple[Scope, ParseLine]:
    """Return scope and parser of an S3 Batch Operations manifest, from its first line."""
    label = line_label(name, 1)
    try:
        fields = split_row(first)
    except LineRefused as error:
        raise UsageError(label, error.seen, error.next_step) from error
    if len(fields) > 1 and is_heading(fields):
        raise UsageError(
            label, "it is a header, which manifests of this format do not have", "Remove that line"
        )
    if len(fields) < 2 or not BUCKET.fullmatch(fields[0]):
        raise UsageError(
            label,
            f"{printable(first)!r} is not bucket,key or bucket,key,version",
            "Use the format of S3 Batch Operations, or name the file .jsonl if it is JSON",
        )
    if root and not root.startswith(S3_SCHEME):
        raise UsageError(
            root, "such manifests name buckets", f"Use #root={S3_SCHEME}bucket/prefix, or no root"
        )
    scope = Scope(root or f"{S3_SCHEME}{fields[0]}")
    return scope, BatchRows(scope, len(fields))


def _root_of_item(first: str) -> str:
    """Return the bucket of the first line as a URI; empty if the line names a key only."""
    try:
        item = parse_item(first)
        return f"{S3_SCHEME}{bucket_and_key(item.uri)[0]}" if item.uri else ""
    except LineRefused as error:
        if first.lstrip().startswith("{"):
            # Refused later with its line number, like any other bad line.
            return ""
        raise UsageError("line 1", error.seen, error.next_step) from error


def _inventory(folder: str, name: str, root: str, opened: OpenStore) -> Manifest:
    with closing(opened(folder)) as store:
        inventory, lies_in = read_inventory(store, name), store.uri
    scope = Scope(root or f"{S3_SCHEME}{inventory.source_bucket}")
    return Manifest(lies_in, name, scope.root, partial(inventory_lines, inventory, scope, opened))


def _folder_and_name(uri: str) -> tuple[str, str]:
    """Return (folder, file name)."""
    if "://" not in uri:
        path = Path(os.path.abspath(uri))  # noqa: PTH100 - resolve() would follow links
        return str(path.parent), path.name
    folder, _, name = uri.rpartition("/")
    return folder, name


def _without_gz(name: str) -> str:
    return name.lower().removesuffix(".gz")
