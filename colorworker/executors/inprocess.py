"""Run units on threads of this process: the default on one machine without several GPUs."""

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from colorworker.domain.records import UnitResult
from colorworker.domain.units import WorkUnit
from colorworker.executors.worker import run_on_worker
from colorworker.pipeline.context import WorkerContext


class InProcessExecutor:
    """Threads that share one worker context; codecs and TensorFlow release the interpreter lock."""

    def __init__(self, context: WorkerContext, workers: int) -> None:
        self._context = context
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="unit")
        self._draining = False
        self._running: dict[Future[UnitResult], str] = {}
        """The units' ids."""

    @property
    def slots(self) -> int:
        """One unit per thread; queueing more in the same process gains nothing."""
        return self._workers

    def submit(self, unit: WorkUnit, attempt: int) -> None:
        """Start the unit on a free thread."""
        future = self._pool.submit(run_on_worker, self._context, unit, attempt)
        self._running[future] = unit.unit_id

    def wait(self, timeout_seconds: float) -> list[UnitResult]:
        """Return the results of finished units; sleeps at most timeout_seconds.

        Raises:
            UsageError: If this machine cannot do the job's units. There is no other worker, so this
                ends the job. No attempt is counted.
        """
        if not self._running:
            time.sleep(timeout_seconds)
            return []
        done, _ = wait(self._running, timeout_seconds, FIRST_COMPLETED)
        for future in done:
            del self._running[future]
        return [future.result() for future in done]

    def drain(self) -> set[str]:
        """Begin no more units; return the ids of submitted units that have not begun."""
        self._draining = True
        unbegun = [future for future in self._running if future.cancel()]
        return {self._running.pop(future) for future in unbegun}

    def close(self) -> None:
        """End the threads. Waits for them, unless `drain` was called, which gave them time."""
        self._pool.shutdown(wait=not self._draining, cancel_futures=True)
