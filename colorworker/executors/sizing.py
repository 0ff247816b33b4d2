"""How many Ray actors to ask for: decided from plain numbers, without Ray."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PoolSize:
    """How many workers a job may have, and what each one takes from its node."""

    cpus: int = 1
    gpus: float = 0.0
    min_workers: int = 0
    """Requested even where there is no capacity yet, so that an autoscaler sees the demand."""
    max_workers: int | None = None
    """None for as many as the cluster has capacity for at any moment."""

    @property
    def worker_resources(self) -> str:
        """Return what one worker asks for, such as `2 CPUs and 0.5 GPUs`."""
        return f"{self.cpus} CPUs and {self.gpus:g} GPUs"

    def capacity(self, nodes: Iterable[Mapping[str, float]]) -> int:
        """Return how many workers fit on these nodes, given the resources of each.

        Counted node by node: a worker cannot take half of its cores from another node.
        """
        return sum(self._capacity_of(node) for node in nodes)

    def target(self, capacity: int, work_is_waiting: bool) -> int:
        """Return how many workers there should be.

        Args:
            capacity: How many fit on the cluster, no matter who holds its resources now.
            work_is_waiting: Then all that are allowed are requested: those that do not fit wait at
                no cost, and tell an autoscaler that more nodes are needed.
        """
        most = self.max_workers
        if most is not None and work_is_waiting:
            return max(self.min_workers, most)
        return max(self.min_workers, capacity if most is None else min(capacity, most))

    def limit(self, capacity: int) -> int:
        """Return the number above which requests for workers that do not fit are withdrawn."""
        return max(self.min_workers, capacity if self.max_workers is None else self.max_workers)

    def _capacity_of(self, node: Mapping[str, float]) -> int:
        by_cpu = _times(node.get("CPU", 0.0), self.cpus)
        return min(by_cpu, _times(node.get("GPU", 0.0), self.gpus)) if self.gpus else by_cpu


def _times(available: float, each: float) -> int:
    # Ten tenths of a GPU are slightly more than one in binary; Ray counts in 1/10000.
    return math.floor(available / each + 1e-4)
