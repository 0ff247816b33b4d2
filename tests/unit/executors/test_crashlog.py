"""The signal of a crash, read from the log of a process that really crashes."""

import signal
import subprocess
import sys

import pytest

from colorworker.executors.crashlog import crash_signal

CRASH = """
import faulthandler, os, sys
from colorworker.executors.crashlog import stderr_file
print(stderr_file())
sys.stdout.flush()
faulthandler.enable(all_threads=False)
os.kill(os.getpid(), int(sys.argv[1]))
"""


def crash(log, number):
    with log.open("ab") as stderr:
        return subprocess.run(
            [sys.executable, "-c", CRASH, str(int(number))],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            check=False,
        )


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"])
def test_the_log_of_a_crashed_process_names_its_signal(name, tmp_path):
    log = tmp_path / "worker.err"
    log.write_bytes(b"noise\n" * 100_000)

    ended = crash(log, signal.Signals[name])
    with log.open("ab") as file:
        file.write(b"Extension modules: many\n" * 1000)

    assert ended.returncode == -signal.Signals[name]
    assert ended.stdout.strip() == str(log)
    assert crash_signal(str(log)) == name


def test_a_killed_process_leaves_no_signal_in_its_log(tmp_path):
    log = tmp_path / "worker.err"

    crash(log, signal.SIGKILL)

    assert log.exists()
    assert crash_signal(str(log)) == ""


@pytest.mark.parametrize(
    "text", ["", "said: Fatal Python error: Aborted\n", "Fatal Python error: x"]
)
def test_other_logs_name_no_signal(text, tmp_path):
    log = tmp_path / "worker.err"
    log.write_text(text)

    assert crash_signal(str(log)) == ""
    assert crash_signal(str(tmp_path / "none")) == ""
    assert crash_signal(str(tmp_path)) == ""


def test_a_stderr_that_is_no_file_has_no_path():
    ended = subprocess.run(
        [sys.executable, "-c", CRASH, str(int(signal.SIGABRT))], capture_output=True, check=False
    )

    assert ended.stdout.strip() == b""
    assert b"Fatal Python error: Aborted" in ended.stderr
