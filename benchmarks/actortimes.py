"""Where the time of actors goes, from the begin and end of every unit; for `scale.py`."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from colorworker.domain.records import UnitResult
from colorworker.driver import Executor


@dataclass(frozen=True)
class Unit:
    """When a unit ran, by the machine's monotonic clock, and what it cost its actor."""

    worker: str
    begun: float
    ended: float
    work: float
    """Seconds of its stated latency."""
    cpu: float = 0.0
    calls: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Shares:
    """Where the actors' time went, as shares of it, and the end of the job."""

    seconds: float
    efficiency: float
    steady: float
    store: float
    gap: float
    tail_seconds: float
    tail_idle: float


def shares_of(units: Sequence[Unit], actors: int) -> Shares:
    """Return where the time of the actors went between the first begin and the last end."""
    start, end = min(unit.begun for unit in units), max(unit.ended for unit in units)
    last = max(unit.begun for unit in units)
    by_worker: dict[str, list[Unit]] = defaultdict(list)
    for unit in sorted(units, key=lambda unit: unit.begun):
        by_worker[unit.worker].append(unit)
    gaps = sum(
        after.begun - before.ended for own in by_worker.values() for before, after in pairwise(own)
    )
    idle = sum(end - max(own[-1].ended, last) for own in by_worker.values())
    idle += (actors - len(by_worker)) * (end - last)
    whole, until_last = actors * (end - start), actors * (last - start)
    steady = sum(
        unit.work * min(1.0, (last - unit.begun) / (unit.ended - unit.begun)) for unit in units
    )
    return Shares(
        end - start,
        sum(unit.work for unit in units) / whole,
        steady / until_last if until_last else 1.0,
        sum(unit.ended - unit.begun - unit.work for unit in units) / whole,
        gaps / whole,
        end - last,
        idle / (actors * (end - last)),
    )


class Watched:
    """An executor that keeps the times of the units that another one runs."""

    def __init__(self, inner: Executor) -> None:
        self._inner = inner
        self._told: list[tuple[str, str]] = []

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def wait(self, timeout_seconds: float) -> list[UnitResult]:
        results = self._inner.wait(timeout_seconds)
        for result in results:
            own = result.stills[0] if result.stills else result
            if own.record is None:
                raise SystemExit(result.error or own.error)
            self._told.append((result.worker, own.record.software))
        return results

    def units(self) -> list[Unit]:
        """Return all units so far. Not done in `wait`, which is measured."""
        return [Unit(worker, **json.loads(told)) for worker, told in self._told]
