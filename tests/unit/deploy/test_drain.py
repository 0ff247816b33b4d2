"""The preStop hook, with real processes found as in a container."""

import importlib.util
import os
import subprocess
import sys
import time

import pytest

from tests.unit.deploy.schemas import DEPLOY

JOB = """\
import pathlib, signal, sys, time
log = pathlib.Path(sys.argv[1])
def stop(number, _):
    log.open("a").write("TERM ")
    time.sleep(0.3)
    log.open("a").write("done")
    sys.exit(130)
signal.signal(signal.SIGTERM, stop)
log.write_text("")
time.sleep(60)
"""


@pytest.fixture
def drain(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("drain", DEPLOY / "drain.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "JOBS", tmp_path / "jobs")
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    # Ignore other clusters on this machine.
    real = module.is_actor
    monkeypatch.setattr(module, "is_actor", lambda words: real(words) and words[-1] == "97.31")
    return module


def test_the_driver_gets_one_signal_and_other_processes_that_name_the_job_get_none(drain, tmp_path):
    job, submit, log = tmp_path / "jobs" / "job.py", tmp_path / "ray", tmp_path / "log"
    job.parent.mkdir()
    job.write_text(JOB)
    submit.write_text("input()")
    # As Ray starts it: through a shell, while `ray job submit` follows the log.
    submitter = subprocess.Popen(
        [sys.executable, submit, "--", "python", job], stdin=subprocess.PIPE
    )
    shell = subprocess.Popen(["sh", "-c", f"{sys.executable} -u {job} {log}; echo $? >> {log}"])
    while not log.exists():
        time.sleep(0.01)

    drain.main()

    shell.wait(5)
    assert log.read_text() == "TERM done130\n"
    assert submitter.poll() is None
    submitter.communicate(b"\n")
    assert submitter.returncode == 0


def test_actors_are_waited_for_without_a_signal(drain):
    actor = subprocess.Popen(["ray::UnitActor.run", "97.31"], executable="/bin/sleep")
    waiting = os.fork()
    if not waiting:
        drain.main()
        os._exit(7)

    time.sleep(0.5)
    assert os.waitpid(waiting, os.WNOHANG) == (0, 0)
    assert actor.poll() is None

    actor.kill()
    actor.wait()
    assert os.waitstatus_to_exitcode(os.waitpid(waiting, 0)[1]) == 7


def test_without_work_the_hook_ends_soon(drain):
    began = time.monotonic()

    drain.main()

    assert time.monotonic() - began < 10
