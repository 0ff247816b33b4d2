"""Signals: the first one stops gently, a second Ctrl-C at once; handlers are restored."""

import os
import signal
import subprocess
import sys

import pytest

from colorworker.cli.interrupt import StopFlag

SIGNALED = """
import os, signal
from colorworker.cli.interrupt import StopFlag
with StopFlag({seconds}) as stopping:
    for name in {names}:
        os.kill(os.getpid(), getattr(signal, name))
    print("finished running units", stopping())
{afterwards}
"""


def ended(names, seconds=60, afterwards=""):
    """Return exit code and output of a process that sends itself these signals."""
    code = SIGNALED.format(names=names, seconds=seconds, afterwards=afterwards)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(autouse=True)
def handlers():
    """Restores the handlers of the test process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield before
    for number, handler in before.items():
        signal.signal(number, handler)


def test_handlers_are_restored_if_no_signal_came(handlers):
    with StopFlag(60):
        assert signal.getsignal(signal.SIGINT) is not handlers[signal.SIGINT]

    assert {number: signal.getsignal(number) for number in handlers} == handlers


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_sets_the_flag(number, capsys):
    with StopFlag(60) as stopping:
        assert not stopping()
        os.kill(os.getpid(), number)
        assert stopping()

    assert "Ctrl-C stops at once" in capsys.readouterr().err


@pytest.mark.parametrize("first", ["SIGTERM", "SIGINT"])
def test_further_sigterms_are_ignored_while_units_may_finish(first):
    code, said = ended([first, "SIGTERM", "SIGTERM"])

    assert code == 0
    assert "finished running units True" in said


@pytest.mark.parametrize(
    ("names", "seconds"),
    [(["SIGINT", "SIGINT"], 60), (["SIGTERM", "SIGINT"], 60), (["SIGTERM", "SIGTERM"], 0)],
)
def test_a_second_ctrl_c_or_a_late_sigterm_ends_the_process_at_once(names, seconds):
    code, said = ended(names, seconds)

    assert code == 130
    assert "Run the same command again" in said
    assert "finished" not in said.replace("finishing running units", "")


def test_ctrl_c_while_an_interrupted_process_ends_does_not_change_its_exit_code():
    code, said = ended(["SIGINT"], afterwards="os.kill(os.getpid(), signal.SIGINT)")

    assert code == 130
    assert "Traceback" not in said
