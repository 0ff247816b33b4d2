"""Whether the process of a run still exists, as far as this process can tell."""

import os
from contextlib import suppress
from pathlib import Path

from colorworker.domain.runstate import RunState

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PIDS = Path("/proc/self/ns/pid")
"""Linux: the namespace in which process ids of this process are unique. Containers have others."""


def process_space() -> str:
    """Return where this process's id is valid; empty where that is unknown."""
    with suppress(OSError):
        return f"{_BOOT.read_text().strip()}/{_PIDS.readlink()}"
    return ""


def is_gone(run: RunState) -> bool:
    """Return whether the process that wrote the state of an unfinished run has ended.

    Only known for processes of this machine. On others, missing heartbeats tell.
    """
    if run.outcome != "running" or not run.process_space or run.process_space != process_space():
        return False
    try:
        os.kill(run.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # It belongs to another user.
        return False
    return False
