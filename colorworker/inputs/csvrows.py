"""CSV lines of manifests: S3 Batch Operations and S3 Inventory, one row per line."""

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
        LineRefused: If a quote is not closed on the line, or is misplaced.
    """
    if '"' not in text:
        return text.split(",")
    try:
        # One line at a time, or an unclosed quote would swallow all lines that follow.
        return next(csv.reader((text,), strict=True))
    except csv.Error as error:
        raise LineRefused(
            "",
            f"its quotes are wrong ({error})",
            'Close every quote on its line, and write a quote within quotes as ""',
        ) from error


def _fields(text: str, columns: int, expected_by: str, next_step: str) -> list[str]:
    fields = split_row(text)
    if len(fields) != columns:
        seen = f"it has {len(fields)} columns, and {expected_by} {columns}"
        raise LineRefused("", seen, next_step)
    return fields


def is_heading(fields: list[str]) -> bool:
    """Return whether a row holds column names instead of an object."""
    return {field.strip().lower().replace(" ", "") for field in fields[:2]} <= _HEADINGS


class BatchRows:
    """Parser of `bucket,key[,version]`, the format of S3 Batch Operations.

    Further columns are ignored, so the report of one job's failed objects can be the manifest of
    the next job.

    Source:
        S3 User Guide, "Creating an S3 Batch Operations job", "Specifying a manifest".
    """

    def __init__(self, scope: Scope, columns: int) -> None:
        """Parse rows with that many columns; all objects must lie in the scope."""
        self._scope, self._columns = scope, columns

    def __call__(self, line: int, text: str) -> ManifestEntry:
        """Return the object of a line; see `manifestlines.ParseLine`."""
        step = "Write bucket, key and perhaps version on every line; a comma in a key as %2C"
        fields = _fields(text, self._columns, "the first line", step)
        version = fields[2] if self._columns > 2 else ""
        key = self._scope.key_in_bucket(fields[0], decode_key(fields[1]))
        return ManifestEntry(line, key, version)


class InventoryRows:
    """Parser of S3 Inventory rows, with the columns in the order that the schema gives.

    If an inventory has all versions, only the latest are used. Delete markers and empty folder
    objects are skipped, as in a listing.

    Source:
        S3 User Guide, "Amazon S3 Inventory list".
    """

    def __init__(self, scope: Scope, schema: list[str]) -> None:
        """Parse rows with the columns `schema`, which must include Bucket and Key."""
        self._scope, self._columns = scope, len(schema)
        at = {name: index for index, name in enumerate(schema)}
        self._bucket, self._key = at["Bucket"], at["Key"]
        self._version, self._size, self._etag = map(at.get, ("VersionId", "Size", "ETag"))
        self._latest, self._deleted = map(at.get, ("IsLatest", "IsDeleteMarker"))

    def __call__(self, line: int, text: str) -> ManifestEntry | None:
        """Return the object of a line, or None to skip it; see `manifestlines.ParseLine`."""
        step = "Generate the inventory again"
        fields = _fields(text, self._columns, "the inventory's fileSchema", step)
        if self._field(fields, self._deleted) == "true":
            return None
        if self._field(fields, self._latest) == "false":
            return None
        key, size = decode_key(fields[self._key]), self._field(fields, self._size)
        if key.endswith("/") and size == "0":
            return None
        below = self._scope.key_in_bucket(fields[self._bucket], key)
        if below.startswith(f"{STATE}/"):
            return None
        size_bytes = int(size) if size.isascii() and size.isdigit() else None
        etag = self._field(fields, self._etag).strip('"') if size_bytes is not None else ""
        return ManifestEntry(line, below, self._field(fields, self._version), size_bytes, etag)

    @staticmethod
    def _field(fields: list[str], column: int | None) -> str:
        return "" if column is None else fields[column]
