"""Run units on Ray actors: a bounded loop over `ray.wait`, one model an actor.

Actors come and go with the nodes. Only one that has answered is given a unit, so an actor for which
there is no room holds up nothing; and only one at a time, so none waits behind a long one while
another actor is idle. One that dies is dropped, and another is asked for where there is room. Calls
are not retried by Ray: the driver counts attempts, and only the unit that was being worked on is
charged one.
"""

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError, RayTaskError

from colorworker.domain.records import UnitResult
from colorworker.domain.units import WorkUnit
from colorworker.errors import PlaceFailed, UsageError
from colorworker.executors.rayconnect import join
from colorworker.executors.sizing import Crew
from colorworker.executors.worker import (
    WorkerSpec,
    internal_error,
    open_workshop,
    refuse_other_destination,
)
from colorworker.pipeline.unit import run_unit

logger = logging.getLogger(__name__)

_AHEAD = 1
"""Units an actor that wait here, so that whichever is free first need not wait for the driver."""
_LOOK_SECONDS = 2.0
"""Time between two looks at the cluster's nodes."""
_ANSWER_SECONDS = 5.0
"""How long an actor may take to say what it has begun."""
_REMEMBERED = 64
"""Units last begun that an actor can name; many more than are ever queued at it."""
_MAX_LOSSES_IN_A_ROW = 20
"""Actors that may die one after another, with nothing done in between, before the cluster is called
broken."""


