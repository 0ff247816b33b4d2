"""Repair the pts of frames where a container stores only some of them, or wrong ones."""

from bisect import bisect_left
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]

OFF_FRAMES_GUESSED, OFF_FRAMES_STORED = 3, Fraction(1, 2)
"""How many frames a known time may be off an even count for all frames to get the even count. A
wrong guess by libav is off by as many frames as are reordered; stored times are not guesses."""
SAME_RATE = 0.01
"""Relative difference below which the rate of the known times counts as the film's rate."""
LARGEST_DENOMINATOR = 1001
"""Largest denominator of a step derived from the times: television's 1000/1001."""


def evenly_spaced(frames: int, origin: Fraction, step: Fraction) -> Int64s:
    """Return evenly spaced times, int64 (frames,), rounded to ticks."""
    return np.array([round(origin + index * step) for index in range(frames)], np.int64)


def repair_pts(
    times: Int64s, known: npt.NDArray[np.bool_], step: Fraction, *, guessed: bool = False
) -> Int64s:
    """Return strictly rising times for all frames.

    If all known times lie within a few frames of an even count, the result is that count.
    Otherwise the frames between two known times are spread evenly; known times that do not rise
    are ignored.

    Args:
        times: Times in ticks, (n,), in display order.
        known: Which of them are valid, (n,).
        step: Ticks per frame at the film's rate, at least 1.
        guessed: Whether the known times may be libav's guesses from other frames.
    """
    places = np.flatnonzero(known)
    if len(places) == 0:
        return evenly_spaced(len(times), Fraction(0), step)
    if len(places) > 1:
        own = float(np.median(np.diff(times[places]) / np.diff(places)))
        if own >= 1 and abs(own - step) > SAME_RATE * step:
            step = Fraction(own).limit_denominator(LARGEST_DENOMINATOR)
    origins = times[places] - places * float(step)
    origin = float(np.median(origins))
    evenly = evenly_spaced(len(times), Fraction(round(origin)), step)
    off = OFF_FRAMES_GUESSED if guessed else OFF_FRAMES_STORED
    if np.max(np.abs(origins - origin)) <= off * step:
        return evenly
    rising = np.flatnonzero(rising_times(times, known))
    spread = _spread(times, rising, float(step)) if len(rising) else evenly
    return spread if bool(np.all(np.diff(spread) > 0)) else evenly


def replace_wrong(times: Int64s, right: npt.NDArray[np.bool_], step: Fraction) -> Int64s:
    """Return strictly rising times: the right ones, and others spread evenly between them.

    Args:
        times: Times in ticks, (n,), in display order.
        right: Which of them are right, (n,); these rise.
        step: Ticks per frame at the film's rate, at least 1.
    """
    spread = _spread(times, np.flatnonzero(right), float(step))
    return spread if bool(np.all(np.diff(spread) > 0)) else repair_pts(times, right, step)


def rising_times(times: Int64s, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which of the known times to trust, (n,): the most that rise strictly.

    Times that occur twice are not trusted, because one of the frames has another's time.
    """
    _, index, counts = np.unique(times[known], return_inverse=True, return_counts=True)
    places = np.flatnonzero(known)[counts[index] == 1]
    lasts: list[int] = []  # the lowest time that ends a rising row of each length
    ends: list[int] = []  # the place of that time
    before = np.full(len(times), -1, np.int64)
    for place in places.tolist():
        length = bisect_left(lasts, int(times[place]))
        before[place] = ends[length - 1] if length else -1
        lasts[length : length + 1] = [int(times[place])]
        ends[length : length + 1] = [place]
    trusted = np.zeros(len(times), bool)
    place = ends[-1] if ends else -1
    while place >= 0:
        trusted[place] = True
        place = int(before[place])
    return trusted


def _spread(times: Int64s, places: Int64s, step: float) -> Int64s:
    index = np.arange(len(times))
    filled = np.interp(index, places, times[places])
    filled -= np.maximum(places[0] - index, 0) * step
    filled += np.maximum(index - places[-1], 0) * step
    ticks: Int64s = np.rint(filled).astype(np.int64)
    return ticks
