"""Tell from a film's perforated edge whether a scan of it is a negative.

Only film has perforations. Film between them is clear in a negative, and black in a positive.
"""

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

_LEAST = 5
"""Perforations along a side, at least."""
_ALIKE = 0.35
"""Largest relative difference of their sizes from the median."""
_EVEN = 0.15
"""Largest standard deviation of their distances, as a share of the mean distance."""
_ROW = 0.3
"""Largest standard deviation of their place across the edge, as a share of their height."""


def has_perforations(marks: Mask) -> bool:
    """Return whether a row of equal holes at equal distances runs along an edge.

    Args:
        marks: What differs from the edge's color, (h, w), w along the edge; False off the edge.
    """
    _, _, stats, centers = cv2.connectedComponentsWithStats(marks.astype(np.uint8), connectivity=4)
    # The first component is the background; holes that the picture's sides cut are left out.
    left, width = stats[1:, cv2.CC_STAT_LEFT], stats[1:, cv2.CC_STAT_WIDTH]
    whole = (left > 0) & (left + width < marks.shape[1])
    sizes, centers = stats[1:, cv2.CC_STAT_AREA][whole], centers[1:][whole]
    heights = stats[1:, cv2.CC_STAT_HEIGHT][whole]
    # Letters and dust are smaller; of the rest, holes are the many.
    large = sizes >= 0.5 * np.max(sizes, initial=0)
    sizes, centers, heights = sizes[large], centers[large], heights[large]
    if len(sizes) < _LEAST:
        return False
    alike = np.abs(sizes / np.median(sizes) - 1) < _ALIKE
    if np.sum(alike) < max(_LEAST, 0.8 * len(sizes)):
        return False
    along = np.sort(centers[alike, 0])
    steps = np.diff(along)
    in_a_row = np.std(centers[alike, 1]) < _ROW * np.median(heights)
    return bool(in_a_row and np.std(steps) < _EVEN * np.mean(steps))
