"""One Ray actor as the executor sees it, and the unit that the actor works on."""

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from colorworker.domain.units import WorkUnit
from colorworker.executors.actorwatch import ActorWatch
from colorworker.executors.unitactor import Started
from colorworker.store.scratchfiles import ScratchFiles


class RunningUnit(NamedTuple):
    """A unit that an actor works on, and its packed result to be."""

    result: "Future[bytes | None]"
    unit: WorkUnit
    attempt: int
    watch: ActorWatch


@dataclass(eq=False)
class RayWorker:
    """One actor, and the unit assigned to it."""

    actor: Any
    starting: "Future[Started] | None" = None
    """The answer of `start`; None once that has arrived."""
    name: str = ""
    node_id: str = ""
    log: str = ""
    scratch: ScratchFiles = field(default_factory=ScratchFiles)
    running: RunningUnit | None = None
