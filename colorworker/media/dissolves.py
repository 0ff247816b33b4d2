"""Detect dissolves, in which one shot fades into another, on small luma.

During a dissolve of any length, the luma of each pixel changes linearly from frame to frame; motion
does not do that. So a few frames show whether a dissolve is in progress, and the frames around the
whole stretch show whether it led to a different shot.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from colorworker.media.shotdetection import SmallLuma, is_dissimilar

_REACH = 4
"""Frames on either side of the frame under test; together they form a window."""
_PAUSE = 2
"""Frames within a dissolve that may fail the test."""
_LONGEST = 96
"""Frames kept of a dissolve; a longer one is reported in several pieces."""
_SHORTEST = 3
"""Frames in the middle of a dissolve that must pass the test."""
_CROOKED, _CROOKED_IN_ALL = 0.25, 0.35
"""Maximum distance of frames from the straight line, as a share of its length, within a window and
over a whole dissolve. It is not 0 because the shots themselves move."""
_STEP, _DISTANCE = 0.02, 0.04
"""Minimum change, as a share of the luma range, within a window and over a whole dissolve."""
_UNLIKE = 0.4
"""Minimum 1 - correlation of both ends; an arm that turns slowly before a wall has 0.3."""
_FAINT = 0.25
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
        self._frames: deque[SmallLuma] = deque(maxlen=_LONGEST)
        self._next = index
        self._run: tuple[int, int, int] | None = None
        """Centers of the first and last window that passed the test, and how many passed."""

    def add(self, frame: SmallLuma) -> Dissolve | None:
        """Take the next frame; return the dissolve that has ended by now, if any."""
        self._frames.append(frame)
        self._next += 1
        center = self._next - 1 - _REACH
        window = [*self._frames][-2 * _REACH - 1 :]
        if len(window) == 2 * _REACH + 1 and _is_straight(window, _STEP, _CROOKED):
            first, _, count = self._run or (center, center, 0)
            self._run = first, center, count + 1
            if center - first < _LONGEST - 4 * _REACH:
                return None
        elif self._run is None or center - self._run[1] <= _PAUSE:
            return None
        return self.finish()

    def finish(self) -> Dissolve | None:
        """Return the dissolve in progress, if any, because the shot or the film ends here."""
        found, self._run = self.current(), None
        return found

    def current(self) -> Dissolve | None:
        """Return the dissolve in progress, as far as it has been seen; None if there is none."""
        run = self._run
        if run is None or run[2] < _SHORTEST:
            return None
        oldest = self._next - len(self._frames)
        first, last = run[0] - _REACH, run[1] + _REACH
        stretch = [*self._frames][first - oldest : last + 1 - oldest]
        if not _is_straight(stretch, _DISTANCE, _CROOKED_IN_ALL):
            return None
        if _is_faint(stretch[0], stretch[-1]) or not is_dissimilar(
            stretch[0], stretch[-1], _UNLIKE
        ):
            return None
        # A window at the start or end of a dissolve passes once half of it lies inside.
        return Dissolve(first + _REACH - 1, last - _REACH // 2 + 1)


def _is_straight(frames: list[SmallLuma], least: float, crooked: float) -> bool:
    """Return whether frames change linearly from the first to the last, brightness aside."""
    way = frames[-1] - frames[0]
    length = _size(way)
    if length <= least:
        return False
    steps = len(frames) - 1
    off = [
        _size(
            frames[round(steps * share)]
            - frames[0]
            - way * np.float32(round(steps * share) / steps)
        )
        for share in (0.25, 0.5, 0.75)
    ]
    return sum(off) / 3 < crooked * length


def _is_faint(one: SmallLuma, other: SmallLuma) -> bool:
    """Return whether one of two frames has so little contrast that this is a fade."""
    contrasts = float(one.std()), float(other.std())
    return min(contrasts) < _FAINT * max(contrasts)


def _size(difference: SmallLuma) -> float:
    return float(np.abs(difference - difference.mean()).mean())
