"""Run units on Ray actors, one model per actor, with work per unit that no actor adds to.

Actors come and go with the nodes. Only an actor that has answered gets a unit, so an actor that
does not fit on the cluster delays nothing. It gets one unit at a time, so no unit waits behind a
long one while another actor is idle. A dead actor is dropped, and another is requested where there
is capacity. Ray does not retry calls: the driver counts attempts, and only the unit that was
running is charged one.

An actor whose machine cannot do the job's units (no TensorFlow, unreadable weights, a full disk) is
retired, and no other is started on its node. Its unit goes to another actor, without counting an
attempt. When no actor is left, the job ends.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from colorworker.domain.records import UnitResult
from colorworker.domain.units import WorkUnit
from colorworker.errors import PlaceFailed, UsageError
from colorworker.executors.actordeaths import ActorDeaths
from colorworker.executors.actorwatch import ActorWatch
from colorworker.executors.rayconnect import connect
from colorworker.executors.rayworker import RayWorker, RunningUnit
from colorworker.executors.silence import stalled
from colorworker.executors.sizing import PoolSize
from colorworker.executors.unitactor import RunUnit, Started, UnitActor, pack, unpack
from colorworker.executors.worker import WorkerSpec, internal_error, lost_result, run_on_worker

logger = logging.getLogger(__name__)

_QUEUED_PER_ACTOR = 1
"""Units per actor that wait here, so that an idle actor need not wait for the driver."""
_ADJUST_SECONDS = 2.0
"""Interval between checks of the cluster's nodes."""
_LOOK_SECONDS = 1.0
"""Interval between checks whether units advance."""
_ANSWER_SECONDS = 5.0
"""How long an actor may take to report which units it has begun."""
_MAX_LOSSES_IN_A_ROW = 20
"""Actors that may die in a row, with no unit finished in between, before the job gives up on the
cluster."""
_LAST_CHANCE_SECONDS = 30.0
"""How long to wait for actors that are starting if all nodes are refused and no actor works."""
_STOPPED = "was stopped before it began"
_NODE_LABEL = "ray.io/node-id"
"""Label that Ray sets on every node."""


