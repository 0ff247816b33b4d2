"""Detect cuts between shots on small luma.

Color-based detectors fail on black-and-white film (PySceneDetect's default found none of 13 cuts:
hue and saturation are 0 and dilute its average), so this one compares only luma. A decision uses a
few frames before and after it and no other state: the same frames always give the same answer.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SmallLuma = npt.NDArray[np.float32]
"""Luma at `SMALL_SHAPE`, in [0, 1]."""

SMALL_SHAPE = (27, 48)
"""Height and width of the compared luma, from `planes.luma_proxy`."""
FRAMES_BEHIND = 6
"""Maximum frames before a possible cut that a decision uses."""
FRAMES_AHEAD = 4
"""Maximum frames that a decision uses after the first frame of a possible new shot."""

_MIN_CHANGE = 0.02
"""Change caused by grain and gate weave alone, as a share of the luma range."""
_MOTION_FACTOR = 1.6
"""A cut must exceed the usual change between the frames around it by this factor."""
_MIN_DIFFERENCE = 0.3
"""1 - correlation beyond which two frames may belong to different shots."""
_MEDIAN_FRAMES = 3
"""Frames on either side whose median is compared, which removes blots and flashes of one frame."""
_MIN_CONTRAST = 0.012
"""Standard deviation, as a share of the luma range, below which a frame is blank."""


def small_luma(codes: npt.NDArray[np.integer], bit_depth: int) -> SmallLuma:
    """Return luma codes as float32 in [0, 1]; limited or full range makes no difference here."""
    return codes.astype(np.float32) / np.float32((1 << bit_depth) - 1)


def is_cut(before: Sequence[SmallLuma], after: Sequence[SmallLuma]) -> bool:
    """Return whether a new shot starts with the first frame of `after`.

    Jumping or pumping exposure, fades, blots and continuous motion are not cuts: frames are
    compared with equal brightness, relative to the change between the frames around them, and also
    as medians of several frames.

    Args:
        before: One to `FRAMES_BEHIND` frames, the nearest last.
        after: The frame in question and up to `FRAMES_AHEAD` frames after it; fewer at the end of
            the film.
    """
    if not is_dissimilar(before[-1], after[0]):
        return False
    change = _change(before[-1], after[0])
    if change <= max(
        _MIN_CHANGE, _MOTION_FACTOR * max(_usual_change(before), _usual_change(after))
    ):
        return False
    median_before = np.median(before[-_MEDIAN_FRAMES:], axis=0)
    return is_dissimilar(median_before, after[0]) and is_dissimilar(
        median_before, np.median(after[:_MEDIAN_FRAMES], axis=0)
    )


def flash_frames(before: SmallLuma, after: Sequence[SmallLuma]) -> int:
    """Return how many frames a flash or damage lasts before the shot continues.

    Args:
        before: The frame before it.
        after: As for `is_cut`.

    Returns:
        The number of frames; 0 if the picture does not return within `FRAMES_AHEAD` frames, which
        means a cut.
    """
    for length, later in enumerate(after[1:], start=1):
        if (
            not is_dissimilar(before, later)
            and _change(before, later) < _change(before, after[0]) / 2
        ):
            return length
    return 0


def is_flat(frame: SmallLuma) -> bool:
    """Return whether a frame is blank: black between two fades, leader, or a white flash."""
    return float(frame.std()) < _MIN_CONTRAST


def is_dissimilar(one: SmallLuma, other: SmallLuma, least: float = _MIN_DIFFERENCE) -> bool:
    """Return whether two frames may be of different shots; brightness and contrast are ignored.

    Args:
        one: A frame.
        other: Another frame.
        least: Minimum 1 - correlation.
    """
    deviation_one, deviation_other = one - one.mean(), other - other.mean()
    energy = float(np.sqrt((deviation_one**2).sum() * (deviation_other**2).sum()))
    # Two frames without contrast (black leader, white flash) are similar: energy and product are 0.
    return float((deviation_one * deviation_other).sum()) < (1 - least) * energy


def _usual_change(frames: Sequence[SmallLuma]) -> float:
    """Return the lower median of the changes from frame to frame; 0 for a single frame.

    The lower one, because a blot causes two large changes, and there are only four after a cut.
    """
    changes = sorted(_change(*pair) for pair in itertools.pairwise(frames))
    return changes[(len(changes) - 1) // 2] if changes else 0.0


def _change(one: SmallLuma, other: SmallLuma) -> float:
    """Return the mean absolute difference of two frames after equalizing their means."""
    difference = other - one
    return float(np.abs(difference - difference.mean()).mean())
