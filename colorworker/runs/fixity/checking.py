"""Drive the units of a pass: the records are listed here, everything else happens on workers."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from colorworker.domain.bag import MANIFEST
from colorworker.domain.fixity import (
    Finding,
    FixityCheck,
    FixityTally,
    FixityTotals,
)
from colorworker.domain.records import UnitResult, record_from_json
from colorworker.domain.units import bag_check, fixity_check
from colorworker.driver import Executor, Progress
from colorworker.errors import ColorworkerError
from colorworker.runs.bag import is_bag
from colorworker.runs.fixity.passes import Choices, VerifyPass, tallies
from colorworker.state import UNITS, record_key, unit_of
from colorworker.store.objectstore import ObjectStore

logger = logging.getLogger(__name__)

_BATCH = 16
"""Records per unit. Large results get units of their own."""
_WAIT_SECONDS = 0.25


@dataclass
class Checking:
    """A running pass."""

    store: ObjectStore
    executor: Executor
    current: VerifyPass
    choices: Choices
    max_attempts: int = 3
    each: Callable[[Finding], None] = lambda _: None
    """Called with each finding, when it is known."""
    progress: Callable[[Progress], None] = lambda _: None
    totals: FixityTotals = field(default_factory=FixityTotals)
    records_done: int = 0
    records_total: int = 0
    _unlisted: Iterator[tuple[str, ...]] = field(default_factory=lambda: iter(()))
    _waiting: deque[tuple[FixityCheck, int]] = field(default_factory=deque)
    _running: dict[str, tuple[FixityCheck, int]] = field(default_factory=dict)

    def run(self, stopping: Callable[[], bool] = lambda: False) -> bool:
        """Check all records that are not checked yet; return whether all are.

        Once `stopping` returns True, no more units begin, and those that run are finished.
        """
        self._plan()
        self._show()
        more = True
        while (more or self._running) and not stopping():
            more = self._feed()
            self._collect()
        if stopping():
            unbegun = self.executor.drain()
            for unit_id in unbegun:
                self._running.pop(unit_id, None)
            while self._running:
                self._collect()
            return not (more or unbegun or self._waiting)
        return True

    def _plan(self) -> None:
        """Take what earlier runs of this pass found, and prepare the listing of the rest."""
        checked: set[str] = set()
        for tally in tallies(self.store, self.current):
            checked.update(tally.records)
            self._add(tally)
        # Listed twice, because a million ids would take 100 MB.
        self.records_total = sum(1 for _ in self.store.list(UNITS))
        ids = (unit_of(info.key) for info in self.store.list(UNITS))
        left = (unit_id for unit_id in ids if unit_id not in checked)
        if is_bag(self.store):
            self._waiting.append((bag_check(self.current.folder), 1))
        self._unlisted = iter(lambda: tuple(islice(left, _BATCH)), ())

    def _feed(self) -> bool:
        """Submit as many units as the executor takes; return whether there may be more."""
        while len(self._running) < self.executor.slots:
            if not self._waiting:
                batch = next(self._unlisted, None)
                if batch is None:
                    return False
                self._queue(batch)
            unit, attempt = self._waiting.popleft()
            self._running[unit.unit_id] = (unit, attempt)
            self.executor.submit(unit, attempt)
        return True

    def _queue(self, record_ids: tuple[str, ...], size: int = _BATCH, attempt: int = 1) -> None:
        for start in range(0, len(record_ids), size):
            unit = fixity_check(
                record_ids[start : start + size],
                self.current.folder,
                sources=self.choices.sources,
                source_root=self.choices.source_root,
            )
            self._waiting.append((unit, attempt))

    def _collect(self) -> None:
        for result in self.executor.wait(_WAIT_SECONDS):
            unit, attempt = self._running.pop(result.unit_id)
            if result.fixity is not None:
                self._add(result.fixity)
                self._queue(result.fixity.deferred, size=1)
            else:
                self._retry(unit, result.at_attempt(attempt))
        self._show()

    def _add(self, tally: FixityTally) -> None:
        self.records_done += len(tally.records)
        for finding in self.totals.add(tally):
            self.each(finding)

    def _retry(self, unit: FixityCheck, result: UnitResult) -> None:
        """Try a unit again, in halves if it has several records; give up after the last attempt."""
        logger.warning("check %s attempt %d: %s", unit.unit_id, result.attempt, result.error)
        if len(unit.record_ids) > 1:
            half = -(-len(unit.record_ids) // 2)
            self._queue(unit.record_ids, half, result.attempt)
        elif result.attempt < self.max_attempts and (result.retryable or result.outcome == "lost"):
            self._waiting.append((unit, result.attempt + 1))
        else:
            self._give_up(unit, result)

    def _give_up(self, unit: FixityCheck, result: UnitResult) -> None:
        worker = "its worker " if result.outcome == "lost" else ""
        text = f"it could not be checked: {worker}{result.error.rstrip('.')}"
        key = MANIFEST if unit.bag else self._output_of(unit.record_ids[0])
        self._add(FixityTally(unit.record_ids, findings=(Finding(key, "unchecked", text),)))

    def _output_of(self, record_id: str) -> str:
        """Return the key of a unit's output; that of its record if there is none."""
        key = record_key(record_id)
        try:
            return record_from_json(self.store.get(key)).output_key or key
        except (ColorworkerError, ValueError):
            return key

    def _show(self) -> None:
        self.progress(
            Progress(
                self.records_total,
                items_done=self.records_done,
                items_failed=len(self.totals.findings),
                units_running=len(self._running),
                units_done=self.records_done,
                units_known=self.records_total,
            )
        )
