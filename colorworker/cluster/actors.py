"""Run units on Ray actors: a bounded loop over `ray.wait`, one model an actor.

An actor that dies is replaced by a new one, wherever Ray finds room. Calls are not retried by Ray:
the driver counts attempts, and only the unit that was being worked on is charged one.
"""

import logging
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from colorworker.cluster.worker import WorkerSpec, internal_error, open_workshop
from colorworker.errors import PlaceFailed, UsageError
from colorworker.pipeline.unit import run_unit
from colorworker.work.ledger import UnitResult
from colorworker.work.plan import WorkUnit

logger = logging.getLogger(__name__)

_PREFETCH = 1
"""Units queued at an actor behind the one under way, so that it never waits for the driver."""
_MAX_LOSSES_IN_A_ROW = 20
"""Actors that may die one after another, with nothing done in between, before the cluster is called
broken."""


class UnitActor:
    """Holds a workshop, and with it the model, for as long as it lives."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._workshop = open_workshop(spec)

    def run(self, unit: WorkUnit, attempt: int) -> UnitResult:
        """Do one unit; the only thing that comes back is its small result."""
        return run_unit(self._workshop, unit, attempt)

    @ray.method(concurrency_group="ctl")  # type: ignore[untyped-decorator]
    def ping(self) -> str:
        """Answer while a unit runs: this method has a thread of its own."""
        return self._workshop.worker


@dataclass
class _Place:
    """One actor and what it has been given, in the order in which it works."""

    actor: Any
    queue: deque[tuple[Any, WorkUnit, int]] = field(default_factory=deque)


class RayExecutor:
    """A fixed number of actors, each with one unit under way and one queued."""

    def __init__(
        self,
        spec: WorkerSpec,
        *,
        workers: int | None = None,
        cpus: int = 2,
        gpus: float = 0.0,
        address: str = "",
        environment: dict[str, str] | None = None,
    ) -> None:
        """Join the cluster at `address`, or start Ray on this machine, and start the actors.

        Raises:
            UsageError: If the cluster cannot hold a single actor of that size.
        """
        self._started_ray = not ray.is_initialized()
        if self._started_ray:
            ray.init(
                address=address or "local",
                include_dashboard=False if not address else None,
                log_to_driver=False,
                logging_level=logging.WARNING,
            )
        self._spec = spec
        self._actor_options = {
            "num_cpus": cpus,
            "num_gpus": gpus,
            "max_restarts": 0,
            "max_task_retries": 0,
            "concurrency_groups": {"ctl": 1},
            "scheduling_strategy": "SPREAD",
            "runtime_env": {"env_vars": environment or {}},
        }
        room = _room(cpus, gpus)
        if room == 0:
            self.close()
            raise UsageError(
                "ray",
                f"the cluster has {_resources()}, a worker asks for {cpus} CPUs and {gpus} GPUs",
                "Lower COLORWORKER_RUN__CPUS_PER_WORKER or COLORWORKER_RUN__GPUS_PER_WORKER,"
                " or add nodes",
            )
        self._losses = 0
        self._places = [_Place(self._new_actor()) for _ in range(min(workers or room, room))]

    @property
    def slots(self) -> int:
        """Units under way or queued at the actors."""
        return len(self._places) * (1 + _PREFETCH)

    def submit(self, unit: WorkUnit, attempt: int) -> None:
        """Queue the unit at the actor with the least to do."""
        place = min(self._places, key=lambda place: len(place.queue))
        reference = place.actor.run.remote(unit, attempt)
        place.queue.append((reference, unit, attempt))

    def wait(self, timeout_seconds: float) -> list[UnitResult]:
        """Return what has finished or was lost; sleeps at most timeout_seconds."""
        references = [item[0] for place in self._places for item in place.queue]
        if not references:
            return []
        done, _ = ray.wait(references, num_returns=1, timeout=timeout_seconds, fetch_local=False)
        heads = [place for place in self._places if place.queue and place.queue[0][0] in done]
        return [self._harvest(place) for place in heads]

    def worker_pids(self) -> list[str]:
        """Return `host:pid` of every actor."""
        return list(ray.get([place.actor.ping.remote() for place in self._places]))

    def close(self) -> None:
        """End the actors, and Ray if it was started here."""
        for place in getattr(self, "_places", []):
            ray.kill(place.actor)
        if self._started_ray:
            ray.shutdown()

    def _new_actor(self) -> Any:
        actor_class = ray.remote(**self._actor_options)(UnitActor)
        return actor_class.remote(self._spec)

    def _harvest(self, place: _Place) -> UnitResult:
        """Take the result at the head of an actor's queue, replacing the actor if it has died."""
        reference, unit, attempt = place.queue.popleft()
        try:
            result: UnitResult = ray.get(reference)
        except RayTaskError as error:
            # The actor lives and our own code broke: the unit's fault, or ours.
            logger.exception("unit %s broke the worker", unit.unit_id)
            return internal_error(unit, attempt, error.cause)
        except RayError as error:
            # ActorDied, ActorUnavailable, OutOfMemory, WorkerCrashed, NodeDied: the place failed.
            return self._lost(place, unit, attempt, type(error).__name__)
        self._losses = 0
        return result

    def _lost(self, place: _Place, unit: WorkUnit, attempt: int, reason: str) -> UnitResult:
        self._losses += 1
        if self._losses > _MAX_LOSSES_IN_A_ROW:
            raise PlaceFailed(
                "ray",
                f"{self._losses} workers died one after another, the last by {reason}",
                "Look at the workers' logs under /tmp/ray/session_latest/logs",
            )
        logger.warning("worker lost (%s) under unit %s; starting another", reason, unit.unit_id)
        ray.kill(place.actor)
        place.actor = self._new_actor()
        # What was only queued there never ran, or is idempotent if it did: no attempt is charged.
        place.queue = deque(
            (place.actor.run.remote(queued, tries), queued, tries)
            for _, queued, tries in place.queue
        )
        return UnitResult(
            unit.unit_id,
            "lost",
            error_code=PlaceFailed.code,
            error=reason,
            retryable=True,
            attempt=attempt,
        )


def _resources() -> dict[str, float]:
    alive: dict[str, float] = ray.cluster_resources()
    return {name: alive.get(name, 0.0) for name in ("CPU", "GPU")}


def _room(cpus: int, gpus: float) -> int:
    """Return how many actors of that size the cluster holds; Ray would wait forever for more."""
    alive = _resources()
    by_cpu = int(alive["CPU"] // cpus)
    return min(by_cpu, int(alive["GPU"] // gpus)) if gpus else by_cpu
