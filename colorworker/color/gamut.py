"""Colors outside the gamut, brought in without touching their luminance."""

import numpy as np

from colorworker.color.lab import Floats


def into_gamut(rgb: Floats, luminance: Floats) -> Floats:
    """Move linear RGB towards the gray of the same luminance, just far enough to lie in [0, 1].

    Luminance is linear in RGB, so every point of the way has the same Y and the same L*. The share
    of the way that can stay is `min(1, (1 - Y) / (max - Y), Y / (Y - min))`.

    Args:
        rgb: (..., 3) linear light whose luminance is `luminance`.
        luminance: (...) relative luminance Y in [0, 1].

    Returns:
        (..., 3) in [0, 1].
    """
    gray = np.clip(np.asarray(luminance, np.float32), 0, 1)[..., None]
    above = rgb.max(axis=-1, keepdims=True) - gray
    below = gray - rgb.min(axis=-1, keepdims=True)
    share = np.minimum(_share(1 - gray, above), _share(gray, below))
    return np.asarray(np.clip(gray + share * (rgb - gray), 0, 1), np.float32)


def _share(room: Floats, wanted: Floats) -> Floats:
    """Return room / wanted where too little room is left, else 1."""
    largest = np.maximum(wanted, room)
    share: Floats = np.divide(room, largest, out=np.ones_like(room), where=largest > 0)
    return share
