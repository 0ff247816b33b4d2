"""An executor for tests of whole jobs: units run on threads, with any store and colorizer."""

import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from colorworker.executors.worker import run_on_worker


class ThreadExecutor:
    """Threads that share one worker context."""

    def __init__(self, context, workers=1):
        self.slots = workers
        self._context = context
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="unit")
        self._running = {}

    def submit(self, unit, attempt):
        future = self._pool.submit(run_on_worker, self._context, unit, attempt)
        self._running[future] = unit.unit_id

    def wait(self, timeout_seconds):
        if not self._running:
            time.sleep(timeout_seconds)
        done, _ = wait(self._running, timeout_seconds, FIRST_COMPLETED)
        for future in done:
            del self._running[future]
        return [future.result() for future in done]

    def drain(self):
        unbegun = [future for future in self._running if future.cancel()]
        return {self._running.pop(future) for future in unbegun}

    def close(self):
        self._pool.shutdown(cancel_futures=True)
