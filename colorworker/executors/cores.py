"""The number of cores this process may use: in a container, fewer than the machine has."""

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Control groups, version 2: microseconds of CPU per period, and the length of the period."""


def usable_cores(quota: Path = _QUOTA) -> int:
    """Return the number of cores that CPU affinity and the container's quota allow, at least 1.

    Args:
        quota: File with the quota. If it is missing or says `max`, there is no quota.
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
