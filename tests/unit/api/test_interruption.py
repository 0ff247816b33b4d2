"""Ctrl-C in scripts: the first one stops gently, and handlers of others are left alone."""

import signal
import subprocess
import sys
import threading

import pytest

from colorworker.api.interruption import stop_on_interrupt

SCRIPT = """
import os, signal
from colorworker.api.interruption import stop_on_interrupt
# A shell starts its background jobs with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
with stop_on_interrupt() as stopping:
    for _ in range({times}):
        os.kill(os.getpid(), signal.SIGINT)
    print("stopping", stopping())
print("not reached")
"""


@pytest.fixture
def default_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def run_script(times):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(times=times)], capture_output=True, text=True
    )


def test_the_first_ctrl_c_sets_the_flag_and_raises_at_the_end_of_the_block():
    done = run_script(1)

    assert done.stdout == "stopping True\n"
    assert done.stderr.startswith("interrupted: running units are finished first")
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


def test_the_second_ctrl_c_raises_at_once():
    done = run_script(2)

    assert done.stdout == ""
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


def test_the_handler_is_restored_also_after_an_error(default_handler):
    def fail():
        with stop_on_interrupt():
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_program_with_its_own_handler_keeps_it(default_handler):
    def own(number, frame):
        pass

    signal.signal(signal.SIGINT, own)
    with stop_on_interrupt() as stopping:
        assert signal.getsignal(signal.SIGINT) is own
        assert not stopping()


def test_other_threads_install_no_handler(default_handler):
    seen = []

    def work():
        with stop_on_interrupt() as stopping:
            seen.append((stopping(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [(False, signal.default_int_handler)]
