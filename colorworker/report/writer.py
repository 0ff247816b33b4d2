"""A job's report while it runs: lines to a local file, at the end page and lines to the store.

Where it lies: under keys of the run, `jobs/<job id>/runs/<run id>.html` and `.jsonl.gz`, which
nobody else writes and nothing replaces; and at `jobs/<job id>/report/`, which is always the report
that was finished last. Both are equally deep, so the page's links to the outputs hold in either.
The lines are compressed where they are only kept: a run that finds a million items done says so a
million times.
"""

import gzip
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from colorworker.domain.comparison import Comparison
from colorworker.report.itemlines import ItemLine, line_from_json, line_to_json
from colorworker.report.jobpage import JobFacts, render
from colorworker.report.pagethumbnails import thumbnail_reader
from colorworker.state import STATE, now
from colorworker.store.objectstore import ObjectStore


class ReportWriter:
    """Holds one open file; however many items a job has, none of them stays in memory."""

    def __init__(self, store: ObjectStore, facts: JobFacts, run_id: str = "") -> None:
        """Begin a report.

        Args:
            store: The job's destination.
            facts: About the job; its times are filled in here.
            run_id: Of the run, under which its report is kept; empty keeps the latest only.
        """
        self._store = store
        self._facts = replace(facts, started_at=now())
        self._start = time.monotonic()
        self._run_id = run_id
        self._path = store.scratch() / f"{uuid.uuid4().hex}.jsonl"
        self._packed_path = self._path.with_suffix(".jsonl.gz")
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
        self._path.unlink(missing_ok=True)
        self._packed_path.unlink(missing_ok=True)

    def add(self, line: ItemLine) -> None:
        """Write one item's line."""
        if self._file is None:
            raise ValueError("the report is not open")
        self._file.write(line_to_json(line))

    def finish(self, *, interrupted: bool, comparison: Comparison | None = None) -> str:
        """Put page and lines on the store and return the key of the page that is the latest.

        Args:
            interrupted: The run was stopped before its end.
            comparison: What was expected of what it has worked on.
        """
        if self._file is not None:
            self._file.close()
        facts = replace(
            self._facts,
            wall_seconds=round(time.monotonic() - self._start, 3),
            interrupted=interrupted,
            comparison=comparison,
        )
        folder = f"{STATE}/jobs/{facts.job_id}"
        page = render(facts, self._lines(self._path), thumbnail_reader(self._store)).encode()
        if self._run_id:
            self._pack()
            self._store.put_file(f"{folder}/runs/{self._run_id}.jsonl.gz", self._packed_path)
            self._store.put(f"{folder}/runs/{self._run_id}.html", page)
        self._store.put_file(f"{folder}/report/report.jsonl", self._path)
        self._store.put(f"{folder}/report/report.html", page)
        return f"{folder}/report/report.html"

    def _pack(self) -> None:
        with self._path.open("rb") as lines, gzip.open(self._packed_path, "wb", 6) as packed:
            shutil.copyfileobj(lines, packed, 1 << 20)

    @staticmethod
    def _lines(path: Path) -> Iterator[ItemLine]:
        with path.open("rb") as lines:
            for line in lines:
                yield line_from_json(line)
