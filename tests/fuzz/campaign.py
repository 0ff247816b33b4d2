"""Colors many hostile files in child processes, and judges what became of each."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from tests.commandline import REPOSITORY
from tests.fuzz.child import Run
from tests.fuzz.mutations import mutate
from tests.fuzz.originals import originals

CPU_SECONDS = 30.0
"""How long one small file may keep a worker busy."""
SILENT_SECONDS = 120.0
"""How long a process may use no CPU time. On a busy machine, no file has a bound of wall time."""
GROWTH_BYTES = 1 << 30
"""How much memory one small file may take. The limits on pixels allow that much."""
SENTENCE_LETTERS = 700
MOST_PIXELS = 1_000_000
"""Of mutated files."""
START_SECONDS = 120
_LOOK_SECONDS = 0.5
_LEAST_CPU_SECONDS = 0.05
_IN_MEMORY = Path("/dev/shm")
_PROFILES = ({"profile": "archive"}, {"profile": "access"}, {"profile": "mezzanine"})
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Case:
    """One hostile file. It depends on nothing but its seed and number."""

    label: str
    name: str
    data: bytes
    options: dict


@dataclass(frozen=True)
class Verdict:
    """What became of a case, and why that is a fault; empty if it is none."""

    case: Case
    ending: str
    """`succeeded`, an error code, or how the process died."""
    fault: str = ""
    run: Run | None = None
    log: str = ""
    """The end of what a process that died has written to stderr."""


def working_folder() -> tempfile.TemporaryDirectory:
    """Return a folder for children, in memory where there is one: they write many small files."""
    where = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    return tempfile.TemporaryDirectory(prefix="colorworker-fuzz-", dir=where)


class Mutations:
    """The mutated files of one seed."""

    def __init__(self, folder: Path, seed: int, *, large: bool = False) -> None:
        """Write the intact files.

        Args:
            folder: Where they are written.
            seed: Seed of all choices.
            large: Mutate those that take long, too.
        """
        self._seed = seed
        self._originals = [each for each in originals() if large or not each.is_large]
        self._weights = [0.05 if each.is_large else 1.0 for each in self._originals]
        self._bytes: dict[str, bytes] = {}
        for each in self._originals:
            each.write(folder / each.name)
            self._bytes[each.name] = (folder / each.name).read_bytes()

    def case(self, number: int) -> Case:
        """Return the mutation of that number."""
        chance = random.Random(f"{self._seed}:{number}")
        original = chance.choices(self._originals, self._weights)[0]

        def another() -> bytes:
            alike = [each for each in self._originals if each.kind == original.kind]
            return self._bytes[
                chance.choice(alike if chance.random() < 0.7 else self._originals).name
            ]

        data = mutate(self._bytes[original.name], chance, another)
        name = original.name
        if chance.random() < 0.05:
            name = f"{name.partition('.')[0]}.{chance.choice(self._originals).kind}"
        options = {**chance.choice(_PROFILES), "segment_frames": 4, "color_sources": "recolor"}
        # Large pictures take long in any case; the tests of hostile files have some.
        options["max_pixels"] = MOST_PIXELS
        if chance.random() < 0.1:
            options["size_changes"] = "scale"
        return Case(f"seed {self._seed}, number {number} ({original.name})", name, data, options)


class Child:
    """A process that colors one file at a time."""

    def __init__(self, folder: Path) -> None:
        """Start it; it writes below the folder."""
        ours, theirs = socket.socketpair()
        self.log = folder / f"child-{time.monotonic_ns()}.log"
        with theirs, self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
                env={**os.environ, "FUZZ_FOLDER": str(folder), "PYTHONFAULTHANDLER": "1"},
            )
        self._connection = Connection(ours.detach())
        if not self._connection.poll(START_SECONDS):
            self.kill()
            raise TimeoutError(self.log.read_text(errors="replace")[-2000:])
        self._connection.recv_bytes()

    def color(self, case: Case) -> Run | str:
        """Return the report on a file, or how the process died."""
        seen = used = self._cpu_seconds()
        busy_at = time.monotonic()
        try:
            self._connection.send_bytes(json.dumps([case.name, case.options]).encode())
            self._connection.send_bytes(case.data)
            while not self._connection.poll(_LOOK_SECONDS):
                now, cpu = time.monotonic(), self._cpu_seconds()
                if cpu - used > CPU_SECONDS:
                    return self._ended(f"used {CPU_SECONDS:.0f} s of CPU time")
                if cpu - seen > _LEAST_CPU_SECONDS:
                    seen, busy_at = cpu, now
                if now - busy_at > SILENT_SECONDS:
                    return self._ended(f"used no CPU time for {SILENT_SECONDS:.0f} s")
            said = json.loads(self._connection.recv_bytes())
            return Run(**{**said, "leftovers": tuple(said["leftovers"])})
        except (EOFError, OSError):
            return self._ended("")

    def kill(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def close(self) -> None:
        """Let the process remove its files and end."""
        self._connection.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ended(self, reason: str) -> str:
        if reason:
            # For the log: where it is stuck.
            self._process.send_signal(signal.SIGABRT)
        code = self._process.wait(30)
        self._connection.close()
        if reason:
            return reason
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"

    def _cpu_seconds(self) -> float:
        try:
            stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        except OSError:
            return 0.0
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def judge(case: Case, run: Run | str) -> Verdict:
    """Return the verdict on a case."""
    if isinstance(run, str):
        return Verdict(case, run, f"the process {run}")
    ending = run.code or run.outcome
    verdict = partial(Verdict, case, ending, run=run)
    grown = run.peak_bytes - run.base_bytes
    if run.code in {"internal_error", "error", "item_error", "usage", "place_failed"}:
        return verdict(f"{run.code}: {run.sentence[:500]}")
    if run.outcome != "succeeded":
        if not run.code or not run.sentence or "\n" in run.sentence or "Traceback" in run.sentence:
            return verdict(f"no clear sentence: {run.code!r} {run.sentence[:500]!r}")
        if len(run.sentence) > SENTENCE_LETTERS or not run.sentence.isprintable():
            return verdict(f"too long, or not printable: {run.sentence[:900]!r}")
    if run.leftovers:
        return verdict(f"left behind: {run.leftovers}")
    if grown > GROWTH_BYTES:
        return verdict(f"took {grown >> 20} MiB of memory")
    if run.cpu_seconds > CPU_SECONDS:
        return verdict(f"used {run.cpu_seconds:.0f} s of CPU time")
    return verdict()


def color_all(
    cases: Iterable[Case], folder: Path, children: int, note: Callable[[Verdict], None]
) -> None:
    """Color the cases in child processes; each that dies is replaced.

    Args:
        cases: The hostile files.
        folder: For the children's files and logs.
        children: Processes at a time.
        note: Called with every verdict, by one thread at a time.
    """
    waiting, lock = iter(cases), threading.Lock()

    def next_case() -> Case | None:
        with lock:
            return next(waiting, None)

    def work() -> None:
        child = None
        while (case := next_case()) is not None:
            child = child or Child(folder)
            run = child.color(case)
            verdict = judge(case, run)
            if isinstance(run, str):
                verdict = replace(verdict, log=child.log.read_text(errors="replace")[-20_000:])
                child = None
            with lock:
                note(verdict)
        if child:
            child.close()

    threads = [threading.Thread(target=work) for _ in range(children)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
