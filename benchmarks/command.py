"""Run a command; print peak memory of its process tree, wall seconds and CPU seconds.

    python benchmarks/command.py COMMAND [ARGUMENT...]

Memory is the sum over the command and all its descendants, looked at ten times a second. Pages that
processes share count once (PSS). CPU seconds are those of all processes that have ended and were
waited for by their parents, user and system. For numbers to compare, run it several times on an
idle machine.
"""

import os
import platform
import resource
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path


def pss_kib(pid: int) -> int:
    """Return a process's memory in KiB; pages that it shares count in equal parts for each user."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of all threads of a process on this machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def with_children(pid: int) -> list[int]:
    """Return the IDs of a process and of all its descendants."""
    found = [pid]
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += with_children(int(child))
    return found


def peak_of(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process; return the peak memory of it and its descendants, in MiB."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(pss_kib, with_children(process.pid))))
        time.sleep(0.1)
    return peak / 1024


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] in {"-h", "--help"}:
        raise SystemExit(__doc__)
    start = time.monotonic()
    process = subprocess.Popen(sys.argv[1:])
    peak = peak_of(process)
    wall = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    load = os.getloadavg()[0]
    print(
        f"peak {peak:.0f} MiB (PSS), wall {wall:.1f} s, CPU {used.ru_utime + used.ru_stime:.1f} s,"
        f" exit code {process.returncode}; {platform.machine()}, {os.cpu_count()} cores, load"
        f" {load:.1f}"
    )


if __name__ == "__main__":
    main()