class UnitActor:
    """Holds a workshop, and with it the model, for as long as it lives."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._workshop = open_workshop(spec)
        self._landmark = spec.landmark
        self._lock = threading.Lock()
        self._draining = False
        self._begun: deque[tuple[str, int]] = deque(maxlen=_REMEMBERED)

    def run(self, unit: WorkUnit, attempt: int) -> UnitResult | None:
        """Do one unit, unless drained; the only thing that comes back is its small result."""
        with self._lock:
            if self._draining:
                return None
            self._begun.append((unit.unit_id, attempt))
        return run_unit(self._workshop, unit, attempt)

    @ray.method(concurrency_group="ctl")  # type: ignore[untyped-decorator]
    def ping(self) -> str:
        """Answer while a unit runs: this method has a thread of its own.

        Raises:
            UsageError: If the destination is not the one that the driver sees.
        """
        refuse_other_destination(self._workshop, self._landmark)
        return self._workshop.worker

    @ray.method(concurrency_group="ctl")  # type: ignore[untyped-decorator]
    def drain(self) -> list[tuple[str, int]]:
        """Begin nothing any more; return id and attempt of the units begun last.

        A call rather than `ray.cancel`, which comes through only when the unit before has ended,
        and then ends one that runs as well.
        """
        with self._lock:
            self._draining = True
            return list(self._begun)


class _Given(NamedTuple):
    """A unit at an actor, and the reference to what will come of it."""

    reference: Any
    unit: WorkUnit
    attempt: int


@dataclass
class _Place:
    """One actor and the unit it has been given."""

    actor: Any
    answer: Any
    """Reference to its first ping; None once that has come."""
    given: _Given | None = None

    @property
    def awaited(self) -> list[Any]:
        if self.answer is not None:
            return [self.answer]
        return [self.given.reference] if self.given else []


class RayExecutor:
    """As many actors as there is room for, each with one unit under way."""

    def __init__(
        self,
        spec: WorkerSpec,
        crew: Crew,
        *,
        address: str = "",
        environment: dict[str, str] | None = None,
        start_seconds: float = 300.0,
    ) -> None:
        """Join the cluster at `address`, or start Ray on this machine, and start the actors.

        Args:
            spec: What the actors set themselves up from.
            crew: How many of which size.
            address: Of the cluster; empty starts Ray on this machine.
            environment: Variables of the actors' processes.
            start_seconds: How long there may be no actor at all before the job is given up.

        Raises:
            UsageError: If there is no such cluster, or it cannot hold a single actor of that size
                and crew.at_least does not ask to wait for more nodes.
        """
        self._joined = not ray.is_initialized()
        if self._joined:
            join(address)
        self._crew = crew
        self._spec = spec
        self._start_seconds = start_seconds
        self._actor_class = ray.remote(
            num_cpus=crew.cpus,
            num_gpus=crew.gpus,
            max_restarts=0,
            max_task_retries=0,
            concurrency_groups={"ctl": 1},
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": environment or {}},
        )(UnitActor)
        self._places: list[_Place] = []
        self._waiting: deque[tuple[WorkUnit, int]] = deque()
        self._was_manned = False
        self._losses = 0
        self._draining = False
        self._last_manned = self._looked = time.monotonic()
        if crew.room(_nodes()) == 0 and not crew.at_least:
            there = _resources()
            self.close()
            raise UsageError(
                "ray",
                f"no node of the cluster ({there}) has room for a worker of {crew.words}",
                "Lower COLORWORKER_RUN__CPUS_PER_WORKER or COLORWORKER_RUN__GPUS_PER_WORKER, add"
                " nodes, or set COLORWORKER_RUN__MIN_WORKERS to wait for an autoscaler",
            )
        self._man()

    @property
    def slots(self) -> int:
        """Units under way at the actors that are there, and as many that wait for one of them."""
        return len(self._manned()) * (1 + _AHEAD)

    def submit(self, unit: WorkUnit, attempt: int) -> None:
        """Give the unit to an actor that is idle, or to the next that is."""
        self._waiting.append((unit, attempt))
        self._deal()

    def wait(self, timeout_seconds: float) -> list[UnitResult]:
        """Return what has finished or was lost; sleeps at most timeout_seconds.

        Raises:
            PlaceFailed: If actors die one after another, or none has been there for long.
        """
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._man()
        awaited = {reference: place for place in self._places for reference in place.awaited}
        if not awaited:
            time.sleep(timeout_seconds)
            return []
        references = list(awaited)
        ray.wait(references, num_returns=1, timeout=timeout_seconds, fetch_local=False)
        done, _ = ray.wait(references, num_returns=len(references), timeout=0, fetch_local=False)
        results: list[UnitResult] = []
        for place in (awaited[reference] for reference in done):
            if place.given is not None:
                results.append(self._harvest(place, place.given))
            else:
                self._welcome(place)
        return results

    def drain(self) -> set[str]:
        """Begin nothing any more; return the ids of the units that were not begun."""
        self._draining = True
        unbegun = {unit.unit_id for unit, _ in self._waiting}
        self._waiting.clear()
        places = [place for place in self._manned() if place.given]
        answers = [place.actor.drain.remote() for place in places]
        if answers:
            ray.wait(answers, num_returns=len(answers), timeout=_ANSWER_SECONDS)
        for place, answer in zip(places, answers, strict=True):
            try:
                begun = set(ray.get(answer, timeout=0))
            except RayError:  # It is dead or does not answer: what it had is found lost, or done.
                continue
            given = place.given
            if given and (given.unit.unit_id, given.attempt) not in begun:
                unbegun.add(given.unit.unit_id)
                place.given = None
        return unbegun

    def workers(self) -> list[str]:
        """Return `host:pid` of every actor that is there."""
        return list(ray.get([place.actor.ping.remote() for place in self._manned()]))

    def close(self) -> None:
        """End the actors, whatever they do, and Ray if it was started or joined here."""
        for place in self._places:
            ray.kill(place.actor)
        if self._joined:
            ray.shutdown()

    def _manned(self) -> list[_Place]:
        return [place for place in self._places if place.answer is None]

    def _man(self) -> None:
        """Ask for actors where there is room and work for them; call off those without room."""
        self._looked = time.monotonic()
        manned = self._manned()
        if manned:
            self._last_manned = self._looked
        elif self._looked - self._last_manned > self._start_seconds:
            raise PlaceFailed(
                "ray",
                f"no worker of {self._crew.words} has started in {self._start_seconds:.0f} s"
                f" on a cluster with {_resources()}",
                "See `ray status` for who holds its resources, and the logs under"
                " /tmp/ray/session_latest/logs",
            )
        if self._draining:
            return
        room = self._crew.room(_nodes())
        for place in self._places[::-1]:
            if place.answer is not None and len(self._places) > self._crew.bound(room):
                self._drop(place)
        hungry = bool(self._waiting) or not manned
        missing = self._crew.wanted(room, hungry) - len(self._places) if hungry else 0
        for _ in range(missing):
            actor = self._actor_class.remote(self._spec)
            self._places.append(_Place(actor, actor.ping.remote()))

    def _welcome(self, place: _Place) -> None:
        """Take in an actor that has answered its first ping, or failed to come up.

        Raises:
            UsageError: If it is the first, and sees another destination than the driver.
        """
        try:
            worker = ray.get(place.answer)
        except RayError as error:
            cause = error.cause if isinstance(error, RayTaskError) else None
            if isinstance(cause, UsageError) and not self._was_manned:
                raise cause from error
            logger.warning("a worker did not come up: %s", cause or error)
            self._count_loss(place, error)
            return
        place.answer = None
        self._was_manned = True
        logger.info("worker %s is there", worker)
        self._deal()

    def _deal(self) -> None:
        """Give what waits to the actors that are idle."""
        for place in self._manned():
            if place.given is None and self._waiting:
                unit, attempt = self._waiting.popleft()
                place.given = _Given(place.actor.run.remote(unit, attempt), unit, attempt)

    def _harvest(self, place: _Place, given: _Given) -> UnitResult:
        """Take the result of an actor's unit, dropping the actor if it has died."""
        reference, unit, attempt = given
        try:
            result: UnitResult | None = ray.get(reference)
        except RayTaskError as error:
            # The actor lives and our own code broke: the unit's fault, or ours.
            logger.exception("unit %s broke the worker", unit.unit_id)
            result = internal_error(unit, attempt, error.cause)
        except RayError as error:
            # ActorDied, ActorUnavailable, OutOfMemory, WorkerCrashed, NodeDied: the place failed.
            return self._lost(place, given, error)
        place.given = None
        self._losses = 0
        self._deal()
        return result or _lost_result(unit, attempt, "stopped before it was begun")

    def _lost(self, place: _Place, given: _Given, error: RayError) -> UnitResult:
        """Give up an actor, and ask for another."""
        reason = type(error).__name__
        logger.warning("worker lost (%s) under unit %s", reason, given.unit.unit_id)
        self._count_loss(place, error)
        self._man()
        return _lost_result(given.unit, given.attempt, reason)

    def _count_loss(self, place: _Place, error: RayError) -> None:
        self._drop(place)
        self._losses += 1
        if self._losses > _MAX_LOSSES_IN_A_ROW:
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise PlaceFailed(
                "ray",
                f"{self._losses} workers died one after another, the last by"
                f" {type(error).__name__} ({lines[-1].strip() if lines else ''})",
                "Look at the workers' logs under /tmp/ray/session_latest/logs",
            )

    def _drop(self, place: _Place) -> None:
        self._places.remove(place)
        # It may be alive and out of reach; then it must not go on beside its successor.
        ray.kill(place.actor)


def _lost_result(unit: WorkUnit, attempt: int, reason: str) -> UnitResult:
    return UnitResult(
        unit.unit_id,
        "lost",
        error_code=PlaceFailed.code,
        error=reason,
        retryable=True,
        attempt=attempt,
    )


def _nodes() -> list[dict[str, float]]:
    """Return the resources of every node that is alive."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _resources() -> str:
    alive: dict[str, float] = ray.cluster_resources()
    return ", ".join(f"{alive.get(name, 0.0):g} {name}s" for name in ("CPU", "GPU"))
