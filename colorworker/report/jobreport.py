"""The report that a finished job returns to Python: counts, and items read from the stored report.

The items stay on the destination: a report of a million items takes no memory until it is read.
"""

import gzip
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from colorworker.report.itemlines import ItemLine, line_from_json
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore


@dataclass(frozen=True)
class Item:
    """One source and its outcome."""

    key: str
    """Key of the source below its root."""
    kind: str
    """`still`, `film`, or empty if the source is neither."""
    outcome: str
    """`succeeded`, `failed` or `skipped`."""
    error_code: str = ""
    error: str = ""
    """Why it failed or was skipped, as a sentence; empty if it succeeded."""
    warnings: tuple[str, ...] = ()
    """Sentences about lost or altered material."""
    notes: tuple[str, ...] = ()
    """Sentences about what is harmless."""
    outputs: tuple[str, ...] = ()
    """Paths or URIs of the color copies; empty if there are none."""
    resumed: bool = False
    """True if it was already done, so this run did no work on it."""
    frames: int | None = None
    """1 for a picture; None if unknown."""
    seconds: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Seconds of work by phase, earlier runs included."""


@dataclass(frozen=True)
class ItemCounts:
    """Number of items by outcome."""

    total: int = 0
    """All items of the job, whether or not they were reached."""
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    resumed: int = 0
    """Items among `succeeded` that were already done."""


@dataclass(frozen=True)
class Report:
    """The report of a finished job. Failed items are listed here and raise no exception."""

    job_id: str
    run_id: str
    destination: str
    """Path or URI of the destination."""
    page: str
    """Path or URI of the report's HTML page."""
    counts: ItemCounts
    completion_report: str = ""
    """URI of the manifest of the S3 Batch completion report; empty if none was requested."""
    _open: Callable[[], ObjectStore] | None = field(default=None, repr=False, compare=False)

    @property
    def items(self) -> Iterator[Item]:
        """Items in the order in which they ended, read from the destination one by one.

        Raises:
            KeyMissing: If the report of this run has been swept away.
            StoreUnavailable: If the destination cannot be reached.
        """
        if self._open is None:
            return
        with (
            closing(self._open()) as store,
            store.open(f"{STATE}/jobs/{self.job_id}/runs/{self.run_id}.jsonl.gz") as packed,
            gzip.open(packed) as lines,
        ):
            for line in lines:
                yield _item(line_from_json(line), self.destination)

    @property
    def failed(self) -> Iterator[Item]:
        """Items that failed, read like `items`."""
        return (item for item in self.items if item.outcome == "failed")


class ItemCounter:
    """Counts items by outcome while a job runs."""

    def __init__(self) -> None:
        self._counts = {"succeeded": 0, "failed": 0, "skipped": 0, "resumed": 0}

    def add(self, line: ItemLine) -> None:
        """Count one item."""
        self._counts[line.outcome] += 1
        self._counts["resumed"] += line.outcome == "succeeded" and line.resumed

    def counts(self, total: int) -> ItemCounts:
        """Return the counts, of a job with this many items."""
        return ItemCounts(total, **self._counts)


def _item(line: ItemLine, destination: str) -> Item:
    outputs = (f"{destination}/{line.output_key}",) if line.output_key else ()
    return Item(
        line.key,
        line.kind,
        line.outcome,
        line.error_code,
        line.error,
        tuple(line.warnings),
        tuple(line.notes),
        outputs,
        line.resumed,
        line.frames,
        dict(line.seconds),
    )
