"""Measure, log and trace what passes through an executor: units, phases, outcomes of items."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from colorworker.domain.options import Asset
from colorworker.domain.records import UnitResult
from colorworker.domain.units import Assembly, ImageBatch, Scan, Segment, ShotSearch, WorkUnit
from colorworker.driver import Executor
from colorworker.executors.instruments import Instruments
from colorworker.executors.traces import Traces
from colorworker.report.itemlines import ItemLine
from colorworker.store.requests import requests_since

logger = logging.getLogger(__name__)

_KINDS = {
    "Scan": "scan",
    "ShotSearch": "shot_search",
    "Segment": "segment",
    "Assembly": "assembly",
    "Still": "still",
    "ImageBatch": "batch",
}


class _Begun(NamedTuple):
    unit: WorkUnit
    at: float
    """Monotonic seconds."""
    time: float
    """POSIX seconds."""


class MeteredExecutor:
    """An executor that counts what another one does. See `instruments.METRICS`."""

    def __init__(
        self,
        executor: Executor,
        instruments: Sequence[Instruments],
        job_id: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor, self._instruments, self._job_id = executor, instruments, job_id
        self._clock = clock
        self._begun: dict[str, _Begun] = {}
        self._traces = Traces(job_id)
        self._requests = Counter(requests_since({}))

    @property
    def slots(self) -> int:
        """See `driver.Executor`."""
        return self._executor.slots

    def submit(self, unit: WorkUnit, attempt: int) -> None:
        """See `driver.Executor`."""
        self._begun[unit.unit_id] = begun = _Begun(unit, self._clock(), time.time())
        if asset := _film_of(unit):
            self._traces.begin_film(asset, begun.time)
        if attempt > 1:
            self._count("colorworker_unit_retries_total", kind=_kind(unit))
        elif isinstance(unit, Scan | ImageBatch):
            size = sum(asset.size_bytes for asset in _assets(unit))
            self._count("colorworker_source_bytes_total", size)
        self._executor.submit(unit, attempt)

    def wait(self, timeout_seconds: float) -> list[UnitResult]:
        """See `driver.Executor`."""
        results = self._executor.wait(timeout_seconds)
        for result in results:
            begun = self._begun.pop(result.unit_id, None)
            self._count_requests(result.requests)
            self._count("colorworker_model_batches_total", result.model_batches)
            self._count("colorworker_model_pictures_total", result.model_pictures)
            if begun is not None:
                self._ended(begun, result)
        # Those of this process: listings, reports, heartbeats.
        sent = Counter(requests_since({}))
        self._count_requests(sent - self._requests)
        self._requests = sent
        # They are in the order in which they were handed out.
        first = next(iter(self._begun.values()), None)
        oldest = self._clock() - first.at if first else 0.0
        for each in self._instruments:
            each.set("colorworker_units_in_flight", len(self._begun))
            each.set("colorworker_oldest_unit_seconds", oldest)
        return results

    def drain(self) -> set[str]:
        """See `driver.Executor`."""
        dropped = self._executor.drain()
        for unit_id in dropped:
            self._begun.pop(unit_id, None)
        return dropped

    def close(self) -> None:
        """See `driver.Executor`."""
        self._executor.close()
        self._traces.close()

    def plan(self, items: int) -> None:
        """Tell how many items the job has."""
        for each in self._instruments:
            each.set("colorworker_items_planned", items)

    def add_item(self, line: ItemLine) -> None:
        """Count an item whose outcome is known."""
        self._traces.end_film(line)
        outcome = "parked" if line.error_code == "parked" else _outcome(line.outcome, line.resumed)
        self._count("colorworker_items_total", kind=line.kind or "other", outcome=outcome)
        if line.error_code == "quarantined":
            self._count("colorworker_quarantined_total")
        if not logger.isEnabledFor(logging.INFO):
            return
        facts = {"job": self._job_id, "item": line.key, "outcome": outcome, "error": line.error}
        logger.info("item %s: %s", line.key, outcome, extra=_given(facts))

    def _ended(self, begun: _Begun, result: UnitResult) -> None:
        seconds = self._clock() - begun.at
        kind = _kind(begun.unit)
        for each in self._instruments:
            each.observe("colorworker_unit_seconds", seconds, kind=kind)
        if isinstance(begun.unit, ImageBatch) and result.stills:
            for still, own in zip(begun.unit.stills, result.stills, strict=False):
                own = own.at_attempt(result.attempt)
                self._traces.add_unit("still", still.asset, own, begun.time, begun.time + seconds)
                self._result(own, "still", still.asset.key, 1, seconds)
            return
        frames = begun.unit.frame_count if isinstance(begun.unit, Segment) else 0
        keys = ", ".join(asset.key for asset in _assets(begun.unit))
        film = _film_of(begun.unit)
        self._traces.add_unit(kind, film, result, begun.time, begun.time + seconds)
        self._result(result, kind, keys, frames, seconds)

    def _result(self, result: UnitResult, kind: str, key: str, frames: int, seconds: float) -> None:
        outcome = _outcome(result.outcome, result.resumed)
        self._count("colorworker_units_total", kind=kind, outcome=outcome)
        if result.error_code and result.outcome != "skipped":
            self._count("colorworker_unit_errors_total", code=result.error_code)
        record = result.record
        # Not those of the record: a film's has the seconds of all its units.
        phases = {name: spent for name, (_, _, spent) in result.phases.items()}
        if record and outcome == "succeeded":
            self._count("colorworker_frames_total", frames)
            self._count("colorworker_written_bytes_total", record.size_bytes)
        for each in self._instruments:
            for phase, spent in phases.items():
                each.observe("colorworker_phase_seconds", spent, phase=phase)
        if not logger.isEnabledFor(logging.INFO):
            return
        facts = {
            "job": self._job_id,
            "unit": result.unit_id,
            "item": key,
            "kind": kind,
            "outcome": outcome,
            "attempt": result.attempt,
            "worker": result.worker,
            "seconds": round(seconds, 3),
            "phases": {phase: round(spent, 3) for phase, spent in phases.items()},
            "error_code": result.error_code,
            "error": result.error,
        }
        logger.info("%s of %s: %s", kind, key, outcome, extra=_given(facts))

    def _count_requests(self, requests: Mapping[str, int]) -> None:
        for operation, sent in requests.items():
            self._count("colorworker_store_requests_total", sent, operation=operation)

    def _count(self, name: str, amount: float = 1, **labels: str) -> None:
        for each in self._instruments:
            each.count(name, amount, **labels)


def _kind(unit: WorkUnit) -> str:
    return _KINDS.get(type(unit).__name__, "check")


def _assets(unit: WorkUnit) -> Iterable[Asset]:
    if isinstance(unit, ImageBatch):
        return [still.asset for still in unit.stills]
    film = _film_of(unit)
    return [film] if film else []


def _film_of(unit: WorkUnit) -> Asset | None:
    """Return the film that the unit is a part of; None if it is of no film."""
    return unit.asset if isinstance(unit, Scan | ShotSearch | Segment | Assembly) else None


def _outcome(outcome: str, resumed: bool) -> str:
    return "resumed" if outcome == "succeeded" and resumed else outcome


def _given(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the facts that are known, as attributes of a log record."""
    return {name: value for name, value in facts.items() if value not in ("", {}, None)}
