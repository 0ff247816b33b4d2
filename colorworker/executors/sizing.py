"""Decide how many Ray actors to request, from plain numbers and without Ray."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PoolSize:
    """Number of workers of a job, and the resources that each one takes from its node."""

    cpus: float = 1
    gpus: float = 0.0
    min_workers: int = 0
    """Workers to request even without capacity, so that an autoscaler sees the demand."""
    max_workers: int | None = None
    """Maximum number of workers; None for as many as the cluster has capacity for."""

    @property
    def worker_resources(self) -> str:
        """Resources of one worker as text, such as `2 CPUs and 0.5 GPUs`."""
        return f"{self.cpus:g} CPUs and {self.gpus:g} GPUs"

    def capacity(self, nodes: Iterable[Mapping[str, float]]) -> int:
        """Return how many workers fit on these nodes, given the resources of each.

        Counted node by node: a worker cannot take half of its cores from another node.
        """
        return sum(self._capacity_of(node) for node in nodes)

    def target(self, capacity: int, work_is_waiting: bool) -> int:
        """Return how many workers there should be.

        Args:
            capacity: How many fit on the cluster, including resources that are in use now.
            work_is_waiting: Whether units wait for workers. If so, the maximum is requested:
                workers that do not fit wait at no cost and show an autoscaler that nodes are
                missing.
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
    # Ten times 0.1 GPU exceeds 1 in binary floating point; Ray counts in units of 1/10000.
    return math.floor(available / each + 1e-4)
