"""S3 Inventory: a manifest.json, and the compressed tables that it lists with their checksums."""

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
from colorworker.inputs.validationtext import words
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import S3_SCHEME

_MOST_BYTES = 64 << 20
"""Of a manifest.json, which is held in memory; one of a thousand files has 150 kB."""

_Bucket = Annotated[str, Field(pattern=f"^(arn:[a-z-]+:s3:::)?{BUCKET.pattern}$")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True)

    key: str
    md5: Annotated[str, Field(alias="MD5checksum", pattern="^[0-9a-fA-F]{32}$")]


class S3Inventory(BaseModel):
    """A manifest.json. What else stands in it is of no account here.

    Source:
        S3 User Guide, "Locating your inventory list", "Inventory manifest".
    """

    model_config = ConfigDict(frozen=True)

    source_bucket: Annotated[_Bucket, Field(alias="sourceBucket")]
    destination_bucket: Annotated[_Bucket, Field(alias="destinationBucket")]
    format: Annotated[str, Field(alias="fileFormat")]
    schema_text: Annotated[str, Field(alias="fileSchema")]
    tables: Annotated[tuple[_Table, ...], Field(alias="files")]

    @property
    def columns(self) -> list[str]:
        """Names of the tables' columns, in their order."""
        return [name.strip() for name in self.schema_text.split(",")]


def read_inventory(store: ObjectStore, name: str) -> S3Inventory:
    """Return what a manifest.json says; checked against the manifest.checksum beside it, if any.

    Raises:
        UsageError: If there is none, or it is none of a CSV inventory.
    """
    try:
        size_bytes = store.list_one(name).size_bytes
        if size_bytes > _MOST_BYTES:
            raise UsageError(name, f"has {size_bytes} bytes, too many", "Name a manifest.json")
        data = store.get(name)
    except KeyMissing as error:
        raise UsageError(name, "there is no such manifest", "Check the path") from error
    _check_sum(store, name, data)
    try:
        inventory = S3Inventory.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        seen, step = words(first, S3Inventory)
        place = ".".join(map(str, first["loc"]))
        raise UsageError(
            name, f"is not the manifest of an S3 Inventory ({place or 'JSON'}: {seen})", step
        ) from error
    if inventory.format.upper() != "CSV":
        raise UsageError(
            name,
            f"the inventory is in {printable(inventory.format)}, only CSV is read",
            "Configure the inventory with the output format CSV",
        )
    if not {"Bucket", "Key"} <= set(inventory.columns):
        raise UsageError(
            name,
            f"fileSchema names no Bucket and Key ({printable(inventory.schema_text)})",
            "Have the inventory made anew",
        )
    return inventory


def inventory_lines(
    inventory: S3Inventory, scope: Scope, opened: Callable[[str], ObjectStore]
) -> Iterator[tuple[str, ManifestEntry | RefusedLine]]:
    """Yield the rows of all tables, each with its table's name.

    Raises:
        UsageError: If a table is missing, cut short, or not the one whose checksum is named.
    """
    parse = InventoryRows(scope, inventory.columns)
    bucket = inventory.destination_bucket.rpartition(":")[2]
    with closing(opened(f"{S3_SCHEME}{bucket}")) as store:
        for table in inventory.tables:
            name = table.key.rpartition("/")[2]
            compressed = name.endswith(".gz")
            try:
                reader = store.open(table.key)
            except KeyMissing as error:
                raise UsageError(
                    table.key, "this table of the inventory is gone", "Take a newer inventory"
                ) from error
            summed = _Summed(reader)
            rows = parse_lines(cast(BinaryIO, summed), name, parse, compressed=compressed)
            with reader, closing(rows):
                for line in rows:
                    yield name, line
                if summed.hexdigest() != table.md5.lower():
                    raise UsageError(
                        table.key,
                        f"its MD5 is {summed.hexdigest()}, the inventory says {table.md5}",
                        "Take a newer inventory",
                    )


def _check_sum(store: ObjectStore, name: str, data: bytes) -> None:
    try:
        said = store.get(name.removesuffix(".json") + ".checksum").decode("ascii", "replace")
    except KeyMissing:
        return
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if said.strip().lower() != found:
        raise UsageError(
            name,
            f"its MD5 is {found}, manifest.checksum says {printable(said.strip())}",
            "Take a newer inventory",
        )


class _Summed(io.RawIOBase):
    """A reader, and the MD5 of all that it holds."""

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
        """Return the MD5, in hexadecimal digits; reads what is left."""
        while data := self._reader.read(1 << 20):
            self._digest.update(data)
        return self._digest.hexdigest()
