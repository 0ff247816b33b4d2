"""Rows of comma-separated values, one a line, as S3 writes and reads them."""

import csv
import re

from colorworker.errors import LineRefused
from colorworker.inputs.manifestlines import ManifestEntry
from colorworker.inputs.scope import Scope, decode_key
from colorworker.state import STATE

BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")
_HEADINGS = {"bucket", "key", "versionid", "version", "version_id", "bucketname", "objectkey"}


def split_row(text: str) -> list[str]:
    """Return the fields of one line.

    Raises:
        LineRefused: If its quotes do not close on it, or stand where none may.
    """
    if '"' not in text:
        return text.split(",")
    try:
        # One line at a time: a quote that is never closed would otherwise take in all that follows.
        return next(csv.reader((text,), strict=True))
    except csv.Error as error:
        raise LineRefused(
            "",
            f"its quotes are wrong ({error})",
            'Close every quote on its line, and write a quote within quotes as ""',
        ) from error


def _fields(text: str, columns: int, like: str, next_step: str) -> list[str]:
    fields = split_row(text)
    if len(fields) != columns:
        seen = f"it has {len(fields)} columns, and {like} {columns}"
        raise LineRefused("", seen, next_step)
    return fields


def is_heading(fields: list[str]) -> bool:
    """Tell whether a row names columns instead of an object."""
    return {field.strip().lower().replace(" ", "") for field in fields[:2]} <= _HEADINGS


class BatchRows:
    """Rows `bucket,key[,version]` of S3 Batch Operations; further columns are not looked at.

    So the report of failed objects of one job is a manifest of the next.

    Source:
        S3 User Guide, "Creating an S3 Batch Operations job", "Specifying a manifest".
    """

    def __init__(self, scope: Scope, columns: int) -> None:
        """ParseLine rows of so many columns, for objects of one scope."""
        self._scope, self._columns = scope, columns

    def __call__(self, line: int, text: str) -> ManifestEntry:
        """See `lines.ParseLine`."""
        step = "Write bucket, key and perhaps version on every line; a comma in a key as %2C"
        fields = _fields(text, self._columns, "the first line", step)
        version = fields[2] if self._columns > 2 else ""
        return ManifestEntry(
            line, self._scope.key_in_bucket(fields[0], decode_key(fields[1])), version
        )


class InventoryRows:
    """Rows of an S3 Inventory, in the order of columns that its manifest says.

    Of an inventory of all versions those are taken that were the last; what says that an object was
    deleted, and what stands for an empty folder, is left out, as a listing does.

    Source:
        S3 User Guide, "Amazon S3 Inventory list".
    """

    def __init__(self, scope: Scope, schema: list[str]) -> None:
        """ParseLine rows of the columns `schema`, among them Bucket and Key."""
        self._scope, self._columns = scope, len(schema)
        at = {name: place for place, name in enumerate(schema)}
        self._bucket, self._key = at["Bucket"], at["Key"]
        self._version, self._size, self._etag = map(at.get, ("VersionId", "Size", "ETag"))
        self._latest, self._deleted = map(at.get, ("IsLatest", "IsDeleteMarker"))

    def __call__(self, line: int, text: str) -> ManifestEntry | None:
        """See `lines.ParseLine`."""
        step = "Have the inventory made anew"
        fields = _fields(text, self._columns, "the inventory's fileSchema", step)
        if self._of(fields, self._deleted) == "true" or self._of(fields, self._latest) == "false":
            return None
        key, size = decode_key(fields[self._key]), self._of(fields, self._size)
        if key.endswith("/") and size == "0":
            return None
        below = self._scope.key_in_bucket(fields[self._bucket], key)
        if below.startswith(f"{STATE}/"):
            return None
        size_bytes = int(size) if size.isascii() and size.isdigit() else None
        etag = self._of(fields, self._etag).strip('"') if size_bytes is not None else ""
        return ManifestEntry(line, below, self._of(fields, self._version), size_bytes, etag)

    @staticmethod
    def _of(fields: list[str], column: int | None) -> str:
        return "" if column is None else fields[column]
