"""Run units in processes of this machine: the default on one machine.

Each unit runs in a worker process, one unit at a time. Workers decode, color and encode; they send
pictures at the network's size to the colorizer process, the only one that imports TensorFlow. If a
codec kills a worker, that costs one attempt of one unit, and a new worker is ready in a second,
because the network stays loaded. If the colorizer process dies, it costs one attempt of the unit
whose prediction it was making; the other workers wait for its successor.
"""

import logging
import platform
import socket
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for

from colorworker.domain.records import UnitResult
from colorworker.domain.units import WorkUnit
from colorworker.errors import DependencyMissing, PlaceFailed, UsageError
from colorworker.executors.childprocess import COLORIZER_WANTED, ChildProcess, Ready
from colorworker.executors.worker import WorkerSpec, lost_result
from colorworker.model.installation import INSTALL
from colorworker.store.scratchfiles import ScratchFiles

logger = logging.getLogger(__name__)

_MOST_FAILED_STARTS = 3
"""Processes that may end in a row before they are ready."""
_LOOK_SECONDS = 0.25


@dataclass
class _Worker:
    """A worker process, and the unit assigned to it."""

    process: ChildProcess
    scratch: ScratchFiles | None = None
    """Its temporary files; None until it is ready."""
    running: tuple[WorkUnit, int] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it can take units, or works on one."""
        return self.scratch is not None

    def end(self) -> None:
        """Kill the process if it still runs, and remove the temporary files that it left behind."""
        self.process.kill()
        if self.scratch:
            self.scratch.remove()


class LocalExecutor:
    """Worker processes, started as units need them, and one colorizer process."""

    def __init__(self, spec: WorkerSpec, workers: int, *, stall_seconds: float = 900.0) -> None:
        """Start nothing yet.

        Args:
            spec: Setup of the workers.
            workers: Maximum number of worker processes.
            stall_seconds: How long a process may make no progress before it is killed.
        """
        self._spec, self._most, self._stall_seconds = spec, workers, stall_seconds
        # Requests for connections wait here while no colorizer process runs.
        self._asking, self._answering = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._colorizer: ChildProcess | None = None
        self._colorizer_is_ready = False
        self._is_colorizer_known = False
        """Whether TensorFlow has loaded at least once."""
        self._colorizer_failures = 0
        self._colorizer_end = ""
        self._workers: list[_Worker] = []
        self._waiting: deque[tuple[WorkUnit, int]] = deque()
        self._failed_starts = 0

    @property
    def slots(self) -> int:
        """One unit per worker process."""
        return self._most

    def start(self) -> None:
        """Start the colorizer process and the first worker; they import libraries for seconds."""
        self._start_colorizer()
        self._start_worker()

    def await_colorizer(self) -> None:
        """Wait until the colorizer process has imported TensorFlow.

        Raises:
            DependencyMissing: If TensorFlow is missing or does not load.
        """
        while self._colorizer and not self._colorizer_is_ready:
            wait_for([self._colorizer.connection], _LOOK_SECONDS)
            self._hear_colorizer()

    def submit(self, unit: WorkUnit, attempt: int) -> None:
        """Give the unit to an idle worker, or to the next one that is ready."""
        self._waiting.append((unit, attempt))
        self._assign_units()

    def wait(self, timeout_seconds: float) -> list[UnitResult]:
        """Return the results of finished and lost units; sleeps at most `timeout_seconds`.

        Raises:
            UsageError: If this machine cannot do the job's units. No attempt is counted.
            PlaceFailed: If processes end one after another before they are ready.
        """
        self._listen(timeout_seconds)
        results = [result for worker in list(self._workers) for result in self._hear(worker)]
        self._hear_colorizer()
        self._assign_units()
        return results

    def drain(self) -> set[str]:
        """Begin no more units; return the ids of submitted units that have not begun."""
        unbegun = {unit.unit_id for unit, _ in self._waiting}
        self._waiting.clear()
        return unbegun

    def workers(self) -> list[str]:
        """Return `host:pid` of every worker process that is ready."""
        ready = [worker for worker in self._workers if worker.is_ready]
        return [f"{platform.node()}:{worker.process.pid}" for worker in ready]

    def close(self) -> None:
        """Kill the processes, even if they are busy: what is not committed is done again."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()
        if self._colorizer:
            self._colorizer.kill()
            self._colorizer = None
        self._asking.close()
        self._answering.close()

    def _listen(self, timeout_seconds: float) -> None:
        """Wait until a process has sent a message or ended."""
        processes = [worker.process for worker in self._workers]
        if self._colorizer:
            processes.append(self._colorizer)
        if processes:
            wait_for([process.connection for process in processes], timeout_seconds)
        else:
            time.sleep(timeout_seconds)

    def _start_worker(self) -> None:
        process = self._start("unitprocess", self._asking)
        self._workers.append(_Worker(process))

    def _start_colorizer(self) -> None:
        self._colorizer = self._start("colorizerprocess", self._answering)
        self._colorizer_is_ready = False

    def _start(self, module: str, inherited: socket.socket) -> ChildProcess:
        return ChildProcess(module, self._spec, inherited.fileno(), self._stall_seconds)

    def _assign_units(self) -> None:
        """Give waiting units to idle workers, and start workers for those that remain."""
        for worker in self._workers:
            if self._waiting and worker.is_ready and worker.running is None:
                worker.running = self._waiting.popleft()
                worker.process.send(worker.running)
        starting = sum(not worker.is_ready for worker in self._workers)
        missing = min(len(self._waiting) - starting, self._most - len(self._workers))
        for _ in range(missing):
            self._start_worker()

    def _hear(self, worker: _Worker) -> list[UnitResult]:
        """Handle the messages of a worker, and its end; return the result of its unit if any."""
        results = []
        for message in worker.process.messages():
            if isinstance(message, UsageError):
                raise message
            if isinstance(message, UnitResult):
                results.append(self._result(worker, message))
            elif isinstance(message, Ready):
                worker.scratch = message.scratch
                self._failed_starts = 0
            elif message == COLORIZER_WANTED and not self._colorizer:
                self._start_colorizer()
        if end := worker.process.end:
            self._workers.remove(worker)
            worker.end()
            if worker.running:
                results.append(lost_result(*worker.running, end))
            elif not worker.is_ready:
                self._count_failed_start(end)
        return results

    def _result(self, worker: _Worker, result: UnitResult) -> UnitResult:
        """Take the result of a worker's unit, which may be lost with the colorizer process."""
        running, worker.running = worker.running, None
        if running is None or result.error_code != PlaceFailed.code:
            return result
        self._hear_colorizer()
        return lost_result(*running, f"lost the colorizer process, which {self._colorizer_end},")

    def _hear_colorizer(self) -> None:
        """Handle the messages of the colorizer process, and its end.

        Raises:
            UsageError: If it cannot import TensorFlow.
        """
        process = self._colorizer
        if process is None:
            return
        for message in process.messages():
            if isinstance(message, UsageError):
                raise message
            if isinstance(message, Ready):
                self._colorizer_is_ready = self._is_colorizer_known = True
        if not process.end:
            return
        self._colorizer, self._colorizer_end = None, process.end
        self._colorizer_failures = 0 if self._colorizer_is_ready else self._colorizer_failures + 1
        if not self._is_colorizer_known or self._colorizer_failures >= _MOST_FAILED_STARTS:
            raise DependencyMissing(
                "tensorflow",
                f"does not load (the process that imports it {process.end})",
                f"Install it again: {INSTALL}",
            )
        logger.warning("the colorizer process %s; another one is started", process.end)
        self._start_colorizer()

    def _count_failed_start(self, end: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _MOST_FAILED_STARTS:
            raise PlaceFailed(
                platform.node(),
                f"{self._failed_starts} worker processes in a row did not start; the last {end}",
                "Look at the messages above, and at the memory of this machine",
            )
