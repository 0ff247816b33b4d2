"""Strokes of a brush as pixels: drawn from points, or found in a painted picture."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_COLOR_STEP = 8.0
"""Painted colors that differ by less in a* and b* are one stroke."""
_MOST_STROKES = 64
"""Maximum number of strokes that are found, largest first."""
_SHIFT = 4
"""Bits of subpixels in OpenCV's drawing."""


def draw_stroke(
    points: Sequence[tuple[float, float]],
    radius: float,
    size: tuple[int, int],
    shape: tuple[int, int],
) -> Mask:
    """Return the pixels of a stroke, or of a single point, at another size; at least one.

    Args:
        points: x and y in pixels of the full size, from 0.
        radius: Radius of the brush, in pixels of the full size.
        size: (height, width) of the full size.
        shape: (height, width) of the result.
    """
    down, across = shape[0] / size[0], shape[1] / size[1]
    unit = 1 << _SHIFT
    # Pixel centers: the pixel (0, 0) covers 0 to 1.
    places = [((x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5) for x, y in points]
    drawn = np.zeros(shape, np.uint8)
    for x, y in places[:1]:
        drawn[min(max(round(y), 0), shape[0] - 1), min(max(round(x), 0), shape[1] - 1)] = 1
    scaled = radius * (down * across) ** 0.5
    corners = np.rint(np.array(places) * unit).astype(np.int32)
    if scaled >= 0.75:
        for corner in corners:
            cv2.circle(drawn, corner.tolist(), round(scaled * unit), 1, cv2.FILLED, shift=_SHIFT)
    if len(corners) > 1:
        thickness = max(1, round(2 * scaled))
        cv2.polylines(drawn, [corners], False, 1, thickness, shift=_SHIFT)
    return drawn.astype(bool)


def strokes_of_one_color(ab: Floats, painted: Mask) -> list[Mask]:
    """Return the connected areas of one color, the largest ones, each (h, w).

    Args:
        ab: a* and b*, (h, w, 2).
        painted: The painted pixels, (h, w).
    """
    steps = np.rint(ab / _COLOR_STEP).astype(np.int32)
    codes = np.where(painted, (steps[..., 0] + 64) * 256 + steps[..., 1] + 64, -1)
    masks: list[Mask] = []
    for code in np.unique(codes[painted]):
        count, labels = cv2.connectedComponents((codes == code).astype(np.uint8), connectivity=8)
        if count > 4 * _MOST_STROKES:
            continue
        masks += [labels == label for label in range(1, count)]
    return sorted(masks, key=lambda mask: -int(mask.sum()))[:_MOST_STROKES]
