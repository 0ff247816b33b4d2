"""A job's report while it runs: lines to a local file, at the end both files to the store."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from colorworker.provenance.record import STATE, now
from colorworker.report.page import JobFacts, render
from colorworker.report.records import ItemLine, line_from_json, line_to_json
from colorworker.report.thumbnails import thumbnails_in
from colorworker.store.base import ObjectStore


class ReportWriter:
    """Holds one open file; however many items a job has, none of them stays in memory."""

    def __init__(self, store: ObjectStore, facts: JobFacts) -> None:
        """Begin a report.

        Args:
            store: The job's destination.
            facts: About the job; its times are filled in here.
        """
        self._store = store
        self._facts = replace(facts, started_at=now())
        self._start = time.monotonic()
        self._path = store.scratch() / f"{uuid.uuid4().hex}.jsonl"
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

    def add(self, line: ItemLine) -> None:
        """Write one item's line."""
        if self._file is None:
            raise ValueError("the report is not open")
        self._file.write(line_to_json(line))

    def finish(self, *, interrupted: bool) -> str:
        """Put report.jsonl and report.html on the store and return the page's key."""
        if self._file is not None:
            self._file.close()
        facts = replace(
            self._facts,
            wall_seconds=round(time.monotonic() - self._start, 3),
            interrupted=interrupted,
        )
        folder = f"{STATE}/jobs/{facts.job_id}/report"
        page = render(facts, self._lines(self._path), thumbnails_in(self._store))
        self._store.put_file(f"{folder}/report.jsonl", self._path)
        self._store.put(f"{folder}/report.html", page.encode())
        return f"{folder}/report.html"

    @staticmethod
    def _lines(path: Path) -> Iterator[ItemLine]:
        with path.open("rb") as lines:
            for line in lines:
                yield line_from_json(line)
