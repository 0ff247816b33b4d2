"""Known colors: colors at some pixels of a picture that people gave or another picture shows.

They enter in place of the prediction where they are known. Those that say something about the
rest of the picture also change what surrounds them, by their residual: the difference between the
known and the predicted color.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from colorworker.color.guided import fit_planes_to_luma
from colorworker.color.resize import downscale_by_area, interpolate_bilinear, resize

Floats = npt.NDArray[np.float32]

Origin = Literal["hint", "stroke", "overlay", "reference", "exemplar"]
"""Where a known color comes from: a point, a brush stroke or a painted overlay that a person made
for this picture; a colored copy of this picture (`reference`); or another picture (`exemplar`)."""

_SPREADING: frozenset[Origin] = frozenset(("hint", "reference"))
"""The others were spread to the border of their objects before, and must not leak across it."""

COARSE = 4
"""Residuals are spread on a grid of this stride."""
MAX_CELLS = 512
"""Maximum number of known cells that residuals are spread from. The kernel is much wider than their
spacing, so more cells change nothing."""
_POSITION_WEIGHT = 10.0
_LIGHTNESS_WEIGHT = 40.0
_NEAREST = 0.02
"""Added to distances: closer than this, known colors are averaged."""
_PRIOR = 2.0
"""Weight of the predicted color, which prevails where no known color is near. A hint of four cells
reaches half of its weight at a distance of 1.4: 0.37 of the picture's size, or 19 in L*."""
_KNOWN = 1e-3
"""Smallest weight that counts."""
_EPSILON = 20.0
"""See `guided.fit_to_luma`."""


