"""Dissolves, seen on small luma: one picture turns into another through means of both.

During a dissolve of any length luma goes from frame to frame in a straight line, pixel by pixel;
what moves does not. So a few frames show whether one is going on, and the frames around the whole
stretch whether it has led to another picture.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from colorworker.media.shotdetection import SmallLuma, is_dissimilar

_REACH = 4
"""Frames on either side of the one that is asked about."""
_PAUSE = 2
"""Frames that may look like none within a dissolve."""
_LONGEST = 96
"""Frames of a stretch that are kept; one that goes on for longer is cut into several."""
_SHORTEST = 3
"""Frames in the middle of a dissolve that must look like it."""
_CROOKED, _CROOKED_IN_ALL = 0.25, 0.35
"""How far frames may lie from the straight line, as a share of its length, within a few frames
and over a whole dissolve; the shots in it move too."""
_STEP, _DISTANCE = 0.02, 0.04
"""How far it must lead at least, as a share of the luma range, within a few frames and in all."""
_UNLIKE = 0.4
"""1 - correlation that its ends must have: an arm that turns slowly before a wall has 0.3."""
_FAINT = 0.25
"""Share of one end's contrast that the other must have."""


@dataclass(frozen=True)
class Dissolve:
    """The frames first <= index < end hold both shots."""

    first: int
    end: int


class DissolveDetector:
    """Takes the frames of a stretch one by one and says when a dissolve has ended."""

    def __init__(self, index: int = 0) -> None:
        """Begin before the frame of this index."""
        self._frames: deque[SmallLuma] = deque(maxlen=_LONGEST)
        self._next = index
        self._run: tuple[int, int, int] | None = None
        """Centers of the first and last window that looked like a dissolve, and how many did."""

    def add(self, frame: SmallLuma) -> Dissolve | None:
        """Take the next frame; return the dissolve that it shows to have ended, if any."""
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
        """Return the dissolve that is going on; the shot, or the film, ends here."""
        found, self._run = self.current(), None
        return found

    def current(self) -> Dissolve | None:
        """Return the dissolve that is going on, as far as it has been seen."""
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
        # Windows that hold the beginning or the end of a dissolve look like it from half on.
        return Dissolve(first + _REACH - 1, last - _REACH // 2 + 1)


def _is_straight(frames: list[SmallLuma], least: float, crooked: float) -> bool:
    """Return whether frames lead evenly from the first to the last, brightness aside."""
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
    """Return whether one of two frames is so faint that this is rather a fade."""
    contrasts = float(one.std()), float(other.std())
    return min(contrasts) < _FAINT * max(contrasts)


def _size(difference: SmallLuma) -> float:
    return float(np.abs(difference - difference.mean()).mean())
