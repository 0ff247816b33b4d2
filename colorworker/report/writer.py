"""Write a job's report: lines to a local file while it runs, then page and lines to the store.

A report is written twice: to `jobs/<job id>/runs/<run id>.html` and `.jsonl.gz`, which no other
run replaces, and to `jobs/<job id>/report/`, which always holds the latest report. Both folders are
equally deep, so the page's links to outputs work in either. The lines of single runs are
compressed, because a run that finds a million items done has a million lines.
"""

import gzip
import shutil
import time
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
from colorworker.store.scratchfiles import temporary_name


class ReportWriter:
    """Writes the lines of a report to one open file; no item stays in memory."""

    def __init__(self, store: ObjectStore, facts: JobFacts, run_id: str = "") -> None:
        """Prepare a report.

        Args:
            store: The job's destination.
            facts: Facts about the job; the times are filled in here.
            run_id: Id of the run; empty writes only the latest report, not that of the run.
        """
        self._store = store
        self._facts = replace(facts, started_at=now())
        self._start = time.monotonic()
        self._run_id = run_id
        self._path = store.scratch() / temporary_name(".jsonl")
        self._compressed_path = self._path.with_suffix(".jsonl.gz")
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
        self._compressed_path.unlink(missing_ok=True)

    def add(self, line: ItemLine) -> None:
        """Write the line of an item."""
        if self._file is None:
            raise ValueError("the report is not open")
        self._file.write(line_to_json(line))

    def finish(self, *, interrupted: bool, comparison: Comparison | None = None) -> str:
        """Put page and lines on the store, and return the key of the latest report's page.

        Args:
            interrupted: Whether the run was stopped before its end.
            comparison: Estimated and actual cost of the run's work.
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
            self._compress()
            self._store.put_file(f"{folder}/runs/{self._run_id}.jsonl.gz", self._compressed_path)
            self._store.put(f"{folder}/runs/{self._run_id}.html", page)
        self._store.put_file(f"{folder}/report/report.jsonl", self._path)
        self._store.put(f"{folder}/report/report.html", page)
        return f"{folder}/report/report.html"

    def _compress(self) -> None:
        with self._path.open("rb") as lines, gzip.open(self._compressed_path, "wb", 6) as packed:
            shutil.copyfileobj(lines, packed, 1 << 20)

    @staticmethod
    def _lines(path: Path) -> Iterator[ItemLine]:
        with path.open("rb") as lines:
            for line in lines:
                yield line_from_json(line)
