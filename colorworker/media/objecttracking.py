"""Find objects of one frame in another frame, however far they have moved.

Optical flow between two frames follows motion of about a tenth of the picture. Where an object is
known, it can be searched for instead, and the flow started from where it was found.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_MOST_OBJECTS = 8
"""Maximum number of objects that are searched for in a frame, largest first."""
_LEAST_PIXELS = 40
"""Smaller objects are not searched for: at this size, one walker looks like any other."""
_MARGIN = 2
"""Pixels around an object that are compared, too: its outline."""
_ALIKE = 0.7
"""Correlation from which a place counts as showing the object."""
_FAR = 0.15
"""Correlation that a place at the other side of the picture must have more."""
_STILL = 1.5
"""Pixels of motion that need no search."""
_SAME = 6.0
"""Difference in L* up to which the neighbors of a point go with it."""
_AROUND = 9
"""Side in pixels of the square around a point by which it is found again."""


def with_neighbors(planes: Floats, weight: Floats, lightness: Floats) -> tuple[Floats, Floats]:
    """Return planes and weights that also have the neighbors of known pixels that look the same.

    A single pixel is easily lost on the way to another frame.

    Args:
        planes: (n, h, w).
        weight: Weight of each pixel, (h, w); 0 for those that are not known.
        lightness: L* in [0, 100], (h, w).
    """
    total = np.maximum(cv2.blur(weight, (3, 3)), np.float32(1e-6))
    mean = [cv2.blur(each * weight, (3, 3)) / total for each in (*planes, lightness)]
    around = cv2.dilate(weight, np.ones((3, 3), np.uint8))
    same = np.abs(mean[-1] - lightness) <= _SAME
    wide = np.where(weight > 0, weight, np.where(same, around, 0))
    return np.where(weight > 0, planes, mean[:-1]).astype(np.float32), wide.astype(np.float32)


def with_surroundings(share: Floats) -> Floats:
    """Return the share of points, (h, w), widened to the surroundings that identify them."""
    return np.asarray(cv2.dilate(share, np.ones((_AROUND, _AROUND), np.uint8)), np.float32)


def separate_objects(share: Floats) -> list[Mask]:
    """Return the connected objects of a picture, the largest ones, each (h, w).

    Args:
        share: Share of each pixel that belongs to any of them, (h, w).
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats((share > 0.5).astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA]
    largest = sorted(range(1, count), key=lambda label: -areas[label])[:_MOST_OBJECTS]
    return [labels == label for label in largest if areas[label] >= _LEAST_PIXELS]


def flows_to_objects(
    here: Codes, known: Codes, objects: Sequence[Mask]
) -> tuple[Floats, Floats] | None:
    """Return a flow from a frame to one with known objects and back, each (h, w, 2).

    It is zero where no object was found, and constant within each object. None: no object has moved
    far, or none was found.

    Args:
        here: Luma of the frame, (h, w).
        known: Luma of the frame with objects, (h, w).
        objects: Their pixels, each (h, w).
    """
    there, back = (np.zeros((*here.shape, 2), np.float32) for _ in range(2))
    for mask in objects:
        moved = _displacement(here, known, mask)
        if moved is None or np.hypot(*moved) < _STILL:
            continue
        back[mask] = moved
        there[_shifted(mask, *moved)] = (-moved[0], -moved[1])
    return (there, back) if there.any() else None


def _displacement(here: Codes, known: Codes, mask: Mask) -> tuple[int, int] | None:
    """Return by how many columns and rows an object has moved; None if it is not found."""
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((2 * _MARGIN + 1, 2 * _MARGIN + 1), np.uint8))
    rows, columns = np.flatnonzero(wide.any(1)), np.flatnonzero(wide.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    template, chosen = known[box], wide[box]
    # An object can be partly out of the picture.
    down, across = template.shape[0] // 2, template.shape[1] // 2
    padded = cv2.copyMakeBorder(here, down, down, across, across, cv2.BORDER_REPLICATE)
    found = cv2.matchTemplate(padded, template, cv2.TM_CCOEFF_NORMED, mask=chosen)
    found = np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0)
    row, column = np.mgrid[: found.shape[0], : found.shape[1]]
    moved_down, moved_across = row - down - rows[0], column - across - columns[0]
    distance = np.hypot(moved_down / here.shape[0], moved_across / here.shape[1])
    best = np.unravel_index(np.argmax(found - _FAR * distance), found.shape)
    if found[best] - _FAR * distance[best] < _ALIKE:
        return None
    return int(moved_across[best]), int(moved_down[best])


def _shifted(mask: Mask, across: int, down: int) -> Mask:
    matrix = np.array([[1, 0, across], [0, 1, down]], np.float32)
    height, width = mask.shape
    moved = cv2.warpAffine(mask.astype(np.uint8), matrix, (width, height))
    return np.asarray(moved, bool)
