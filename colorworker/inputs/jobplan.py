"""The job plan: the frozen list of a job's entries, in a file that is hashed as it is written."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from colorworker.domain.entries import (
    Entry,
    EntryCounter,
    EntryCounts,
    entry_from_json,
    job_id,
    plan_lines,
)
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.errors import KeyMissing, UsageError
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore


class JobPlan:
    """The entries of a job, sorted by key, read one line at a time.

    Holds one open file, so it can still be read after `put_job_plan` has moved the file.
    """

    def __init__(self, path: Path, identity: str, counts: EntryCounts, file: BinaryIO) -> None:
        self.path = path
        self.job_id = identity
        self.counts = counts
        self._file = file

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries from the first. Iterators share the file: use one at a time."""
        self._file.seek(0)
        self._file.readline()
        return map(entry_from_json, self._file)

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Close the file, and remove it if it is still there."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def freeze_job_plan(
    entries: Iterable[Entry], options: Options, model: ModelRef, path: Path
) -> JobPlan:
    """Write the entries of a job to a new file and return the plan.

    Args:
        entries: All entries, sorted and with output keys; iterated once.
        options: Options of the job.
        model: The weights; their hash becomes part of the job id.
        path: Path of the file, which must not exist.

    Raises:
        UsageError: If the file cannot be written.
    """
    tally = EntryCounter()
    try:
        with path.open("xb") as file:
            lines = plan_lines(tally.count(entries), options, model)
            identity = job_id(_write_through(lines, file))
    except OSError as error:
        raise UsageError(
            str(path.parent),
            f"the job plan cannot be written there ({error.strerror})",
            "Free some space, or set COLORWORKER_RUN__SCRATCH to another folder",
        ) from error
    return JobPlan(path, identity, tally.counts, path.open("rb"))


def job_plan_key(identity: str) -> str:
    """Return the key of a job's plan on its destination."""
    return f"{STATE}/jobs/{identity}/plan.jsonl"


def put_job_plan(store: ObjectStore, plan: JobPlan) -> None:
    """Put the plan on the job's destination, unless it is there already.

    The key contains the hash of the file, so concurrent runs put the same bytes. That is why the
    put need not be create-only, which not every service supports for files uploaded in parts.
    """
    key = job_plan_key(plan.job_id)
    try:
        if store.head(key).size_bytes == plan.size_bytes:
            return
    except KeyMissing:
        pass
    store.put_file(key, plan.path)


def _write_through(lines: Iterable[bytes], file: BinaryIO) -> Iterator[bytes]:
    for line in lines:
        file.write(line)
        yield line
