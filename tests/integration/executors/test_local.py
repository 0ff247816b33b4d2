"""The executor with real worker processes, without a model: films are only scanned."""

import os
import signal
import subprocess
import sys
import time

import pytest

from colorworker.domain.models import ModelRef
from colorworker.domain.options import Asset, Options
from colorworker.domain.units import scan
from colorworker.executors.local import LocalExecutor
from colorworker.executors.worker import WorkerSpec
from colorworker.media.synthetic import Recipe, make_film
from colorworker.store.local import LocalStore
from tests.processes import alive, descendants, running

pytestmark = pytest.mark.integration

MODEL = ModelRef("lite", "0" * 64)


@pytest.fixture
def scans(tmp_path):
    """Scans of four copies of one film."""
    source = LocalStore(tmp_path / "source")
    (tmp_path / "source").mkdir()
    film = make_film(tmp_path / "source" / "0.mkv", Recipe(frames=24, gop_size=12)).read_bytes()
    units = []
    for number in range(4):
        found = source.put(f"{number}.mkv", film)
        asset = Asset(source.uri, found.key, "film", found.size_bytes, found.etag)
        units.append(scan(asset, found.key, Options(), MODEL))
    return units


@pytest.fixture
def executor(tmp_path):
    """Up to two workers. On a busy machine, one may take seconds to start."""
    before = descendants(os.getpid())  # Other tests may have left a server of theirs running.
    made = LocalExecutor(WorkerSpec((tmp_path / "out").as_uri(), MODEL), 2, stall_seconds=10.0)
    yield made
    made.close()
    assert running(descendants(os.getpid()) - before) == set()


def results_of(executor, count):
    results = {}
    while len(results) < count:
        results |= {result.unit_id: result for result in executor.wait(1.0)}
    return results


def start_workers(executor, scans):
    """Let both workers scan something; return their pids."""
    for unit in scans[:2]:
        executor.submit(unit, 1)
    results_of(executor, 2)
    while len(executor.workers()) < 2:
        executor.wait(1.0)
    return [int(name.partition(":")[2]) for name in executor.workers()]


def test_units_run_in_processes_that_end_with_the_executor(executor, scans):
    pids = start_workers(executor, scans)
    for unit in scans:
        executor.submit(unit, 1)
    results = results_of(executor, 4)

    assert results.keys() == {unit.unit_id for unit in scans}
    assert {result.outcome for result in results.values()} == {"succeeded"}
    assert {int(result.worker.partition(":")[2]) for result in results.values()} <= set(pids)
    assert os.getpid() not in pids


def test_a_worker_that_is_killed_costs_its_unit_an_attempt_and_no_other(executor, scans):
    pids = start_workers(executor, scans)
    # Suspended, so that it dies with a unit.
    os.kill(pids[0], signal.SIGSTOP)
    for unit in scans[2:]:
        executor.submit(unit, 1)
    os.kill(pids[0], signal.SIGSEGV)
    os.kill(pids[0], signal.SIGCONT)
    results = results_of(executor, 2)
    executor.submit(scans[2], 2)
    (again,) = results_of(executor, 1).values()

    lost, other = (results[unit.unit_id] for unit in scans[2:])
    assert (lost.outcome, lost.error) == ("lost", "was killed by SIGSEGV")
    assert (other.outcome, again.outcome) == ("succeeded", "succeeded")
    assert running({pids[0]}) == set()


def test_a_unit_that_makes_no_progress_loses_its_worker(executor, scans):
    pids = start_workers(executor, scans)
    os.kill(pids[0], signal.SIGSTOP)
    for unit in scans[2:]:
        executor.submit(unit, 1)
    results = results_of(executor, 2)

    lost, other = (results[unit.unit_id] for unit in scans[2:])
    assert lost.outcome == "lost"
    assert lost.error == "made no progress for 10 s (COLORWORKER_RUN__UNIT_STALL_SECONDS)"
    assert other.outcome == "succeeded"


def test_a_drain_returns_units_that_no_worker_has(executor, scans):
    for unit in scans:
        executor.submit(unit, 1)

    assert executor.drain() == {unit.unit_id for unit in scans}
    assert executor.wait(0.1) == []


ORPHANS = """
import os, signal, sys, time
from colorworker.domain.models import ModelRef
from colorworker.executors.local import LocalExecutor
from colorworker.executors.worker import WorkerSpec
executor = LocalExecutor(WorkerSpec("file:///tmp", ModelRef("lite", "0" * 64)), 2)
executor.start()
while not executor.workers():
    executor.wait(1.0)
print("started", flush=True)
time.sleep(60)
"""


def test_no_process_survives_a_parent_that_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE)
    parent.stdout.readline()
    children = descendants(parent.pid) - {parent.pid}
    # Suspended, it cannot notice by itself.
    os.kill(min(children), signal.SIGSTOP)

    parent.kill()
    parent.communicate()

    assert len(children) == 2
    end = time.monotonic() + 30
    while alive(children) and time.monotonic() < end:
        time.sleep(0.05)
    assert alive(children) == set()
