"""Where one shot ends and the next begins, seen on small luma.

Color detectors fail on black-and-white film (PySceneDetect's default found none of 13 cuts: hue
and saturation are 0 and dilute its average), so this one compares luma and nothing else. A decision
takes a few frames before and after it and has no memory: whoever gives it the same frames gets the
same answer.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SmallLuma = npt.NDArray[np.float32]
"""Luma at `SMALL_SHAPE`, in [0, 1]."""

SMALL_SHAPE = (27, 48)
"""Height and width of the luma that is compared, from `planes.luma_proxy`."""
FRAMES_BEHIND = 6
"""Frames before a possible cut that a decision looks at, as far as there are any."""
FRAMES_AHEAD = 4
"""Frames after a possible cut, its own first frame not counted, that a decision looks at."""

_FLOOR = 0.02
"""Change that grain and gate weave make by themselves, as a share of the luma range."""
_TIMES_MOTION = 1.6
"""How many times the usual change between the frames around it a cut must exceed."""
_UNLIKE = 0.3
"""1 - correlation beyond which two frames can be of different shots."""
_STEADY = 3
"""Frames on either side whose median is compared: blots and flashes of one frame vanish from it."""
_FLAT = 0.012
"""Standard deviation, as a share of the luma range, below which a frame shows nothing."""


def small_luma(codes: npt.NDArray[np.integer], bit_depth: int) -> SmallLuma:
    """Return luma codes as float32 in [0, 1]; range limited or full makes no difference here."""
    return codes.astype(np.float32) / np.float32((1 << bit_depth) - 1)


def is_cut(before: Sequence[SmallLuma], after: Sequence[SmallLuma]) -> bool:
    """Return whether a new shot begins with the first frame of `after`.

    Exposure that jumps or pumps, fades, blots, and motion that goes on are no cuts: frames are
    compared after their brightness is made the same, with how much the frames around them change,
    and not only one by one.

    Args:
        before: At least one and up to `FRAMES_BEHIND` frames, the nearest last.
        after: The frame in question and up to `FRAMES_AHEAD` following ones, fewer at the film's
            end.
    """
    if not is_dissimilar(before[-1], after[0]):
        return False
    change = _change(before[-1], after[0])
    if change <= max(_FLOOR, _TIMES_MOTION * max(_usual(before), _usual(after))):
        return False
    steady = np.median(before[-_STEADY:], axis=0)
    return is_dissimilar(steady, after[0]) and is_dissimilar(
        steady, np.median(after[:_STEADY], axis=0)
    )


def flash_frames(before: SmallLuma, after: Sequence[SmallLuma]) -> int:
    """Return how many frames a flash or a damaged frame takes up before the shot goes on.

    Args:
        before: The frame before.
        after: As for `is_cut`.

    Returns:
        0 when the picture does not come back within `FRAMES_AHEAD` frames: then it is a cut.
    """
    for length, later in enumerate(after[1:], start=1):
        if (
            not is_dissimilar(before, later)
            and _change(before, later) < _change(before, after[0]) / 2
        ):
            return length
    return 0


def is_flat(frame: SmallLuma) -> bool:
    """Return whether a frame shows nothing: black between two fades, leader, a white flash."""
    return float(frame.std()) < _FLAT


def is_dissimilar(one: SmallLuma, other: SmallLuma, least: float = _UNLIKE) -> bool:
    """Return whether two frames can be of different shots; brightness and contrast do not count.

    Args:
        one: A frame.
        other: Another one.
        least: 1 - correlation that they must have.
    """
    deviation_one, deviation_other = one - one.mean(), other - other.mean()
    energy = float(np.sqrt((deviation_one**2).sum() * (deviation_other**2).sum()))
    # Two frames without contrast (black leader, white flash) are alike: energy 0, product 0.
    return float((deviation_one * deviation_other).sum()) < (1 - least) * energy


def _usual(frames: Sequence[SmallLuma]) -> float:
    """Lower median of the changes from frame to frame; 0 for a single one.

    The lower one, because a blot makes two large changes, and after a cut there are four.
    """
    changes = sorted(_change(*pair) for pair in itertools.pairwise(frames))
    return changes[(len(changes) - 1) // 2] if changes else 0.0


def _change(one: SmallLuma, other: SmallLuma) -> float:
    """Mean absolute difference once both have the same mean."""
    difference = other - one
    return float(np.abs(difference - difference.mean()).mean())
