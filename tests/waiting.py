"""Waits for another process."""

import time

import pytest


def wait_for(condition, process, seconds=280):
    """Return once the condition holds; fail the test if the process ends or time runs out first."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            out, err = process.communicate()
            pytest.fail(f"ended with {process.returncode} too early: {out}{err[-2000:]}")
        if condition():
            return
        time.sleep(0.05)
    process.kill()
    process.communicate()
    pytest.fail("nothing happened in time")
