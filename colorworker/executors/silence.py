"""Measure how long a worker has given no sign of progress."""

import time
from collections.abc import Callable

_LONGEST_GAP_SECONDS = 5.0
"""A longer gap between two looks means that this process was suspended, and its workers with it
(Ctrl-Z, a sleeping laptop)."""


class Silence:
    """Seconds since the last sign of progress, without the time in which nobody looked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start at zero.

        Args:
            clock: Returns monotonic seconds.
        """
        self._clock = clock
        self._looked = clock()
        self._seconds = 0.0

    def begin(self, seconds: float = 0.0) -> None:
        """Start again: the worker has given a sign, and knows how long it has made no progress."""
        self._looked, self._seconds = self._clock(), seconds

    def seconds(self) -> float:
        """Return the length of the silence; call it at least every few seconds."""
        now = self._clock()
        self._seconds += min(now - self._looked, _LONGEST_GAP_SECONDS)
        self._looked = now
        return self._seconds


def stalled(seconds: float) -> str:
    """Return what is said of a worker that was ended after this time without progress."""
    return f"made no progress for {seconds:g} s (COLORWORKER_RUN__UNIT_STALL_SECONDS)"
