"""A preStop hook that delays the end of a container until the work in it is finished.

Kubernetes runs it before it sends SIGTERM, which would end Ray and all its actors at once. The hook
sends SIGTERM to the drivers of jobs instead, once; they let running units finish and write their
report. A worker's container has no drivers; there the hook waits for the actors, which end after
their driver. `terminationGracePeriodSeconds` limits the wait.

    python /opt/colorworker/drain.py

It uses only the standard library and /proc, because it must start even if the container is short
of resources.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

JOBS = Path(__file__).resolve().parent / "jobs"
LOOK_SECONDS = 0.5
QUIET_LOOKS = 3
"""Consecutive looks without work before the hook ends: Ray takes a moment to end an actor."""


def processes(proc: Path = Path("/proc")) -> Iterator[tuple[int, list[str]]]:
    """Yield the ID and the command line of every other process of this container."""
    for folder in proc.iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            # A process may have ended meanwhile.
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                yield int(folder.name), [word for word in words if word]


def is_driver(words: list[str]) -> bool:
    """Return whether it is Python running one of the jobs, and no shell or submitter naming it."""
    if not words or not Path(words[0]).name.startswith("python"):
        return False
    script = next((word for word in words[1:] if not word.startswith("-")), "")
    return Path(script).parent == JOBS


def is_actor(words: list[str]) -> bool:
    """Return whether it is an actor that runs units, or a training worker."""
    return bool(words) and words[0].startswith(("ray::UnitActor", "ray::RayTrainWorker"))


def main() -> None:
    """Ask drivers to stop, and wait until no driver and no actor is left."""
    for number, words in processes():
        if is_driver(words):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGTERM)
    quiet = 0
    while quiet < QUIET_LOOKS:
        busy = any(is_driver(words) or is_actor(words) for _, words in processes())
        quiet = 0 if busy else quiet + 1
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
