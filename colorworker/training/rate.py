"""Throughput over the last minutes, in which pauses do not count."""

from collections import deque

_MIN_PAUSE_SECONDS = 30.0
_PAUSE_FACTOR = 10.0


class SlidingRate:
    """Amount per second over a window of working time.

    A single interval that is far longer than all others of the window is a pause (SIGSTOP, a
    suspended machine) and is left out. Two in a row are not: then the machine has become slow.
    """

    def __init__(self, window_seconds: float = 180.0) -> None:
        """Create an empty window.

        Args:
            window_seconds: Length of the window.
        """
        self._window_seconds = window_seconds
        self._intervals: deque[tuple[float, float]] = deque()
        self._seconds = 0.0
        self._after_pause = False

    def add(self, amount: float, seconds: float) -> None:
        """Add an interval: the amount done in it, and its length."""
        if self._is_pause(seconds) and not self._after_pause:
            self._after_pause = True
            return
        self._after_pause = False
        self._intervals.append((amount, seconds))
        self._seconds += seconds
        while len(self._intervals) > 1 and (
            self._seconds - self._intervals[0][1] >= self._window_seconds
        ):
            self._seconds -= self._intervals.popleft()[1]

    def _is_pause(self, seconds: float) -> bool:
        if seconds <= _MIN_PAUSE_SECONDS or not self._intervals:
            return False
        return seconds > _PAUSE_FACTOR * max(length for _, length in self._intervals)

    @property
    def per_second(self) -> float:
        """Amount per second; 0 before the first interval."""
        seconds = sum(length for _, length in self._intervals)
        return sum(amount for amount, _ in self._intervals) / max(seconds, 1e-9)
