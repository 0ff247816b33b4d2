"""On the machine of a run that was killed, its status is known at once."""

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from colorworker.domain.runstate import run_status
from colorworker.runs.heartbeat import run_key
from colorworker.runs.joblist import read_run_states
from colorworker.runs.runprocess import is_gone, process_space
from colorworker.runs.statustext import items_text
from colorworker.store.local import LocalStore

pytestmark = pytest.mark.skipif(not process_space(), reason="only Linux tells where a pid is valid")

RUNNER = """
import sys, time
from pathlib import Path
from colorworker.runs.heartbeat import Heartbeat
from colorworker.store.local import LocalStore
with Heartbeat(LocalStore(Path(sys.argv[1])), "job", items=120) as heartbeat:
    print(heartbeat.run_id, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def running(tmp_path):
    """A run in a process of its own, before its second heartbeat: (process, store, run id)."""
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process, LocalStore(tmp_path), process.stdout.readline().strip()
        process.kill()


def state(store, run_id):
    (run,) = read_run_states(store, [("job", run_id)])
    return run


def test_a_run_that_was_killed_is_lost_before_it_misses_a_heartbeat(running):
    process, store, run_id = running
    before = state(store, run_id)
    process.send_signal(signal.SIGKILL)
    process.wait()
    after = state(store, run_id)

    now = datetime.now(UTC)
    assert run_status(before, now) == "running"
    assert run_status(after, now) == "lost"
    assert items_text(after).startswith("0 of 120 items")
    assert b"process_space" in store.get(run_key("job", run_id))


def test_processes_of_other_machines_and_containers_are_not_looked_for(running):
    process, store, run_id = running
    process.kill()
    process.wait()
    run = state(store, run_id)

    assert is_gone(run)
    assert not is_gone(replace(run, process_space="another boot/pid:[4026531836]"))
    assert not is_gone(replace(run, process_space=""))
    assert not is_gone(replace(run, outcome="finished"))
