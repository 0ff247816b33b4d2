"""From `manifest:...` to the lines of that manifest: its format, its files, its keys' root."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from colorworker.errors import KeyMissing, LineRefused, UsageError
from colorworker.inputs.csvrows import BUCKET, BatchRows, is_heading, split_row
from colorworker.inputs.inventory import inventory_lines, read_inventory
from colorworker.inputs.jsonlines import ItemRows, bucket_and_key, item_of
from colorworker.inputs.manifestlines import ManifestEntry, ParseLine, RefusedLine, parse_lines
from colorworker.inputs.manifesturi import parse_manifest_uri
from colorworker.inputs.scope import Scope
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import S3_SCHEME

Opened = Callable[[str], ObjectStore]

_SIZES = {".csv": "csv", ".json": "inventory", ".jsonl": "items", ".ndjson": "items"}


@dataclass(frozen=True)
class Manifest:
    """A list of objects below one root. Its lines can be gone through several times."""

    folder: str
    """URI of the store that it lies in."""
    name: str
    """Its key there."""
    root: str
    """URI of the store, or path of the folder, that its keys count from."""
    lines: Callable[[], Iterator[tuple[str, ManifestEntry | RefusedLine]]]
    """Yields each line with the name of the file that it stands in.

    Raises UsageError when a file turns out not to be whole, or not what it was said to be."""


def open_manifest(source: str, opened: Opened) -> Manifest:
    """Return the manifest that a source names. Read so far: its beginning.

    Args:
        source: `manifest:LOCATION#root=ROOT`; the format is told by the name's end: `.csv` (S3
            Batch Operations), `.json` (S3 Inventory), `.jsonl`, and `.csv.gz`, `.jsonl.gz`.
        opened: Opens stores.

    Raises:
        UsageError: If there is no such file, or its beginning is not of that format.
    """
    uri, root = parse_manifest_uri(source)
    folder, name = _placed(uri)
    kind = next((kind for end, kind in _SIZES.items() if _plain(name).endswith(end)), None)
    if kind is None or (kind == "inventory" and name != _plain(name)):
        raise UsageError(
            uri,
            "its name says nothing of its format",
            "Name it .csv (S3 Batch Operations), .json (S3 Inventory) or .jsonl (an object a line)",
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
    text = _File(folder, name, etag, opened)
    first = text.first()
    if kind == "csv":
        scope, parse = _batch(text, first, root)
    else:
        scope = Scope(root or _root_of_item(first) or folder)
        parse = ItemRows(scope)
    return Manifest(lies_in, name, scope.root, partial(text.lines, parse))


@dataclass(frozen=True)
class _File:
    """A manifest of one file, in the version that was found."""

    folder: str
    name: str
    etag: str
    opened: Opened

    def lines(self, parse: ParseLine) -> Generator[tuple[str, ManifestEntry | RefusedLine]]:
        compressed = self.name != _plain(self.name)
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
            UsageError: If there is none, or it is no text.
        """
        seen: list[str] = []

        def remember(line: int, text: str) -> ManifestEntry:
            seen.append(text)
            return ManifestEntry(line, text)

        with closing(self.lines(remember)) as lines:
            found = next(lines, None)
        if found is None:
            raise UsageError(self.name, "it is empty", "Name at least one object in it")
        if isinstance(found[1], RefusedLine):
            raise UsageError(self.name, found[1].error.seen, found[1].error.next_step)
        return seen[0]


def _batch(text: _File, first: str, root: str) -> tuple[Scope, ParseLine]:
    """Return scope and format of a manifest of S3 Batch Operations, as its first line says."""
    shown = f"{text.name}, line 1"
    try:
        fields = split_row(first)
    except LineRefused as error:
        raise UsageError(shown, error.seen, error.next_step) from error
    if len(fields) > 1 and is_heading(fields):
        raise UsageError(
            shown, "it names columns, and such manifests have no heading", "Remove that line"
        )
    if len(fields) < 2 or not BUCKET.fullmatch(fields[0]):
        raise UsageError(
            shown,
            f"{printable(first)!r} is not bucket,key or bucket,key,version",
            "Write them as S3 Batch Operations reads them, or name the file .jsonl if it is JSON",
        )
    if root and not root.startswith(S3_SCHEME):
        raise UsageError(
            root, "such manifests name buckets", f"Give #root={S3_SCHEME}bucket/prefix, or none"
        )
    scope = Scope(root or f"{S3_SCHEME}{fields[0]}")
    return scope, BatchRows(scope, len(fields))


def _root_of_item(first: str) -> str:
    """Return the bucket of the first line, as a URI; empty if it names a key only."""
    try:
        item = item_of(first)
        return f"{S3_SCHEME}{bucket_and_key(item.uri)[0]}" if item.uri else ""
    except LineRefused as error:
        if first.lstrip().startswith("{"):
            # A line like others: it fails by its number.
            return ""
        raise UsageError("line 1", error.seen, error.next_step) from error


def _inventory(folder: str, name: str, root: str, opened: Opened) -> Manifest:
    with closing(opened(folder)) as store:
        inventory, lies_in = read_inventory(store, name), store.uri
    scope = Scope(root or f"{S3_SCHEME}{inventory.source_bucket}")
    return Manifest(lies_in, name, scope.root, partial(inventory_lines, inventory, scope, opened))


def _placed(uri: str) -> tuple[str, str]:
    """Return (the folder, the file's name in it)."""
    if "://" not in uri:
        path = Path(os.path.abspath(uri))  # noqa: PTH100 - resolve() would follow links
        return str(path.parent), path.name
    folder, _, name = uri.rpartition("/")
    return folder, name


def _plain(name: str) -> str:
    return name.lower().removesuffix(".gz")
