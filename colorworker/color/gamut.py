"""Bring colors into the gamut without changing their luminance."""

import numpy as np

from colorworker.color.lab import Floats


def scale_into_gamut(rgb: Floats, luminance: Floats) -> Floats:
    """Return linear RGB moved towards the gray of its luminance, just far enough for [0, 1].

    Luminance is linear in RGB, so all colors on that line have the same Y and the same L*. Of the
    distance from gray, the share `min(1, (1 - Y) / (max - Y), Y / (Y - min))` can be kept.

    Args:
        rgb: Linear light, (..., 3), of the luminance given.
        luminance: Relative luminance Y, (...), in [0, 1].

    Returns:
        float32 (..., 3) in [0, 1].
    """
    gray = np.clip(np.asarray(luminance, np.float32), 0, 1)[..., None]
    # Ten times as fast as reducing an axis of length 3.
    red, green, blue = (rgb[..., index, None] for index in range(3))
    above = np.maximum(np.maximum(red, green), blue) - gray
    below = gray - np.minimum(np.minimum(red, green), blue)
    share = np.minimum(_share(1 - gray, above), _share(gray, below))
    return np.asarray(np.clip(gray + share * (rgb - gray), 0, 1), np.float32)


def _share(room: Floats, wanted: Floats) -> Floats:
    """Return room / wanted where there is too little room, else 1."""
    largest = np.maximum(wanted, room)
    share: Floats = np.divide(room, largest, out=np.ones_like(room), where=largest > 0)
    return share