@dataclass(frozen=True)
class KnownColors:
    """Colors that are known at some pixels of a picture."""

    ab: Floats
    """a* and b*, float32 (h, w, 2). Ignored where the weight is 0."""
    weight: Floats
    """Certainty, float32 (h, w) in [0, 1]. 0: not known. 1: exactly this color."""
    origin: Origin

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: If they do not match.
        """
        if self.weight.ndim != 2 or self.ab.shape != (*self.weight.shape, 2):
            raise ValueError(f"ab {self.ab.shape} and weight {self.weight.shape} do not match")

    @property
    def spreads(self) -> bool:
        """Whether the residual also changes the pixels around them."""
        return self.origin in _SPREADING

    def resized(self, height: int, width: int) -> "KnownColors":
        """Return them at another size; the color of a pixel is the mean of the known ones in it.

        A pixel counts as known as its best-known part, so small hints survive.
        """
        if self.weight.shape == (height, width):
            return self
        weighted = np.concatenate((self.ab * self.weight[..., None], self.weight[..., None]), -1)
        small = resize(weighted, height, width)
        share = small[..., 2:]
        ab = np.divide(small[..., :2], share, out=np.zeros_like(small[..., :2]), where=share > 0)
        return KnownColors(ab, _highest(self.weight, height, width), self.origin)


def apply_known_colors(lightness: Floats, ab: Floats, known: Iterable[KnownColors]) -> Floats:
    """Return predicted colors with known colors in their place, and their residuals spread.

    Args:
        lightness: L* in [0, 100], (h, w).
        ab: Predicted a* and b*, (h, w, 2).
        known: In order: later ones cover earlier ones. Each of the same size.

    Returns:
        float32 (h, w, 2). Exactly the known color where its weight is 1 and nothing covers it.

    Raises:
        ValueError: If the sizes do not match.
    """
    planes = np.ascontiguousarray(np.moveaxis(ab, -1, 0), np.float32)
    for each in known:
        target = np.moveaxis(each.ab, -1, 0)
        if each.spreads:
            planes = spread_residuals(lightness, planes, target, each.weight)
        planes = replace_known(planes, target, each.weight)
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def replace_known(planes: Floats, target: Floats, weight: Floats) -> Floats:
    """Return planes moved to a target by its weight: the target itself where that is 1.

    Args:
        planes: Predicted chroma in any unit, (n, h, w).
        target: Known chroma in the same unit, (n, h, w).
        weight: In [0, 1], (h, w).
    """
    return np.where(weight > 0, planes + weight * (target - planes), planes).astype(np.float32)


def spread_residuals(lightness: Floats, planes: Floats, target: Floats, weight: Floats) -> Floats:
    """Return planes moved towards known values nearby, by distance and similarity of lightness.

    The difference between each known value h and the prediction is added to every pixel p with the
    weight k(p, h) = (10 |p - h|^2 + 40 (L(p) - L(h))^2 + 0.02)^-2, positions and lightness in
    [0, 1]: planes(p) + sum_h k (target(h) - planes(h)) / (sum_h k + 2).

    Args:
        lightness: L* in [0, 100], (h, w). Luma of a film counts, scaled to this range.
        planes: Predicted chroma in any unit, (n, h, w).
        target: Known chroma in the same unit, (n, h, w); ignored where the weight is 0.
        weight: Certainty in [0, 1], (h, w).

    Returns:
        float32 (n, h, w). Known pixels come close to their values; `replace_known` makes them
        exact.

    Source:
        Shepard, "A two-dimensional interpolation function for irregularly-spaced data", 1968: such
        weights reach far where hints are few, and keep apart those that are close together.

    Raises:
        ValueError: If the sizes do not match.
    """
    if planes.shape != target.shape or not planes.shape[1:] == weight.shape == lightness.shape:
        raise ValueError(
            f"lightness {lightness.shape}, planes {planes.shape}, target {target.shape} and weight"
            f" {weight.shape} do not match"
        )
    if not (weight > _KNOWN).any():
        return planes
    height, width = weight.shape
    grid = (-(-height // COARSE), -(-width // COARSE))
    sources = _sources(lightness, np.where(weight > _KNOWN, target - planes, 0), weight, grid)
    coarse = downscale_by_area(lightness, *grid)
    field = _spread(_keys(_places(*grid), coarse.ravel()), sources).T.reshape(-1, *grid)
    slope, offset = fit_planes_to_luma(coarse, field.astype(np.float32), _EPSILON)
    large = [
        np.moveaxis(interpolate_bilinear(np.moveaxis(each, 0, -1), height, width), -1, 0)
        for each in (slope, offset)
    ]
    return np.asarray(planes + large[0] * lightness + large[1], np.float32)


@dataclass(frozen=True)
class _Sources:
    """Cells that residuals are spread from."""

    keys: Floats
    """(m, 3)."""
    residual: Floats
    """(m, n)."""
    weight: Floats
    """(m,)."""


def _sources(
    lightness: Floats, residual: Floats, weight: Floats, grid: tuple[int, int]
) -> _Sources:
    """Return the known cells: the weighted mean of the residual and lightness of their pixels."""
    layers = np.stack((*residual, lightness, np.ones_like(weight)), -1) * weight[..., None]
    cells = downscale_by_area(layers, *grid).reshape(grid[0] * grid[1], -1)
    best = _highest(weight, *grid).ravel()
    known = np.flatnonzero(best > _KNOWN)
    if len(known) > MAX_CELLS:
        known = known[np.linspace(0, len(known) - 1, MAX_CELLS).astype(np.intp)]
    mean = cells[known, :-1] / cells[known, -1:]
    keys = _keys(_places(*grid)[known], mean[:, -1])
    return _Sources(keys, mean[:, :-1], best[known])


def _spread(keys: Floats, sources: _Sources) -> Floats:
    """Return the residual at every key, (count, n)."""
    distance = (keys**2).sum(1)[:, None] + (sources.keys**2).sum(1) - 2 * keys @ sources.keys.T
    kernel = sources.weight / (np.maximum(distance, 0) + np.float32(_NEAREST)) ** 2
    spread: Floats = kernel @ sources.residual / (kernel.sum(1, keepdims=True) + _PRIOR)
    return spread


def _places(rows: int, columns: int) -> Floats:
    """Return the centers of the cells of a grid, (rows * columns, 2) in [0, 1]."""
    y, x = np.mgrid[:rows, :columns].reshape(2, -1).astype(np.float32) + np.float32(0.5)
    return np.stack((y / rows, x / columns), -1)


def _keys(places: Floats, lightness: Floats) -> Floats:
    """Return the coordinates in which residuals spread by distance, (count, 3)."""
    scaled = lightness[:, None] * np.float32(_LIGHTNESS_WEIGHT**0.5 / 100)
    return np.concatenate((places * np.float32(_POSITION_WEIGHT**0.5), scaled), 1)


def _highest(weight: Floats, height: int, width: int) -> Floats:
    """Return the highest weight within each new pixel, (height, width)."""
    highest = weight
    for axis, size in enumerate((height, width)):
        length = highest.shape[axis]
        if size < length:
            starts = np.arange(size) * length // size
            highest = np.maximum.reduceat(highest, starts, axis)
        elif size > length:
            highest = np.take(highest, np.arange(size) * length // size, axis)
    return highest
