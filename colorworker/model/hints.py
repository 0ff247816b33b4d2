"""Color hints, the known colors of some pixels: scaled to the network's grid and spread there."""

import numpy as np
import numpy.typing as npt

from colorworker.color.resize import downscale_by_area, interpolate_bilinear
from colorworker.model.runtime import tf

Array = npt.NDArray[np.float32]

CHROMA_SCALE = 110.0
"""The network takes the a* and b* of hints divided by this."""
MAX_POINTS = 512
"""Maximum number of hinted cells per picture. The kernel is much wider than their spacing, so more
cells change nothing."""
_POSITION_WEIGHT = 20.0
_LIGHTNESS_WEIGHT = 10.0
_PRIOR = 0.1
"""Weight of the predicted color, which prevails where no hint is near."""


def resize(image: Array, height: int, width: int) -> Array:
    """Resize (H, W) or (H, W, C): smaller by area means, larger by interpolation."""
    smaller = downscale_by_area(image, min(height, image.shape[0]), min(width, image.shape[1]))
    return interpolate_bilinear(smaller, height, width)


def hints_on_grid(hints: Array, height: int, width: int) -> Array:
    """Return hints on a coarse grid; the color of a cell is the mean of its hinted pixels.

    Args:
        hints: a*, b* and a mask in [0, 1], (H, W, 3); colors outside the mask are ignored.
        height: Height of the grid.
        width: Width of the grid.

    Returns:
        float32 (height, width, 3): a*, b* and a mask of 0 and 1; zeros outside the mask.
    """
    mask = hints[..., 2:]
    small = resize(np.concatenate((hints[..., :2] * mask, mask), -1), height, width)
    share = small[..., 2:]
    known = share > 1e-3
    chroma = np.divide(small[..., :2], share, out=np.zeros_like(small[..., :2]), where=known)
    return np.concatenate((chroma, known), -1, dtype=np.float32)


def hinted_cells(grids: Array) -> npt.NDArray[np.int32]:
    """Return the flat indices of each picture's hinted cells, int32 (B, M), filled up with -1.

    Args:
        grids: Hints on the grid, (B, h, w, 3).
    """
    found = [np.flatnonzero(grid[..., 2]) for grid in grids]
    found = [cells[:: -(-len(cells) // MAX_POINTS) or 1] for cells in found]
    indices = np.full((len(found), max(map(len, found), default=0)), -1, np.int32)
    for row, cells in zip(indices, found, strict=True):
        row[: len(cells)] = cells
    return indices


def spread_hints(
    chroma: tf.Tensor, lightness: tf.Tensor, hints: tf.Tensor, cells: tf.Tensor
) -> tf.Tensor:
    """Return chroma moved towards the hints, by distance and by similarity of lightness.

    The network itself uses hints only in their own cells. So the difference between each hint and
    the predicted color is added to every cell p with the weight
    k(p, h) = exp(-(20 |p - h|^2 + 10 (L(p) - L(h))^2)), positions and lightness in [0, 1]:
    chroma(p) + sum_h k (hint(h) - chroma(h)) / (sum_h k + 0.1).

    Args:
        chroma: Predicted a*, b*, float32 (B, h, w, 2).
        lightness: Lightness in [0, 1], (B, h, w, 1).
        hints: a*, b* and mask, (B, h, w, 3).
        cells: From `hinted_cells`, (B, M); M may be 0.
    """
    batch, height, width = (tf.shape(chroma)[axis] for axis in range(3))
    count = height * width
    known = tf.cast(cells >= 0, tf.float32)[..., tf.newaxis]
    cells = tf.maximum(cells, 0)
    flat = tf.reshape(chroma, [batch, count, 2])
    difference = tf.gather(tf.reshape(hints[..., :2], [batch, count, 2]), cells, batch_dims=1)
    difference = (difference - tf.gather(flat, cells, batch_dims=1)) * known

    rows = (tf.range(height, dtype=tf.float32) + 0.5) / tf.cast(height, tf.float32)
    columns = (tf.range(width, dtype=tf.float32) + 0.5) / tf.cast(width, tf.float32)
    place = tf.reshape(tf.stack(tf.meshgrid(rows, columns, indexing="ij"), -1), [1, count, 2])
    keys = tf.concat(
        [
            tf.tile(place, [batch, 1, 1]) * _POSITION_WEIGHT**0.5,
            tf.reshape(lightness, [batch, count, 1]) * _LIGHTNESS_WEIGHT**0.5,
        ],
        -1,
    )
    at_hints = tf.gather(keys, cells, batch_dims=1)
    distance = (
        tf.reduce_sum(keys**2, -1)[:, :, tf.newaxis]
        + tf.reduce_sum(at_hints**2, -1)[:, tf.newaxis]
        - 2 * tf.matmul(keys, at_hints, transpose_b=True)
    )
    kernel = tf.exp(-distance)
    moved = tf.matmul(kernel, difference) / (tf.matmul(kernel, known) + _PRIOR)
    return chroma + tf.reshape(moved, [batch, height, width, 2])
