"""An anchor's colors by place and luma: what it says of pixels that no motion leads to.

The rule by which hints reach far, the anchor's own pixels being the hints: the mean of the colors
around a place, weighed by how near they are and how alike their luma is. Pixels are gathered in
cells of place and luma, a bilateral grid, which are blurred and read by interpolation: the cost
does not depend on how far a color reaches.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Palette = npt.NDArray[np.float32]
"""Pixels in each cell, and the sums of their colors: (rows, columns, bins of luma, 1 + n)."""

_ROWS = 12
"""Cells over a picture's height; a color reaches about two of them."""
_BINS = 16
_HALF_RANGE = 6.0
"""Looks beyond this are counted in the outermost bins: 68 in L* from the picture's mean."""
_ENOUGH = 20.0
"""Pixels in and around a cell, blurred, by which it is believed half."""


def gathered(look: Floats, planes: Floats) -> Palette:
    """Return the palette of a small picture.

    Args:
        look: What it is compared by, see `temporal.look`; (h, w).
        planes: Any planes (n, h, w) of it.
    """
    height, width = look.shape
    columns = max(2, round(_ROWS * width / height))
    rows = min(_ROWS, height)
    row = np.arange(height) * rows // height
    column = np.arange(width) * columns // width
    luma = np.clip(_position(look) + 0.5, 0, _BINS - 1).astype(np.intp)
    cell = ((row[:, None] * columns + column) * _BINS + luma).ravel()
    count = rows * columns * _BINS
    sums = [np.bincount(cell, minlength=count)]
    sums += [np.bincount(cell, plane.ravel(), count) for plane in planes]
    cells = np.stack(sums, -1).astype(np.float32).reshape(rows, columns, _BINS, -1)
    for axis in range(3):
        cells = _blurred(cells, axis)
    return cells


def read(spread: Floats, look: Floats) -> tuple[Floats, Floats]:
    """Return a picture's colors as a palette has them.

    Args:
        spread: A palette of another picture, or a weighed sum of several, its cells interpolated to
            the places of this one's pixels: (h, w, bins of luma * (1 + n)).
        look: Of this one, (h, w), of any size.

    Returns:
        The planes, (n, h, w), 0 where the palette knows nothing; how far it knows such pixels
        there, (h, w) in [0, 1].
    """
    height, width = look.shape
    cells = spread.reshape(height * width * _BINS, -1)
    position = np.clip(_position(look).ravel(), 0, _BINS - 1)
    low = np.minimum(position.astype(np.intp), _BINS - 2)
    share = (position - low).astype(np.float32)[:, None]
    low += np.arange(height * width) * _BINS
    near: Floats = cells[low]
    near += share * (cells[low + 1] - near)
    known: Floats = near[:, 0] / (near[:, 0] + np.float32(_ENOUGH))
    near[:, 1:] /= np.maximum(near[:, :1], np.float32(1e-3))
    planes = np.ascontiguousarray(near[:, 1:].T)
    return planes.reshape(-1, height, width), known.reshape(height, width)


def _position(look: Floats) -> Floats:
    """Return looks in bins, the first one's center at 0."""
    scaled: Floats = (look + np.float32(_HALF_RANGE)) * np.float32(_BINS / (2 * _HALF_RANGE))
    scaled -= np.float32(0.5)
    return scaled


def _blurred(cells: Palette, axis: int) -> Palette:
    """Return the cells blurred by (1, 2, 1) along an axis; outside there is nothing."""
    blurred = 2 * cells
    inner, outer = [slice(None)] * 4, [slice(None)] * 4
    inner[axis], outer[axis] = slice(1, None), slice(None, -1)
    blurred[tuple(inner)] += cells[tuple(outer)]
    blurred[tuple(outer)] += cells[tuple(inner)]
    return blurred
