"""An executor for benchmarks: units run in this process, one after another, with any context."""

from collections import deque

from colorworker.domain.records import UnitResult
from colorworker.domain.units import WorkUnit
from colorworker.executors.worker import run_on_worker
from colorworker.pipeline.context import WorkerContext


class InlineExecutor:
    """Runs a unit whenever a result is awaited."""

    slots = 1

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._waiting: deque[tuple[WorkUnit, int]] = deque()

    def submit(self, unit: WorkUnit, attempt: int) -> None:
        self._waiting.append((unit, attempt))

    def wait(self, _timeout_seconds: float) -> list[UnitResult]:
        return [run_on_worker(self._context, *self._waiting.popleft())] if self._waiting else []

    def drain(self) -> set[str]:
        unbegun = {unit.unit_id for unit, _ in self._waiting}
        self._waiting.clear()
        return unbegun

    def close(self) -> None:
        pass
