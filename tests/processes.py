"""Finds and suspends processes by descent, because the same programs may run for others."""

import os
import signal
from contextlib import contextmanager, suppress
from pathlib import Path


def descendants(pid, title=""):
    """Return the pids of a process and its descendants; with `title`, of those titled so."""
    found, parents = {pid}, _parents()
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {child for child in found if not title or _title(child).startswith(title)}


def running(pids):
    """Return the pids that still exist; those that nobody has waited for exist too."""
    return pids & _parents().keys()


def alive(pids):
    """Return the pids whose processes have not ended, even if nobody has waited for them."""
    states = {}
    for pid in pids:
        with suppress(OSError):
            states[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return {pid for pid, state in states.items() if state != "Z"}


@contextmanager
def suspended(pids):
    """Suspend processes with SIGSTOP for the duration of the block."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _title(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    return ""


def _parents():
    """Return the parent pid of every process on this machine."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                status = (folder / "stat").read_text()
                # The name, in parentheses, may contain spaces and parentheses.
                found[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
    return found
