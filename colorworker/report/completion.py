"""Completion reports in the format of S3 Batch Operations, for tools that read those.

Each run writes a folder below a prefix of any store:

    job-<job id>-<run id>/manifest.json      lists the CSV files with their MD5; put last
    job-<job id>-<run id>/results/*.csv      one for succeeded and one for failed items, if any

The columns are those in the manifest's ReportSchema: Bucket, Key, VersionId, TaskStatus, ErrorCode,
HTTPStatusCode, ResultMessage. (The examples in the guide swap status code and error code; readers
must follow the schema.) Skipped items count as succeeded, with the reason in the message. Waiting
and parked items count as failed. As in S3, items that the run did not reach are in neither file.

Keys and versions are URL-encoded and messages start with a fixed word, so that a spreadsheet never
takes a field for a formula, whatever the key.

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

from colorworker.domain.sequences import sequence_rate
from colorworker.errors import ColorworkerError
from colorworker.report.itemlines import ItemLine
from colorworker.report.text import visible
from colorworker.store.objectstore import ObjectStore

logger = logging.getLogger(__name__)

_S3 = "s3://"
_FORMAT = "Report_CSV_20180820"
_SCHEMA = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"
_POSTPONED = {"waiting", "parked"}
_OMITTED = {"source_gone"}
"""Not a task: a note that a source no longer exists."""
_STATUS = {
    "key_missing": "404",
    "source_unreadable": "403",
    "source_archived": "403",
    "source_changed": "412",
    "store_unavailable": "503",
}
"""HTTP status of failures that come from the store; other failures have none."""


class CompletionReport:
    """Collects items in two local files while the job runs, none of them in memory.

    The report is written however the job ends, with the items so far.
    """

    def __init__(self, store: ObjectStore, outputs: str, job_id: str, run_id: str) -> None:
        """Start a report without writing to the store yet.

        Args:
            store: The store for the report; its root is the prefix.
            outputs: URI of the job's destination, for the messages.
            job_id: Id of the job.
            run_id: Id of the run.
        """
        self._store = store
        self._outputs = outputs.rstrip("/")
        self._folder = f"job-{job_id}-{run_id}"
        self._files: dict[str, _CsvFile] = {}

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
            # The error that ended the job matters more and must not be hidden by this one.
            logger.warning("the completion report was not written: %s", failed)
        finally:
            for file in self._files.values():
                file.stream.close()
                file.path.unlink(missing_ok=True)

    def add(self, line: ItemLine) -> None:
        """Add an item that has ended."""
        if line.error_code in _OMITTED:
            return
        failed = line.outcome == "failed" or line.error_code in _POSTPONED
        status = "failed" if failed else "succeeded"
        if status not in self._files:
            self._files[status] = _CsvFile.begin(self._store.scratch())
        bucket, key = _bucket_and_key(line)
        code = "200" if not failed else _STATUS.get(line.error_code, "")
        self._files[status].rows.writerow(
            [
                bucket,
                key,
                _encoded("" if sequence_rate(line.version) else line.version, safe=""),
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
        """Put CSV files and manifest on the store; return the manifest's URI, or "" without items.

        Raises:
            StoreError: If the store refuses them.
        """
        if not self._files:
            return ""
        bucket = _bucket_of(self._store.uri)
        results = []
        for status, file in sorted(self._files.items(), reverse=True):
            md5 = file.end()
            key = f"{self._folder}/results/{uuid.uuid4().hex}.csv"
            self._store.put_file(key, file.path)
            results.append(
                {
                    "TaskExecutionStatus": status,
                    "Bucket": bucket,
                    "MD5Checksum": md5,
                    "Key": _full_key(self._store.uri, key),
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
class _CsvFile:
    """A CSV file that is being written."""

    path: Path
    stream: IO[str]
    rows: Any

    @classmethod
    def begin(cls, folder: Path) -> Self:
        path = folder / f"{uuid.uuid4().hex}.csv"
        stream = TextIOWrapper(path.open("wb"), "utf-8", errors="backslashreplace", newline="")
        return cls(path, stream, csv.writer(stream, lineterminator="\n"))

    def end(self) -> str:
        """Close the file and return its MD5."""
        self.stream.close()
        with self.path.open("rb") as reader:
            return hashlib.file_digest(reader, _md5).hexdigest()


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _bucket_and_key(line: ItemLine) -> tuple[str, str]:
    """Return the bucket and the encoded key; outside buckets, the folder's URI and the key."""
    return _bucket_of(line.root), _encoded(_full_key(line.root, line.key))


def _encoded(text: str, safe: str = "/") -> str:
    """Return the text URL-encoded, including a `-` at its start."""
    encoded = quote(text, safe, errors="backslashreplace")
    return f"%2D{encoded[1:]}" if encoded.startswith("-") else encoded


def _bucket_of(uri: str) -> str:
    return uri.removeprefix(_S3).partition("/")[0] if uri.startswith(_S3) else uri


def _full_key(uri: str, key: str) -> str:
    """Return the full key within the bucket, from a store's URI and a key relative to it."""
    prefix = uri.removeprefix(_S3).partition("/")[2] if uri.startswith(_S3) else ""
    return f"{prefix}/{key}" if prefix else key
