import hashlib
import io
import threading
from contextlib import contextmanager

import pytest

from colorworker.pipeline import unitprogress
from colorworker.pipeline.phasetimer import PhaseTimer
from colorworker.pipeline.unitprogress import UnitProgress, WatchedReader


class Clocks:
    """A clock that goes on by a second with every look, and the CPU time of a busy machine."""

    def __init__(self, cpu_share):
        self.seconds, self.cpu_share = 0.0, cpu_share

    def wall(self):
        self.seconds += 1.0
        return self.seconds

    def cpu(self):
        return self.seconds * self.cpu_share


@pytest.fixture
def progress():
    """A running unit that has just been looked at.

    Threads that other tests left behind may be computing, so CPU time passes like wall time.
    """
    clocks = Clocks(1.0)
    made = UnitProgress(clocks.wall, clocks.cpu)
    with made.working():
        made.look()
        yield made


@contextmanager
def computing():
    """Keep a core busy without holding Python's lock."""
    ended, data = threading.Event(), bytes(64 << 20)

    def work():
        while not ended.is_set():
            hashlib.sha256(data)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_a_unit_that_does_nothing_is_silent(progress):
    assert [progress.look() for _ in range(3)] == [1.0, 2.0, 3.0]
    assert progress.silence == 3.0


@pytest.mark.skipif(not unitprogress._THREADS.exists(), reason="the system shows no threads")
@pytest.mark.parametrize(("cpu_share", "longest"), [(0.01, 0.2), (1.0, 10.0), (4.0, 10.0)])
def test_a_unit_that_computes_is_silent_for_as_long_as_it_had_a_core(cpu_share, longest):
    clocks = Clocks(cpu_share)
    progress = UnitProgress(clocks.wall, clocks.cpu)
    with progress.working(), computing():
        progress.look()
        silence = [progress.look() for _ in range(10)][-1]

    assert 0.5 * longest <= silence + 0.01 <= longest + 1.0


def test_a_unit_advances_with_every_read_and_every_phase(progress):
    reader = WatchedReader(io.BytesIO(b"abc"), progress.step)
    timer = PhaseTimer(step=progress.step)

    reader.seek(1)
    sought = progress.look()
    read = reader.read(1), progress.look()
    with timer.phase("encode"):
        in_phase = progress.look()
    done = progress.look()

    assert (sought, read, in_phase, done) == (1.0, (b"b", 0.0), 1.0, 0.0)


@pytest.mark.skipif(not unitprogress._IO_COUNTERS.exists(), reason="the system counts no bytes")
def test_a_unit_advances_while_it_writes_or_reads_files(progress, tmp_path):
    path = tmp_path / "part"

    path.write_bytes(bytes(1 << 20))
    wrote = progress.look()
    path.read_bytes()
    read = progress.look()

    assert (wrote, read, progress.look()) == (0.0, 0.0, 1.0)


def test_a_process_without_a_unit_and_one_that_waits_for_another_process_are_well():
    progress = UnitProgress()
    idle = [progress.look() for _ in range(2)]
    with progress.working(), progress.waiting():
        waiting = [progress.look() for _ in range(3)]

    assert idle + waiting == [0.0] * 5
