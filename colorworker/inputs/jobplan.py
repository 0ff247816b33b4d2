"""A job's frozen plan: its manifest in a local file, hashed as it was written, read as a stream."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from colorworker.domain.entries import Counts, Entry, Tally, entry_from_json, job_id, manifest_lines
from colorworker.domain.options import ModelRef, Options
from colorworker.errors import KeyMissing, UsageError
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore


class JobPlan:
    """What is to be done, in the order of the manifest; in memory is one line at a time.

    Holds one open file: it can be read on after a store has moved the file to itself.
    """

    def __init__(self, path: Path, identity: str, counts: Counts, file: BinaryIO) -> None:
        self.path = path
        self.job_id = identity
        self.counts = counts
        self._file = file

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries from the first; one reading at a time, as they share the file."""
        self._file.seek(0)
        self._file.readline()
        return map(entry_from_json, self._file)

    @property
    def size_bytes(self) -> int:
        """Size of the manifest."""
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Close the file, and remove it where it still lies."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def freeze_job_plan(
    entries: Iterable[Entry], options: Options, model: ModelRef, path: Path
) -> JobPlan:
    """Write the manifest of a job to a new file and return it as a plan.

    Args:
        entries: All of them, sorted and named; seen once.
        options: Of the job.
        model: Whose hash becomes part of the job's identity.
        path: Of the file, which must not be there yet.

    Raises:
        UsageError: If the file cannot be written.
    """
    tally = Tally()
    try:
        with path.open("xb") as file:
            lines = manifest_lines(tally.seeing(entries), options, model)
            identity = job_id(_written(lines, file))
    except OSError as error:
        raise UsageError(
            str(path.parent),
            f"the plan of the job cannot be held there ({error.strerror})",
            "Make room, or name another folder in COLORWORKER_RUN__SCRATCH",
        ) from error
    return JobPlan(path, identity, tally.counts, path.open("rb"))


def job_plan_key(identity: str) -> str:
    """Return where a job's manifest lies on its destination."""
    return f"{STATE}/jobs/{identity}/manifest.jsonl"


def put_job_plan(store: ObjectStore, plan: JobPlan) -> None:
    """Put the manifest on the job's destination, unless it is there already.

    Its key holds its own hash: whoever puts it in the same moment puts the same bytes. So it need
    not be create-only, which large files, that go in parts, could not be on every service.
    """
    key = job_plan_key(plan.job_id)
    try:
        if store.head(key).size_bytes == plan.size_bytes:
            return
    except KeyMissing:
        pass
    store.put_file(key, plan.path)


def _written(lines: Iterable[bytes], file: BinaryIO) -> Iterator[bytes]:
    for line in lines:
        file.write(line)
        yield line
