"""Signs of progress in a worker, which tell a unit that hangs from one that takes long."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

_IO_COUNTERS = Path("/proc/self/io")
"""Linux: bytes that this process has read and written so far, files and pipes only."""
_LEAST_BYTES = 64 << 10
"""Fewer bytes between two looks are noise: logs, messages, and the look itself."""
_THREADS = Path("/proc/self/task")
"""Linux: one folder for each thread of this process."""
_LOOK_SECONDS = 1.0
_LONGEST_GAP_SECONDS = 5.0
"""A longer gap between two looks means that this process was suspended."""


class UnitProgress:
    """Knows whether the unit of this process advances. Thread-safe.

    Reads of a source and ends of phases count as steps. Reading and writing files counts too:
    hashing or joining a long film takes no steps for minutes.

    While a thread is computing, only the CPU time of the process counts as silence. So a step that
    takes long on a busy machine does not look like a hang, whatever share of a core it gets. An
    endless loop does, and so do threads that wait for each other, which use none.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        """Start with no unit.

        Args:
            clock: Returns monotonic seconds.
            cpu_clock: Returns the CPU seconds of this process.
        """
        self._clock, self._cpu_clock = clock, cpu_clock
        self._looked, self._cpu_looked = clock(), cpu_clock()
        self.silence = 0.0
        """Seconds without progress, at the last look."""
        self._lock = threading.Lock()
        self._working = self._waiting = 0
        self._steps = 0
        self._seen = 0, 0

    def step(self) -> None:
        """Count a step. Cheap enough for every frame and every read."""
        self._steps += 1  # Two threads may lose one, which does not matter.

    @contextmanager
    def working(self) -> Iterator[None]:
        """Mark a unit as running."""
        self._count(working=1)
        try:
            yield
        finally:
            self._count(working=-1)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark the unit as waiting for another process, which has a bound of its own."""
        self._count(waiting=1)
        try:
            yield
        finally:
            self._count(waiting=-1)

    def look(self) -> float:
        """Return for how many seconds nothing has advanced; call it about once a second."""
        now, cpu = self._clock(), self._cpu_clock()
        wall, used = min(now - self._looked, _LONGEST_GAP_SECONDS), cpu - self._cpu_looked
        self._looked, self._cpu_looked = now, cpu
        if self._has_advanced():
            self.silence = 0.0
        else:
            self.silence += min(wall, used) if _is_computing() else wall
        return self.silence

    def look_regularly(self) -> None:
        """Call `look` once a second from a thread of its own, until the process ends."""

        def work() -> None:
            while True:
                self.look()
                time.sleep(_LOOK_SECONDS)

        threading.Thread(target=work, name="progress", daemon=True).start()

    def _has_advanced(self) -> bool:
        """Return whether anything advanced since the last call, or nothing is expected to."""
        steps, count = self._steps, _file_bytes()
        steps_before, count_before = self._seen
        self._seen = steps, count
        is_idle = self._waiting > 0 or not self._working
        return is_idle or steps != steps_before or count - count_before > _LEAST_BYTES

    def _count(self, working: int = 0, waiting: int = 0) -> None:
        with self._lock:
            self._working += working
            self._waiting += waiting
            self._steps += 1


class WatchedReader:
    """A reader that calls a function at every read."""

    def __init__(self, reader: BinaryIO, step: Callable[[], None]) -> None:
        self._reader, self._step = reader, step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; all of them if it is negative."""
        self._step()
        return self._reader.read(size)


def _is_computing() -> bool:
    """Return whether another thread of this process runs, or waits for nothing but a core."""
    own = threading.get_native_id()
    for folder in _THREADS.glob("[0-9]*"):
        try:
            # The name, in parentheses, may contain anything.
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, IndexError):  # It has ended.
            continue
        if state == "R" and int(folder.name) != own:
            return True
    return False


def _file_bytes() -> int:
    """Return the bytes read and written so far; 0 where the system does not count them."""
    try:
        counters = dict(line.split(": ") for line in _IO_COUNTERS.read_text().splitlines())
        return int(counters["rchar"]) + int(counters["wchar"])
    except (OSError, ValueError, KeyError):
        return 0