class RayExecutor:
    """Runs units on as many actors as the cluster has capacity for, one unit per actor."""

    def __init__(
        self,
        spec: WorkerSpec,
        size: PoolSize,
        *,
        address: str = "",
        environment: dict[str, str] | None = None,
        start_seconds: float = 300.0,
        stall_seconds: float = 900.0,
        run_unit: RunUnit = run_on_worker,
    ) -> None:
        """Connect to the cluster at `address`, or start Ray on this machine, and start the actors.

        Args:
            spec: Setup of the actors.
            size: Number of actors, and the resources of each.
            address: Address of the cluster; empty starts Ray on this machine.
            environment: Environment variables of the actors' processes.
            start_seconds: How long there may be no actor at all before the job ends.
            stall_seconds: How long a unit may make no progress before its actor is killed.
            run_unit: What actors do with a unit.

        Raises:
            UsageError: If there is no such cluster, or it has no room for a single actor and
                size.min_workers does not request to wait for more nodes.
        """
        self._connected_here = not ray.is_initialized()
        if self._connected_here:
            connect(address)
        self._size = size
        self._spec, self._run_unit = spec, run_unit
        self._start_seconds, self._stall_seconds = start_seconds, stall_seconds
        self._actor_class = ray.remote(
            num_cpus=size.cpus,
            num_gpus=size.gpus,
            max_restarts=0,
            max_task_retries=0,
            concurrency_groups={"ctl": 1},
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": environment or {}},
        )(UnitActor)
        self._workers: list[RayWorker] = []
        self._ready: list[RayWorker] = []
        self._idle: deque[RayWorker] = deque()
        self._ended: SimpleQueue[tuple[RayWorker, Future[Any]]] = SimpleQueue()
        self._waiting: deque[tuple[WorkUnit, int]] = deque()
        self._deaths = ActorDeaths()
        self._losses = 0
        self._draining = False
        self._refused_nodes: dict[str, UsageError] = {}
        self._last_refused = 0.0
        self._last_ready = self._last_adjusted = self._last_looked = time.monotonic()
        if self._capacity() == 0 and not size.min_workers:
            resources = _resources()
            self.close()
            raise UsageError(
                "ray",
                f"no node of the cluster ({resources}) has room for a worker of"
                f" {size.worker_resources}",
                "Lower COLORWORKER_RUN__CPUS_PER_WORKER or COLORWORKER_RUN__GPUS_PER_WORKER, add"
                " nodes, or set COLORWORKER_RUN__MIN_WORKERS to wait for an autoscaler",
            )
        self._adjust_pool()

    @property
    def slots(self) -> int:
        """Units running at ready actors, plus as many that wait for one of them."""
        return len(self._ready) * (1 + _QUEUED_PER_ACTOR)

    def submit(self, unit: WorkUnit, attempt: int) -> None:
        """Give the unit to an idle actor, or to the next actor that becomes idle."""
        self._waiting.append((unit, attempt))
        self._assign_units()

    def wait(self, timeout_seconds: float) -> list[UnitResult]:
        """Return the results of finished and lost units; sleeps at most `timeout_seconds`.

        Raises:
            UsageError: If no machine of the cluster can do the job's units.
            PlaceFailed: If actors die one after another, or there was none for `start_seconds`.
        """
        if time.monotonic() - self._last_adjusted >= _ADJUST_SECONDS:
            self._adjust_pool()
        results: list[UnitResult] = []
        for worker, answer in self._answers(timeout_seconds):
            if worker.starting is answer:
                self._take_started(worker, answer)
            elif (
                (running := worker.running)
                and running.result is answer
                and (result := self._take_result(worker, running))
            ):
                results.append(result)
        if time.monotonic() - self._last_looked >= _LOOK_SECONDS:
            self._last_looked = time.monotonic()
            results += [
                self._stalled(worker, worker.running)
                for worker in self._ready.copy()
                if worker.running and worker.running.watch.has_stalled()
            ]
        return results + self._deaths.results()

    def drain(self) -> set[str]:
        """Begin no more units; return the ids of submitted units that have not begun."""
        self._draining = True
        unbegun = {unit.unit_id for unit, _ in self._waiting}
        self._waiting.clear()
        workers = [worker for worker in self._ready if worker.running]
        answers = [worker.actor.drain.remote() for worker in workers]
        if answers:
            ray.wait(answers, num_returns=len(answers), timeout=_ANSWER_SECONDS)
        for worker, answer in zip(workers, answers, strict=True):
            try:
                begun = set(ray.get(answer, timeout=0))
            except RayError:  # Dead or silent: its unit will be lost, or finish.
                continue
            running = worker.running
            if running and (running.unit.unit_id, running.attempt) not in begun:
                unbegun.add(running.unit.unit_id)
                worker.running = None
        return unbegun

    def workers(self) -> list[str]:
        """Return `host:pid` of every actor that is ready."""
        return [worker.name for worker in self._ready]

    def close(self) -> None:
        """Kill the actors, even if they are busy, and disconnect from Ray if connected here."""
        cleaning = [worker.actor.remove_scratch.remote() for worker in self._ready]
        cleaning += self._deaths.cleaning
        if cleaning:
            ray.wait(cleaning, num_returns=len(cleaning), timeout=_ANSWER_SECONDS)
        for worker in self._workers:
            ray.kill(worker.actor)
        if self._connected_here:
            ray.shutdown()

    def _await(self, worker: RayWorker, reference: Any) -> "Future[Any]":
        """Return the result of a call; the worker comes out of `_answers` when it is there.

        Unlike `ray.wait`, this costs the same however many other calls are awaited.
        """
        answer: Future[Any] = reference.future()
        answer.add_done_callback(lambda done: self._ended.put((worker, done)))
        return answer

    def _answers(self, timeout_seconds: float) -> Iterator[tuple[RayWorker, "Future[Any]"]]:
        """Yield the answers that are there; if there is none, wait for the first one."""
        with suppress(Empty):
            yield self._ended.get(timeout=timeout_seconds)
            for _ in range(self._ended.qsize()):
                yield self._ended.get_nowait()

    def _capacity(self) -> int:
        """Return how many actors fit on the nodes that are alive and not refused."""
        return self._size.capacity(
            node["Resources"]
            for node in ray.nodes()
            if node["Alive"] and node["NodeID"] not in self._refused_nodes
        )

    def _adjust_pool(self) -> None:
        """Request actors where there is capacity and work; withdraw requests that do not fit.

        Raises:
            UsageError: If every node is refused and no actor is left.
            PlaceFailed: If there was no actor for `start_seconds`.
        """
        self._last_adjusted = time.monotonic()
        if self._ready:
            self._last_ready = self._last_adjusted
        elif self._last_adjusted - self._last_ready > self._start_seconds:
            raise self._none_started()
        if self._draining:
            return
        capacity = self._capacity()
        self._end_if_all_are_refused(capacity)
        if not self._refused_nodes:  # else those that start may be on a node that has no capacity
            for worker in self._workers[::-1]:
                if worker.starting is not None and len(self._workers) > self._size.limit(capacity):
                    self._remove(worker)
        work_is_waiting = bool(self._waiting) or not self._ready
        target = self._size.target(capacity, work_is_waiting) if work_is_waiting else 0
        for _ in range(target - len(self._workers)):
            self._workers.append(self._request_actor())

    def _request_actor(self) -> RayWorker:
        chosen = self._actor_class
        if self._refused_nodes:
            selector = {_NODE_LABEL: f"!in({','.join(sorted(self._refused_nodes))})"}
            chosen = chosen.options(label_selector=selector)
        worker = RayWorker(chosen.remote(self._spec, self._run_unit))
        worker.starting = self._await(worker, worker.actor.start.remote())
        return worker

    def _take_started(self, worker: RayWorker, answer: "Future[Started]") -> None:
        """Handle the answer of a starting actor: ready, its machine refused, or failed."""
        try:
            started = answer.result()
        except RayError as error:
            cause = error.cause if isinstance(error, RayTaskError) else None
            logger.warning("a worker did not start: %s", cause or error)
            self._count_loss(worker, error)
            return
        worker.name, worker.node_id, worker.log = started.worker, started.node_id, started.log
        worker.scratch = started.scratch
        if started.refusal:
            self._retire(worker, started.refusal)
            return
        worker.starting = None
        self._ready.append(worker)
        self._idle.append(worker)
        logger.info("worker %s is ready", worker.name)
        self._assign_units()

    def _assign_units(self) -> None:
        """Give waiting units to idle actors."""
        while self._idle and self._waiting:
            worker, (unit, attempt) = self._idle.popleft(), self._waiting.popleft()
            result = self._await(worker, worker.actor.run.remote(pack((unit, attempt))))
            watch = ActorWatch(worker.actor, self._stall_seconds)
            worker.running = RunningUnit(result, unit, attempt, watch)

    def _take_result(self, worker: RayWorker, running: RunningUnit) -> UnitResult | None:
        """Return the result of an actor's unit; drop the actor if it has died.

        None if the actor's machine is at fault: the unit then goes to another actor. None as well
        if the actor has died: the result follows when it is known how.
        """
        unit, attempt = running.unit, running.attempt
        try:
            packed = running.result.result()
            result = unpack(packed) if packed else lost_result(unit, attempt, _STOPPED)
        except RayTaskError as error:
            if isinstance(error.cause, UsageError):
                return self._refused(worker, running, error.cause)
            # The actor is alive, so either the unit or our own code is at fault.
            logger.exception("unit %s broke the worker", unit.unit_id)
            result = internal_error(unit, attempt, error.cause)
        except RayError as error:
            # ActorDied, ActorUnavailable, OutOfMemory, WorkerCrashed or NodeDied.
            self._lose(worker, running, error)
            return None
        worker.running = None
        self._idle.append(worker)
        self._losses = 0
        self._assign_units()
        return result

    def _refused(
        self, worker: RayWorker, running: RunningUnit, refusal: UsageError
    ) -> UnitResult | None:
        """Take the unit back from an actor whose machine cannot do it, and queue it again."""
        if self._draining:
            self._retire(worker, refusal)
            return lost_result(running.unit, running.attempt, _STOPPED)
        self._waiting.appendleft((running.unit, running.attempt))
        self._retire(worker, refusal)
        return None

    def _retire(self, worker: RayWorker, refusal: UsageError) -> None:
        """Give no more units to an actor, and start no other on its node.

        Other actors on that node are kept as long as they work.

        Raises:
            UsageError: The refusal, if no actor is left and no node where one could start.
        """
        logger.warning("worker %s is retired: %s", worker.name or worker.node_id, refusal)
        self._remove(worker)
        self._refused_nodes[worker.node_id] = refusal
        self._last_refused = time.monotonic()
        self._adjust_pool()
        self._assign_units()

    def _end_if_all_are_refused(self, capacity: int) -> None:
        if not self._refused_nodes or capacity or self._ready:
            return
        if self._workers and time.monotonic() - self._last_refused < _LAST_CHANCE_SECONDS:
            return  # It was requested before its node was refused.
        raise next(reversed(self._refused_nodes.values()))

    def _none_started(self) -> PlaceFailed:
        seen = (
            f"no worker of {self._size.worker_resources} has started in {self._start_seconds:.0f} s"
            f" on a cluster with {_resources()}"
        )
        for refusal in list(self._refused_nodes.values())[-1:]:
            seen += f", where {len(self._refused_nodes)} nodes were refused ({refusal})"
        return PlaceFailed(
            "ray",
            seen,
            "See `ray status` for who holds its resources, and the logs under"
            " /tmp/ray/session_latest/logs",
        )

    def _lose(self, worker: RayWorker, running: RunningUnit, error: RayError) -> None:
        """Drop a dead actor, and request another."""
        unit, attempt = running.unit, running.attempt
        logger.warning("worker lost (%s) while running unit %s", type(error).__name__, unit.unit_id)
        self._count_loss(worker, error)
        self._adjust_pool()
        self._deaths.add(unit, attempt, error, node_id=worker.node_id, log=worker.log)

    def _stalled(self, worker: RayWorker, running: RunningUnit) -> UnitResult:
        """Kill an actor whose unit makes no progress, and request another."""
        reason = stalled(self._stall_seconds)
        logger.warning("worker %s %s at unit %s", worker.name, reason, running.unit.unit_id)
        self._remove(worker)
        self._adjust_pool()
        return lost_result(running.unit, running.attempt, reason)

    def _count_loss(self, worker: RayWorker, error: RayError) -> None:
        self._remove(worker)
        self._losses += 1
        if self._losses > _MAX_LOSSES_IN_A_ROW:
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise PlaceFailed(
                "ray",
                f"{self._losses} workers died in a row, the last by"
                f" {type(error).__name__} ({lines[-1].strip() if lines else ''})",
                "Look at the workers' logs under /tmp/ray/session_latest/logs",
            )

    def _remove(self, worker: RayWorker) -> None:
        self._workers.remove(worker)
        worker.starting = worker.running = None
        for workers in (self._ready, self._idle):
            with suppress(ValueError):
                workers.remove(worker)
        # It may be alive but unreachable. It must not keep running beside its replacement.
        ray.kill(worker.actor)
        self._deaths.clean(worker.scratch, worker.node_id)


def _resources() -> str:
    alive: dict[str, float] = ray.cluster_resources()
    return ", ".join(f"{alive.get(name, 0.0):g} {name}s" for name in ("CPU", "GPU"))
