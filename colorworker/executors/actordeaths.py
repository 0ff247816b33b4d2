"""Find out how Ray actors died, while their units wait for the answer.

Ray tells neither the signal nor the exit code. If an actor has crashed, its log on its node names
the signal, and a small task reads it there. The driver does not wait for it.
"""

import time
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from colorworker.domain.records import UnitResult
from colorworker.domain.units import WorkUnit
from colorworker.executors.crashlog import crash_signal
from colorworker.executors.worker import lost_result
from colorworker.store.scratchfiles import ScratchFiles

_ANSWER_SECONDS = 20.0
"""How long to wait for the signal; a busy node takes seconds to start a process for the task."""


@dataclass(frozen=True)
class _Death:
    """A lost unit, and the reference to the signal that ended its actor."""

    unit: WorkUnit
    attempt: int
    reason: str
    """What to say if no signal is known."""
    reading: Any
    """None if there is nothing to read."""
    deadline: float

    def result(self) -> UnitResult | None:
        """Return the result of the unit; None while the log is being read."""
        name = ""
        if self.reading is not None:
            done, _ = ray.wait([self.reading], timeout=0)
            if done:
                name = _answer(self.reading)
            elif time.monotonic() < self.deadline:
                return None
            else:
                ray.cancel(self.reading, force=True)
        return lost_result(
            self.unit, self.attempt, f"was killed by {name}" if name else self.reason
        )


class ActorDeaths:
    """The units whose actors have died, until it is known how."""

    def __init__(self) -> None:
        # Without a runtime environment of its own, so that an idle process can take it at once.
        self._task = ray.remote(num_cpus=0, max_retries=0)(crash_signal)
        self._remove = ray.remote(num_cpus=0, max_retries=0)(ScratchFiles.remove)
        self._deaths: list[_Death] = []
        self.cleaning: list[Any] = []
        """References to removals of temporary files."""

    def add(self, unit: WorkUnit, attempt: int, error: RayError, *, node_id: str, log: str) -> None:
        """Begin to find out how the actor of a unit died.

        Args:
            unit: The unit that was running.
            attempt: Number of the attempt, from 1.
            error: The error that Ray gave instead of the unit's result.
            node_id: Node of the actor.
            log: File on that node that the actor's stderr went to; empty if unknown.
        """
        reading = None
        if log and isinstance(error, ActorDiedError) and _is_alive(node_id):
            reading = self._task.options(scheduling_strategy=_on(node_id)).remote(log)
        reason = f"died ({type(error).__name__}: crashed, or out of memory)"
        deadline = time.monotonic() + _ANSWER_SECONDS
        self._deaths.append(_Death(unit, attempt, reason, reading, deadline))

    def clean(self, scratch: ScratchFiles, node_id: str) -> None:
        """Remove the temporary files of an actor that was killed or has died.

        Those in folders that only its node has are removed by a task there, which is not awaited.
        """
        scratch.remove()
        is_elsewhere = node_id != ray.get_runtime_context().get_node_id()
        if scratch.folders and is_elsewhere and _is_alive(node_id):
            task = self._remove.options(scheduling_strategy=_on(node_id))
            self.cleaning.append(task.remote(scratch))

    def results(self) -> list[UnitResult]:
        """Return the results of units that are no longer awaited. Does not block."""
        results, awaited = [], []
        for death in self._deaths:
            if result := death.result():
                results.append(result)
            else:
                awaited.append(death)
        self._deaths = awaited
        return results


def _answer(reading: Any) -> str:
    try:
        name: str = ray.get(reading)
    except RayError:  # The node is gone, too, or cannot start a process.
        return ""
    return name


def _on(node_id: str) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node_id, soft=False)


def _is_alive(node_id: str) -> bool:
    return any(node["Alive"] and node["NodeID"] == node_id for node in ray.nodes())
