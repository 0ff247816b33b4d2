"""Hold a container back from its end until the work in it is finished: a preStop hook.

Kubernetes runs it before it sends SIGTERM, which ends Ray, and all actors with it, at once. Here
drivers of jobs get the SIGTERM instead, once; they let units under way finish and write their
report. In a worker's container there are no drivers, and its actors are waited for: they end when
their driver has. `terminationGracePeriodSeconds` bounds the wait.

    python /opt/colorworker/drain.py

Only the standard library, and only /proc: it must start while the container is short of everything.
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
"""Looks in a row without work after which there is none: Ray takes a moment to end an actor."""


def processes(proc: Path = Path("/proc")) -> Iterator[tuple[int, list[str]]]:
    """Yield number and command line of every process of this container, but for this one."""
    for folder in proc.iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            # A process may end between two looks.
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
    """Return whether it is an actor that does units, or one of a training."""
    return bool(words) and words[0].startswith(("ray::UnitActor", "ray::RayTrainWorker"))


def main() -> None:
    """Ask drivers to stop, and wait until neither they nor actors are left."""
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
