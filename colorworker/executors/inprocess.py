"""Run units on threads of this process: the default on one machine without several GPUs."""

import logging
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from colorworker.domain.records import UnitResult
from colorworker.domain.units import WorkUnit
from colorworker.executors.worker import internal_error
from colorworker.pipeline.context import Workshop
from colorworker.pipeline.unit import run_unit

logger = logging.getLogger(__name__)


class InProcessExecutor:
    """Threads around one workshop; codecs and TensorFlow release the interpreter at work."""

    def __init__(self, workshop: Workshop, workers: int) -> None:
        self._workshop = workshop
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="unit")
        self._draining = False
        self._running: dict[Future[UnitResult], tuple[WorkUnit, int]] = {}

    @property
    def slots(self) -> int:
        """One unit a thread: nothing is gained by a queue in the same process."""
        return self._workers

    def submit(self, unit: WorkUnit, attempt: int) -> None:
        """Start the unit on a free thread."""
        future = self._pool.submit(run_unit, self._workshop, unit, attempt)
        self._running[future] = (unit, attempt)

    def wait(self, timeout_seconds: float) -> list[UnitResult]:
        """Return what has finished; sleeps at most timeout_seconds."""
        if not self._running:
            time.sleep(timeout_seconds)
            return []
        done, _ = wait(self._running, timeout_seconds, FIRST_COMPLETED)
        return [self._result(future, *self._running.pop(future)) for future in done]

    def drain(self) -> set[str]:
        """Begin nothing any more; return the ids of the units that were not begun."""
        self._draining = True
        unbegun = [future for future in self._running if future.cancel()]
        return {self._running.pop(future)[0].unit_id for future in unbegun}

    def close(self) -> None:
        """End the threads; wait for them, unless drained: then there was time enough."""
        self._pool.shutdown(wait=not self._draining, cancel_futures=True)

    def _result(self, future: Future[UnitResult], unit: WorkUnit, attempt: int) -> UnitResult:
        try:
            return future.result()
        except Exception as error:  # a bug in one unit must not end the job
            logger.exception("unit %s broke the worker", unit.unit_id)
            return internal_error(unit, attempt, error, self._workshop.worker)
