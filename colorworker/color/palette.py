"""An anchor's colors by place and luma: an estimate for pixels that motion does not lead to.

The same rule lets color hints spread over a picture, with the anchor's own pixels as the hints: the
mean of the colors around a place, weighted by distance and by similarity of luma. Pixels are sorted
into cells of place and luma (a bilateral grid), the cells are blurred, and values are read by
interpolation, so the cost does not depend on how far a color spreads.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Palette = npt.NDArray[np.float32]
"""Pixel count of each cell and the sums of its colors: (rows, columns, bins of luma, 1 + n)."""

_ROWS = 12
"""Cells over the height of a picture. A color spreads over about two of them."""
_BINS = 16
_HALF_RANGE = 6.0
"""Normalized luma beyond this, 68 in L* from the mean, is counted in the outermost bins."""
_HALF_CONFIDENCE_PIXELS = 20.0
"""Pixels in and around a cell, after blurring, that give a confidence of 0.5."""


def build_palette(luma: Floats, planes: Floats) -> Palette:
    """Return the palette of a small picture.

    Args:
        luma: Normalized luma (h, w), see `temporal.normalize_luma`.
        planes: Any planes (n, h, w) of the picture.
    """
    height, width = luma.shape
    columns = max(2, round(_ROWS * width / height))
    rows = min(_ROWS, height)
    row = np.arange(height) * rows // height
    column = np.arange(width) * columns // width
    bins = np.clip(_bin_position(luma) + 0.5, 0, _BINS - 1).astype(np.intp)
    cell = ((row[:, None] * columns + column) * _BINS + bins).ravel()
    count = rows * columns * _BINS
    sums = [np.bincount(cell, minlength=count)]
    sums += [np.bincount(cell, plane.ravel(), count) for plane in planes]
    cells = np.stack(sums, -1).astype(np.float32).reshape(rows, columns, _BINS, -1)
    for axis in range(3):
        cells = _blurred(cells, axis)
    return cells


def read_palette(spread: Floats, luma: Floats) -> tuple[Floats, Floats]:
    """Return a picture's colors as a palette estimates them.

    Args:
        spread: The palette of another picture, or a weighted sum of several, its cells interpolated
            to the pixels of this one: (h, w, bins of luma * (1 + n)).
        luma: Normalized luma of this picture, (h, w), of any size.

    Returns:
        The planes, (n, h, w), 0 where the palette is empty; the confidence in them, (h, w) in
        [0, 1].
    """
    height, width = luma.shape
    cells = spread.reshape(height * width * _BINS, -1)
    position = np.clip(_bin_position(luma).ravel(), 0, _BINS - 1)
    low = np.minimum(position.astype(np.intp), _BINS - 2)
    share = (position - low).astype(np.float32)[:, None]
    low += np.arange(height * width) * _BINS
    # Clipped look-ups are faster than checked ones, and no index is outside.
    near: Floats = cells.take(low, 0, mode="clip")
    low += 1
    change = cells.take(low, 0, mode="clip")
    change -= near
    change *= share
    near += change
    confidence: Floats = near[:, 0] / (near[:, 0] + np.float32(_HALF_CONFIDENCE_PIXELS))
    near[:, 1:] /= np.maximum(near[:, :1], np.float32(1e-3))
    planes = np.ascontiguousarray(near[:, 1:].T)
    return planes.reshape(-1, height, width), confidence.reshape(height, width)


def _bin_position(luma: Floats) -> Floats:
    """Return normalized luma in units of bins; 0 is the center of the first bin."""
    scaled: Floats = (luma + np.float32(_HALF_RANGE)) * np.float32(_BINS / (2 * _HALF_RANGE))
    scaled -= np.float32(0.5)
    return scaled


def _blurred(cells: Palette, axis: int) -> Palette:
    """Return the cells blurred by (1, 2, 1) along an axis, with zeros outside."""
    blurred = 2 * cells
    inner, outer = [slice(None)] * 4, [slice(None)] * 4
    inner[axis], outer[axis] = slice(1, None), slice(None, -1)
    blurred[tuple(inner)] += cells[tuple(outer)]
    blurred[tuple(outer)] += cells[tuple(inner)]
    return blurred
