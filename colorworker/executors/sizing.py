"""How many actors to ask for: decided from plain numbers, without Ray."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Crew:
    """How many workers a job may have, and what each takes of a node."""

    cpus: int = 1
    gpus: float = 0.0
    at_least: int = 0
    """Asked for even where there is no room yet, so that an autoscaler hears of it."""
    at_most: int | None = None
    """None: as many as the cluster has room for, at any moment."""

    @property
    def words(self) -> str:
        """Return what one worker asks for."""
        return f"{self.cpus} CPUs and {self.gpus:g} GPUs"

    def room(self, nodes: Iterable[Mapping[str, float]]) -> int:
        """Return how many workers fit on these nodes, given the resources of each.

        Counted node by node: a worker cannot take half of its cores elsewhere.
        """
        return sum(self._room_on(node) for node in nodes)

    def wanted(self, room: int, hungry: bool) -> int:
        """Return how many workers there should be.

        Args:
            room: How many fit on the cluster, whoever holds its resources now.
            hungry: Work is waiting. Then all that are allowed are asked for: those without room
                wait at no cost, and are how an autoscaler learns that more nodes are wanted.
        """
        most = self.at_most
        if most is not None and hungry:
            return max(self.at_least, most)
        return max(self.at_least, room if most is None else min(room, most))

    def bound(self, room: int) -> int:
        """Return the number above which workers that still wait for room are called off."""
        return max(self.at_least, room if self.at_most is None else self.at_most)

    def _room_on(self, node: Mapping[str, float]) -> int:
        by_cpu = _times(node.get("CPU", 0.0), self.cpus)
        return min(by_cpu, _times(node.get("GPU", 0.0), self.gpus)) if self.gpus else by_cpu


def _times(there: float, each: float) -> int:
    # In binary ten tenths of a GPU are a little more than one; Ray counts in 1/10000.
    return math.floor(there / each + 1e-4)
