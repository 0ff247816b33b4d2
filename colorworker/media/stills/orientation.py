"""The eight EXIF orientations, for arrays. Source: Exif 2.32 (CIPA DC-008), 4.6.4 A, tag 274."""

import numpy as np

from colorworker.color.lab import Floats

_INVERSE = {6: 8, 8: 6}
"""All other orientations are their own inverse."""


def upright(stored: Floats, orientation: int) -> Floats:
    """Return stored pixels in the orientation in which viewers show them, (H, W, ...)."""
    turned = stored.swapaxes(0, 1) if orientation >= 5 else stored
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)


def as_stored(picture: Floats, orientation: int) -> Floats:
    """Return an upright picture in the orientation in which it is stored; inverse of `upright`."""
    return upright(picture, _INVERSE.get(orientation, orientation))
