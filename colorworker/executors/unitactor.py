"""The actor that runs units on a Ray cluster."""

import pickle
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import ray

from colorworker.domain.records import UnitResult
from colorworker.domain.units import WorkUnit
from colorworker.errors import UsageError
from colorworker.executors.crashlog import stderr_file
from colorworker.executors.worker import WorkerSpec, check_worker, open_context, run_on_worker
from colorworker.pipeline.context import WorkerContext
from colorworker.store.scratchfiles import ScratchFiles

RunUnit = Callable[[WorkerContext, WorkUnit, int], UnitResult]
"""Does one unit, from the worker's context, the unit and the number of the attempt."""

_REMEMBERED_UNITS = 64
"""Number of recently begun units that an actor remembers; far more than it ever has queued."""


def pack(value: Any) -> bytes:
    """Return a value as bytes, for `unpack`.

    Ray would pickle it with cloudpickle, which takes four times as long for a unit. Bytes pass
    through Ray as they are: a call then costs the driver 0.9 ms of CPU instead of 1.5.
    """
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def unpack(packed: bytes) -> Any:
    """Return what `pack` was given."""
    return pickle.loads(packed)  # noqa: S301 - from our own driver or actor, over Ray


class Started(NamedTuple):
    """The answer of an actor that has set itself up."""

    worker: str
    """`host:pid`."""
    node_id: str
    log: str
    """File on its node that its stderr goes to; empty if there is none."""
    scratch: ScratchFiles
    """Its temporary files."""
    refusal: UsageError | None
    """Reason why its machine cannot do the job's units; None if it can."""


class UnitActor:
    """Runs units on one worker. Keeps the worker's context, and so the loaded model."""

    def __init__(self, spec: WorkerSpec, run_unit: RunUnit = run_on_worker) -> None:
        self._spec = spec
        self._run_unit = run_unit
        self._context: WorkerContext | None = None
        self._lock = threading.Lock()
        self._draining = False
        self._begun: deque[tuple[str, int]] = deque(maxlen=_REMEMBERED_UNITS)

    @ray.method(concurrency_group="ctl")  # type: ignore[untyped-decorator]
    def start(self) -> Started:
        """Open the stores and check this machine. Call it once, before anything else."""
        worker, node_id, log = "", ray.get_runtime_context().get_node_id(), stderr_file()
        try:
            context = open_context(self._spec)
            worker = context.worker
            check_worker(context, self._spec)
            scratch = context.scratch_files()
        except UsageError as error:
            return Started(worker, node_id, log, ScratchFiles(), error)
        self._context = context
        context.progress.look_regularly()
        return Started(worker, node_id, log, scratch, None)

    def run(self, packed: bytes) -> bytes | None:
        """Do one unit and return its small result; None after `drain`.

        Args:
            packed: From `pack`: the unit and the number of the attempt.

        Returns:
            The UnitResult, from `pack`.

        Raises:
            UsageError: If this machine is at fault, not the item.
        """
        if self._context is None:
            raise RuntimeError("run() before start()")
        unit, attempt = unpack(packed)
        with self._lock:
            if self._draining:
                return None
            self._begun.append((unit.unit_id, attempt))
        with self._context.progress.working():
            return pack(self._run_unit(self._context, unit, attempt))

    @ray.method(concurrency_group="ctl")  # type: ignore[untyped-decorator]
    def silence(self) -> float:
        """Return for how many seconds the unit has not advanced."""
        return self._context.progress.silence if self._context else 0.0

    @ray.method(concurrency_group="ctl")  # type: ignore[untyped-decorator]
    def remove_scratch(self) -> None:
        """Remove all temporary files, also those of a running unit, which must not go on then."""
        if self._context is not None:
            self._context.scratch_files().remove()

    @ray.method(concurrency_group="ctl")  # type: ignore[untyped-decorator]
    def drain(self) -> list[tuple[str, int]]:
        """Begin no more units; return the id and attempt of recently begun ones.

        This is a call because `ray.cancel` only takes effect when the previous unit has ended, and
        it also kills a running unit.
        """
        with self._lock:
            self._draining = True
            return list(self._begun)
