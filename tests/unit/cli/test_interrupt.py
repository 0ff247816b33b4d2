"""Signals: the first asks, and what was there before is given back; who may insist, and when."""

import os
import signal
import subprocess
import sys

import pytest

from colorworker.cli.interrupt import StopFlag

SIGNALLED = """
import os, signal
from colorworker.cli.interrupt import StopFlag
with StopFlag({seconds}) as stopping:
    for name in {names}:
        os.kill(os.getpid(), getattr(signal, name))
    print("finished what was in flight", stopping())
"""


def ended(names, seconds=60):
    """Return exit code and output of a process that sends itself these signals."""
    code = SIGNALLED.format(names=names, seconds=seconds)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_sets_the_flag(number, capsys):
    before = signal.getsignal(number)

    with StopFlag(60) as stopping:
        assert not stopping()
        os.kill(os.getpid(), number)
        assert stopping()

    assert signal.getsignal(number) is before
    assert "Ctrl-C stops at once" in capsys.readouterr().err


@pytest.mark.parametrize("first", ["SIGTERM", "SIGINT"])
def test_managers_of_processes_may_ask_again_while_there_is_time(first):
    code, said = ended([first, "SIGTERM", "SIGTERM"])

    assert code == 0
    assert "finished what was in flight True" in said


@pytest.mark.parametrize(
    ("names", "seconds"),
    [(["SIGINT", "SIGINT"], 60), (["SIGTERM", "SIGINT"], 60), (["SIGTERM", "SIGTERM"], 0)],
)
def test_a_person_who_insists_and_whoever_comes_after_the_time_end_it_at_once(names, seconds):
    code, said = ended(names, seconds)

    assert code == 130
    assert "Run the same command again" in said
    assert "finished" not in said.replace("finishing", "")
