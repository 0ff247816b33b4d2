import io

import pytest

from colorworker.pipeline import unitprogress
from colorworker.pipeline.phasetimer import PhaseTimer
from colorworker.pipeline.unitprogress import UnitProgress, WatchedReader


@pytest.fixture
def progress():
    """A running unit that has just been asked whether it advances."""
    made = UnitProgress()
    with made.working():
        made.advanced()
        yield made


def test_a_unit_that_does_nothing_does_not_advance(progress):
    assert [progress.advanced() for _ in range(3)] == [False] * 3


def test_a_unit_advances_with_every_read_and_every_phase(progress):
    reader = WatchedReader(io.BytesIO(b"abc"), progress.step)
    timer = PhaseTimer(step=progress.step)

    reader.seek(1)
    sought = progress.advanced()
    read = reader.read(1), progress.advanced()
    with timer.phase("encode"):
        in_phase = progress.advanced()
    done = progress.advanced()

    assert (sought, read, in_phase, done) == (False, (b"b", True), False, True)


@pytest.mark.skipif(not unitprogress._IO_COUNTERS.exists(), reason="the system counts no bytes")
def test_a_unit_advances_while_it_writes_or_reads_files(progress, tmp_path):
    path = tmp_path / "part"

    path.write_bytes(bytes(1 << 20))
    wrote = progress.advanced()
    path.read_bytes()
    read = progress.advanced()

    assert (wrote, read, progress.advanced()) == (True, True, False)


def test_a_process_without_a_unit_and_one_that_waits_for_another_process_are_well():
    progress = UnitProgress()
    idle = [progress.advanced() for _ in range(2)]
    with progress.working(), progress.waiting():
        waiting = [progress.advanced() for _ in range(3)]

    assert all(idle + waiting)
