"""S3 Inventory: a manifest.json, and the compressed CSV files it lists with their checksums."""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Annotated, Any, BinaryIO, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from colorworker.errors import KeyMissing, UsageError
from colorworker.inputs.csvrows import BUCKET, InventoryRows
from colorworker.inputs.manifestlines import ManifestEntry, RefusedLine, parse_lines
from colorworker.inputs.scope import Scope
from colorworker.inputs.validationtext import error_text
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import S3_SCHEME

_MOST_BYTES = 64 << 20
"""Maximum size of a manifest.json, which is read into memory; one with 1000 files has 150 kB."""

_Bucket = Annotated[str, Field(pattern=f"^(arn:[a-z-]+:s3:::)?{BUCKET.pattern}$")]


class _InventoryFile(BaseModel):
    model_config = ConfigDict(frozen=True)

    key: str
    md5: Annotated[str, Field(alias="MD5checksum", pattern="^[0-9a-fA-F]{32}$")]


class S3Inventory(BaseModel):
    """A manifest.json. Fields that are not listed here are ignored.

    Source:
        S3 User Guide, "Locating your inventory list", "Inventory manifest".
    """

    model_config = ConfigDict(frozen=True)

    source_bucket: Annotated[_Bucket, Field(alias="sourceBucket")]
    destination_bucket: Annotated[_Bucket, Field(alias="destinationBucket")]
    format: Annotated[str, Field(alias="fileFormat")]
    schema_text: Annotated[str, Field(alias="fileSchema")]
    files: Annotated[tuple[_InventoryFile, ...], Field(alias="files")]

    @property
    def columns(self) -> list[str]:
        """Column names of the CSV files, in order."""
        return [name.strip() for name in self.schema_text.split(",")]


def read_inventory(store: ObjectStore, name: str) -> S3Inventory:
    """Return a manifest.json, verified against the manifest.checksum beside it if there is one.

    Raises:
        UsageError: If it does not exist, or is not the manifest of a CSV inventory.
    """
    try:
        size_bytes = store.list_one(name).size_bytes
        if size_bytes > _MOST_BYTES:
            raise UsageError(name, f"is too large ({size_bytes} bytes)", "Name a manifest.json")
        data = store.get(name)
    except KeyMissing as error:
        raise UsageError(name, "there is no such manifest", "Check the path") from error
    _verify_checksum(store, name, data)
    try:
        inventory = S3Inventory.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        seen, step = error_text(first, S3Inventory)
        place = ".".join(map(str, first["loc"]))
        raise UsageError(
            name, f"is not the manifest of an S3 Inventory ({place or 'JSON'}: {seen})", step
        ) from error
    if inventory.format.upper() != "CSV":
        raise UsageError(
            name,
            f"the inventory's format is {printable(inventory.format)}, only CSV is supported",
            "Set the inventory's output format to CSV",
        )
    if not {"Bucket", "Key"} <= set(inventory.columns):
        raise UsageError(
            name,
            f"fileSchema lacks Bucket or Key ({printable(inventory.schema_text)})",
            "Generate the inventory again",
        )
    return inventory


def inventory_lines(
    inventory: S3Inventory, scope: Scope, opened: Callable[[str], ObjectStore]
) -> Iterator[tuple[str, ManifestEntry | RefusedLine]]:
    """Yield the rows of all CSV files, each with the name of its file.

    Raises:
        UsageError: If a CSV file is missing, cut short, or does not match its checksum.
    """
    parse = InventoryRows(scope, inventory.columns)
    bucket = inventory.destination_bucket.rpartition(":")[2]
    with closing(opened(f"{S3_SCHEME}{bucket}")) as store:
        for file in inventory.files:
            name = file.key.rpartition("/")[2]
            compressed = name.endswith(".gz")
            try:
                reader = store.open(file.key)
            except KeyMissing as error:
                raise UsageError(
                    file.key, "this file of the inventory is gone", "Use a newer inventory"
                ) from error
            hashed = _Md5Reader(reader)
            rows = parse_lines(cast(BinaryIO, hashed), name, parse, compressed=compressed)
            with reader, closing(rows):
                for line in rows:
                    yield name, line
                if hashed.hexdigest() != file.md5.lower():
                    raise UsageError(
                        file.key,
                        f"its MD5 is {hashed.hexdigest()}, the inventory says {file.md5}",
                        "Use a newer inventory",
                    )


def _verify_checksum(store: ObjectStore, name: str, data: bytes) -> None:
    try:
        expected = store.get(name.removesuffix(".json") + ".checksum").decode("ascii", "replace")
    except KeyMissing:
        return
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if expected.strip().lower() != found:
        raise UsageError(
            name,
            f"its MD5 is {found}, manifest.checksum says {printable(expected.strip())}",
            "Use a newer inventory",
        )


class _Md5Reader(io.RawIOBase):
    """Reads through to another reader and computes the MD5 of its content."""

    def __init__(self, reader: BinaryIO) -> None:
        super().__init__()
        self._reader = reader
        self._digest = hashlib.md5(usedforsecurity=False)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self._reader.read(len(view))
        view[: len(data)] = data
        self._digest.update(data)
        return len(data)

    def hexdigest(self) -> str:
        """Read the rest, and return the MD5 in hexadecimal digits."""
        while data := self._reader.read(1 << 20):
            self._digest.update(data)
        return self._digest.hexdigest()
