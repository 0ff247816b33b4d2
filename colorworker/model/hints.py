"""Known colors as the network takes them, on its coarse grid; and arrays resized for it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from colorworker.color.knowncolors import KnownColors
from colorworker.color.resize import downscale_by_area, interpolate_bilinear

Array = npt.NDArray[np.float32]

CHROMA_SCALE = 110.0
"""The network takes the a* and b* of hints divided by this."""


def resize(image: Array, height: int, width: int) -> Array:
    """Resize (H, W) or (H, W, C): smaller by area means, larger by interpolation."""
    smaller = downscale_by_area(image, min(height, image.shape[0]), min(width, image.shape[1]))
    return interpolate_bilinear(smaller, height, width)


def hints_on_grid(known: Sequence[KnownColors], height: int, width: int) -> Array:
    """Return known colors on a coarse grid; where several are known, the most certain, then last.

    Args:
        known: Known colors at any size.
        height: Height of the grid.
        width: Width of the grid.

    Returns:
        float32 (height, width, 3): a*/110, b*/110 and a mask in [0, 1]; zeros outside the mask.
    """
    grid = np.zeros((height, width, 3), np.float32)
    for each in known:
        small = each.resized(height, width)
        covered = small.weight >= np.maximum(grid[..., 2], np.float32(1e-3))
        grid[covered, :2] = small.ab[covered] / CHROMA_SCALE
        grid[covered, 2] = small.weight[covered]
    return grid
