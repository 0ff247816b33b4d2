"""Ctrl-C or SIGTERM: finish what is in flight. Ctrl-C after that: stop at once."""

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import NoReturn, Self

from colorworker.cli.exitcodes import INTERRUPTED


def leave(code: int = INTERRUPTED) -> NoReturn:
    """End the process at once, by default as one that was interrupted.

    Threads inside codecs cannot be ended, and would be waited for; nothing of theirs is published
    yet.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class StopFlag:
    """Turns true at the first SIGINT or SIGTERM; after it, SIGINT ends the process.

    A further SIGTERM does so only when the time for finishing is over: whatever manages processes
    may send several (a hook of a pod, then KubeRay, then the kubelet), and none of them is a person
    who has lost patience. Ending at once is safe at any moment: whatever was committed stays, and
    the rest is done again.
    """

    def __init__(self, stop_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare to take over the signals.

        Args:
            stop_seconds: For how long after the first signal another SIGTERM changes nothing.
            clock: Says seconds.
        """
        self._stop_seconds, self._clock = stop_seconds, clock
        self._deadline: float | None = None
        self._previous: dict[int, signal._HANDLER] = {}

    def __call__(self) -> bool:
        """Return whether the job is to stop."""
        return self._deadline is not None

    def __enter__(self) -> Self:
        """Take over the signals."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the signals back, unless one came: a Ctrl-C while the process ends is such a one."""
        if self():
            return
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._deadline is not None:
            if number == signal.SIGTERM and self._clock() < self._deadline:
                return
            sys.stderr.write("\nStopped. Run the same command again to go on.\n")
            sys.stderr.flush()
            # Threads inside codecs cannot be interrupted, and nothing of theirs is published yet.
            os._exit(INTERRUPTED)
        self._deadline = self._clock() + self._stop_seconds
        name = signal.Signals(number).name
        sys.stderr.write(f"\n{name}: finishing what is in flight; Ctrl-C stops at once.\n")
        sys.stderr.flush()
