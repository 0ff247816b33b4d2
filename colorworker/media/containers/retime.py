"""Times for all frames where a container gives some of them only, or some wrong."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]

OFF_FRAMES_GUESSED, OFF_FRAMES_STORED = 3, Fraction(1, 2)
"""How many frames a time may be off an even count and be taken for it: a wrong guess of libav's is
off by as many as are reordered; what is stored is no guess."""
SAME_RATE = 0.01
"""How far the rate of known times may be from the film's and count as the same."""
LARGEST_DENOMINATOR = 1001
"""Of a step that is taken from the times themselves: television's 1000/1001."""


def counted(frames: int, origin: Fraction, step: Fraction) -> Int64s:
    """Return the times of frames a step apart, rounded to ticks."""
    return np.array([round(origin + index * step) for index in range(frames)], np.int64)


def even_out(
    times: Int64s, known: npt.NDArray[np.bool_], step: Fraction, *, guessed: bool = False
) -> Int64s:
    """Return strictly rising times for all frames.

    If all known times lie within few frames of an even count, it is that count. Else frames
    between two known times, of those that rise, are spread evenly.

    Args:
        times: Times in ticks, (n,), in the order frames are shown.
        known: Which of them mean anything, (n,).
        step: Ticks a frame by the film's rate, at least 1.
        guessed: Whether known times may be guesses from other frames' times.
    """
    places = np.flatnonzero(known)
    if len(places) == 0:
        return counted(len(times), Fraction(0), step)
    if len(places) > 1:
        own = float(np.median(np.diff(times[places]) / np.diff(places)))
        if own >= 1 and abs(own - step) > SAME_RATE * step:
            step = Fraction(own).limit_denominator(LARGEST_DENOMINATOR)
    origins = times[places] - places * float(step)
    origin = float(np.median(origins))
    evenly = counted(len(times), Fraction(round(origin)), step)
    off = OFF_FRAMES_GUESSED if guessed else OFF_FRAMES_STORED
    if np.max(np.abs(origins - origin)) <= off * step:
        return evenly
    spread = _spread(times, _rising(times, places), float(step))
    return spread if bool(np.all(np.diff(spread) > 0)) else evenly


def _rising(times: Int64s, places: Int64s) -> Int64s:
    """Return the places whose times are later than all before them."""
    highest = np.maximum.accumulate(times[places])
    later: Int64s = places[np.append(True, times[places][1:] > highest[:-1])]
    return later


def _spread(times: Int64s, places: Int64s, step: float) -> Int64s:
    index = np.arange(len(times))
    filled = np.interp(index, places, times[places])
    filled -= np.maximum(places[0] - index, 0) * step
    filled += np.maximum(index - places[-1], 0) * step
    ticks: Int64s = np.rint(filled).astype(np.int64)
    return ticks
