"""Signals: the first asks, and what was there before is given back."""

import os
import signal

import pytest

from colorworker.cli.interrupt import StopFlag


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_sets_the_flag(number, capsys):
    before = signal.getsignal(number)

    with StopFlag() as stopping:
        assert not stopping()
        os.kill(os.getpid(), number)
        assert stopping()

    assert signal.getsignal(number) is before
    assert "once more stops at once" in capsys.readouterr().err
