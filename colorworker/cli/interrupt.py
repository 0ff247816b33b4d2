"""Ctrl-C or SIGTERM finishes running units; a second Ctrl-C stops at once."""

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import NoReturn, Self

from colorworker.cli.exitcodes import INTERRUPTED


def leave(code: int = INTERRUPTED) -> NoReturn:
    """End the process at once, by default with the exit code of an interrupted one.

    Python would wait for threads inside codecs, which cannot be stopped. They have published
    nothing yet.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class StopFlag:
    """Returns True after the first SIGINT or SIGTERM; the next SIGINT ends the process.

    Another SIGTERM ends it only once the time for finishing is over: process managers may send
    several (a pod's hook, then KubeRay, then the kubelet), and none of them is an impatient person.
    Ending at once is safe at any moment: committed units stay done, the rest is done again.
    """

    def __init__(self, stop_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare; signals are handled inside the `with` block.

        Args:
            stop_seconds: Seconds after the first signal in which another SIGTERM is ignored.
            clock: Returns monotonic seconds.
        """
        self._stop_seconds, self._clock = stop_seconds, clock
        self._deadline: float | None = None
        self._previous: dict[int, signal._HANDLER] = {}

    def __call__(self) -> bool:
        """Return whether the job must stop."""
        return self._deadline is not None

    def __enter__(self) -> Self:
        """Install the handlers."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Restore the handlers, unless a signal came: the process is about to end."""
        if self():
            return
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._deadline is not None:
            if number == signal.SIGTERM and self._clock() < self._deadline:
                return
            sys.stderr.write("\nStopped. Run the same command again to resume.\n")
            sys.stderr.flush()
            # Threads inside codecs cannot be interrupted; they have published nothing yet.
            os._exit(INTERRUPTED)
        self._deadline = self._clock() + self._stop_seconds
        name = signal.Signals(number).name
        sys.stderr.write(f"\n{name}: finishing running units; Ctrl-C stops at once.\n")
        sys.stderr.flush()
