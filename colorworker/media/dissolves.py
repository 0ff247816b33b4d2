"""Detect dissolves, in which one shot fades into another, on small luma.

During a dissolve of any length, the luma of each pixel changes linearly from frame to frame; motion
does not do that. So a few frames show whether a dissolve is in progress, and the frames around the
whole stretch show whether it led to a different shot.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from colorworker.media.shotdetection import SmallLuma, is_dissimilar

_HALF_WINDOW = 4
"""Frames on either side of the frame under test; together they form a window."""
_MAX_GAP = 2
"""Frames within a dissolve that may fail the test."""
_MAX_FRAMES = 96
"""Frames kept of a dissolve; a longer one is reported in several pieces."""
_MIN_WINDOWS = 3
"""Frames in the middle of a dissolve that must pass the test."""
_MAX_DEVIATION, _MAX_DEVIATION_IN_ALL = 0.25, 0.35
"""Maximum distance of frames from the straight line, as a share of its length, within a window and
over a whole dissolve. It is not 0 because the shots themselves move."""
_MIN_CHANGE, _MIN_CHANGE_IN_ALL = 0.02, 0.04
"""Minimum change, as a share of the luma range, within a window and over a whole dissolve."""
_MIN_DIFFERENCE = 0.4
"""Minimum 1 - correlation of both ends; an arm that turns slowly before a wall has 0.3."""
_MIN_CONTRAST = 0.25
"""Minimum contrast of the fainter end, as a share of the other's."""


@dataclass(frozen=True)
class Dissolve:
    """A dissolve: the frames first <= index < end show both shots."""

    first: int
    end: int


class DissolveDetector:
    """Takes consecutive frames one by one and reports each dissolve once it has ended."""

    def __init__(self, index: int = 0) -> None:
        """Start before the frame with this index."""
        self._frames: deque[SmallLuma] = deque(maxlen=_MAX_FRAMES)
        self._next = index
        self._run: tuple[int, int, int] | None = None
        """Centers of the first and last window that passed the test, and how many passed."""

    def add(self, frame: SmallLuma) -> Dissolve | None:
        """Take the next frame; return the dissolve that has ended by now, if any."""
        self._frames.append(frame)
        self._next += 1
        center = self._next - 1 - _HALF_WINDOW
        window = [*self._frames][-2 * _HALF_WINDOW - 1 :]
        if len(window) == 2 * _HALF_WINDOW + 1 and _is_linear(window, _MIN_CHANGE, _MAX_DEVIATION):
            first, _, count = self._run or (center, center, 0)
            self._run = first, center, count + 1
            if center - first < _MAX_FRAMES - 4 * _HALF_WINDOW:
                return None
        elif self._run is None or center - self._run[1] <= _MAX_GAP:
            return None
        return self.finish()

    def finish(self) -> Dissolve | None:
        """Return the dissolve in progress, if any, because the shot or the film ends here."""
        found, self._run = self.current(), None
        return found

    def current(self) -> Dissolve | None:
        """Return the dissolve in progress, as far as it has been seen; None if there is none."""
        run = self._run
        if run is None or run[2] < _MIN_WINDOWS:
            return None
        oldest = self._next - len(self._frames)
        first, last = run[0] - _HALF_WINDOW, run[1] + _HALF_WINDOW
        stretch = [*self._frames][first - oldest : last + 1 - oldest]
        if not _is_linear(stretch, _MIN_CHANGE_IN_ALL, _MAX_DEVIATION_IN_ALL):
            return None
        if _is_fade(stretch[0], stretch[-1]) or not is_dissimilar(
            stretch[0], stretch[-1], _MIN_DIFFERENCE
        ):
            return None
        # A window at the start or end of a dissolve passes once half of it lies inside.
        return Dissolve(first + _HALF_WINDOW - 1, last - _HALF_WINDOW // 2 + 1)


def _is_linear(frames: list[SmallLuma], least: float, max_deviation: float) -> bool:
    """Return whether frames change linearly from the first to the last, brightness aside."""
    change = frames[-1] - frames[0]
    length = _mean_deviation(change)
    if length <= least:
        return False
    steps = len(frames) - 1
    off = [
        _mean_deviation(
            frames[round(steps * share)]
            - frames[0]
            - change * np.float32(round(steps * share) / steps)
        )
        for share in (0.25, 0.5, 0.75)
    ]
    return sum(off) / 3 < max_deviation * length


def _is_fade(one: SmallLuma, other: SmallLuma) -> bool:
    """Return whether one of two frames has so little contrast that this is a fade."""
    contrasts = float(one.std()), float(other.std())
    return min(contrasts) < _MIN_CONTRAST * max(contrasts)


def _mean_deviation(difference: SmallLuma) -> float:
    return float(np.abs(difference - difference.mean()).mean())
