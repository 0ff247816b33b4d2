"""How many cores this process may use: in a container fewer than the machine has."""

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Of control groups, version 2: microseconds of CPU in each period, and the period's."""


def usable_cores(quota: Path = _QUOTA) -> int:
    """Return the cores that affinity and the container's quota leave, at least 1.

    Args:
        quota: File with the quota; one that is not there or says `max` sets no bound.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    try:
        most, period = quota.read_text().split()
        return max(1, min(cores, -(-int(most) // int(period))))
    except (OSError, ValueError):
        return cores
