"""Completion reports as S3 Batch Operations writes them, for tools that read those.

Below a prefix of any store, a folder a run:

    job-<job id>-<run id>/manifest.json      where the tables are, and their MD5; put last
    job-<job id>-<run id>/results/*.csv      one of succeeded and one of failed items, if any

Columns are those that the manifest's ReportSchema names: Bucket, Key, VersionId, TaskStatus,
ErrorCode, HTTPStatusCode, ResultMessage. (The examples of the guide have the status code and the
error code the other way round; a reader can only go by the schema.) Items that were skipped have
succeeded, as nothing was to be done, and say so; those that wait or are parked have failed. What a
run did not come to is in neither table, as with S3.

Keys and versions are URL-encoded and messages begin with a word of ours, so no field is a formula
to a spreadsheet, whatever a key is called.

Source:
    S3 User Guide, "Examples: S3 Batch Operations completion reports",
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-reports.html
"""

import csv
import hashlib
import json
import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote

from colorworker.errors import ColorworkerError
from colorworker.report.itemlines import ItemLine
from colorworker.report.text import visible
from colorworker.store.objectstore import ObjectStore

logger = logging.getLogger(__name__)

_S3 = "s3://"
_FORMAT = "Report_CSV_20180820"
_SCHEMA = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"
_HELD = {"waiting", "parked"}
_LEFT_OUT = {"source_gone"}
"""No task: it is reported once that a source is not there any more."""
_STATUS = {
    "key_missing": "404",
    "source_unreadable": "403",
    "source_changed": "412",
    "store_unavailable": "503",
}
"""What the store said; of failures that no store has to do with there is none."""


class CompletionReport:
    """Holds two files while the job runs; none of its items stays in memory.

    Written however the job ends: also when it is stopped or breaks off, as far as it came.
    """

    def __init__(self, store: ObjectStore, outputs: str, job_id: str, run_id: str) -> None:
        """Begin a report of which nothing is on the store yet.

        Args:
            store: Whose root is the prefix.
            outputs: URI of the job's destination, for the messages.
            job_id: Of the job.
            run_id: Of the run.
        """
        self._store = store
        self._outputs = outputs.rstrip("/")
        self._folder = f"job-{job_id}-{run_id}"
        self._tables: dict[str, _Table] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is not None:
                self.finish()
        except ColorworkerError as failed:
            # Why the job broke off matters more, and must not be hidden by this.
            logger.warning("the completion report was not written: %s", failed)
        finally:
            for table in self._tables.values():
                table.file.close()
                table.path.unlink(missing_ok=True)

    def add(self, line: ItemLine) -> None:
        """Write down what became of an item."""
        if line.error_code in _LEFT_OUT:
            return
        failed = line.outcome == "failed" or line.error_code in _HELD
        status = "failed" if failed else "succeeded"
        if status not in self._tables:
            self._tables[status] = _Table.begin(self._store.scratch())
        bucket, key = _bucket_and_key(line)
        code = "200" if not failed else _STATUS.get(line.error_code, "")
        self._tables[status].rows.writerow(
            [
                bucket,
                key,
                _encoded(line.version, safe=""),
                status,
                line.error_code,
                code,
                self._message(line),
            ]
        )

    def _message(self, line: ItemLine) -> str:
        if line.outcome == "succeeded":
            where = f"{self._outputs}/{line.output_key}" if line.output_key else "no output"
            return visible(f"written: {where}")
        return visible(f"{line.outcome}: {line.error}")

    def finish(self) -> str:
        """Put tables and manifest on the store; return the manifest's URI, empty if nothing was.

        Raises:
            StoreError: If the store does not take them.
        """
        if not self._tables:
            return ""
        bucket = _bucket_of(self._store.uri)
        results = []
        for status, table in sorted(self._tables.items(), reverse=True):
            md5 = table.end()
            key = f"{self._folder}/results/{uuid.uuid4().hex}.csv"
            self._store.put_file(key, table.path)
            results.append(
                {
                    "TaskExecutionStatus": status,
                    "Bucket": bucket,
                    "MD5Checksum": md5,
                    "Key": _whole_key(self._store.uri, key),
                }
            )
        created = datetime.now(UTC).isoformat(timespec="milliseconds")
        manifest = {
            "Format": _FORMAT,
            "ReportCreationDate": created.replace("+00:00", "Z"),
            "Results": results,
            "ReportSchema": _SCHEMA,
        }
        key = f"{self._folder}/manifest.json"
        self._store.put(key, json.dumps(manifest, indent=4).encode())
        return f"{self._store.uri}/{key}"


@dataclass(frozen=True)
class _Table:
    """One CSV file that is being written."""

    path: Path
    file: IO[str]
    rows: Any

    @classmethod
    def begin(cls, folder: Path) -> Self:
        path = folder / f"{uuid.uuid4().hex}.csv"
        file = TextIOWrapper(path.open("wb"), "utf-8", errors="backslashreplace", newline="")
        return cls(path, file, csv.writer(file, lineterminator="\n"))

    def end(self) -> str:
        """Close the file and return its MD5."""
        self.file.close()
        with self.path.open("rb") as reader:
            return hashlib.file_digest(reader, _md5).hexdigest()


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _bucket_and_key(line: ItemLine) -> tuple[str, str]:
    """Return the bucket and the encoded key; of what lies in no bucket, its folder's URI."""
    return _bucket_of(line.root), _encoded(_whole_key(line.root, line.key))


def _encoded(text: str, safe: str = "/") -> str:
    """Return the text URL-encoded, its first letter too where that is a sign."""
    encoded = quote(text, safe, errors="backslashreplace")
    return f"%2D{encoded[1:]}" if encoded.startswith("-") else encoded


def _bucket_of(uri: str) -> str:
    return uri.removeprefix(_S3).partition("/")[0] if uri.startswith(_S3) else uri


def _whole_key(uri: str, key: str) -> str:
    """Return a key of a store as its bucket knows it."""
    prefix = uri.removeprefix(_S3).partition("/")[2] if uri.startswith(_S3) else ""
    return f"{prefix}/{key}" if prefix else key
