"""Processes of this machine, and which of them belong to which: others may run the same here."""

import os
import signal
from contextlib import contextmanager, suppress
from pathlib import Path


def descendants(pid, title=""):
    """Return a process and all that descends from it, or those of them with that title."""
    found, parents = {pid}, _parents()
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {child for child in found if not title or _title(child).startswith(title)}


def running(pids):
    """Return those of the processes that are still there."""
    return pids & _parents().keys()


@contextmanager
def suspended(pids):
    """Let processes stand still inside the block: what they were about to do comes after it."""
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
    """Return the parent of every process of this machine."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                status = (folder / "stat").read_text()
                # The name, in parentheses, may hold spaces and more parentheses.
                found[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
    return found
