"""Fill the object that a stroke of a brush lies in, up to the edges around it.

How likely each place belongs to the object follows from its lightness, its distance, and what the
network sees there. That likelihood then spreads between places without an edge between them, as
colors do in Levin, Lischinski and Weiss, "Colorization using Optimization" (SIGGRAPH 2004). So the
border lies on edges where there are any, and is a soft transition where there are none.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.guided import fit_planes_to_luma
from colorworker.media.spreading import spread

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_CELLS = 64
"""Likelihoods are computed for cells; so many lie along the short side. At the default network's
256 pixels, they are those of its own grid.
"""

# Logistic regressions, fitted by benchmarks/strokefit.py. See `traits` for what they weigh.
_SEEN_WEIGHTS = (-8.84, -5.33, -7.9, -2.14, -0.0462, -2.27, -1.13)
_SEEN_OFFSET = 10.3
_LUMA_WEIGHTS = (-5.4, 0.214, -4.25, -1.42)
_LUMA_OFFSET = 4.79
_CAUTION = 2.0
"""Subtracted from the log odds, which were fitted to as many cells inside as outside."""

_LUMA_EDGE = 1.5
"""Difference of L* between two cells that lets 1/e of the likelihood pass."""
_SEEN_EDGE = 0.1
"""Hellinger distance of their color distributions that does the same."""
_LEAK = 3e-4
"""What passes any edge."""

_THRESHOLDS = tuple(np.linspace(0.1, 0.85, 16))
"""Likelihoods that are tried as the border of the object."""
_FADE, _RISE = 0.1, 0.03
"""The transition from outside to inside reaches from so far below that border to above it."""
_FULL_EDGE = 10.0
"""Difference of L* across an edge that is certainly one."""
_FULL_SLOPE = 0.05
"""Change of the likelihood per pixel at a border that is certainly one."""
_FAINT_EDGE = 2.0
"""Difference of L* up to which an edge is no sharp border; from twice that on, it is."""
_GROWTH = 0.0
"""An object that is x times as large must have a border that is x^0.25 times as clear."""
_LEAST = 10.0
"""Objects that are up to this many times as large as the stroke are equally likely."""

_FARTHEST = 4.0
_MOST_DEVIATION = 40.0
_MOST_SEEDS = 64
"""Maximum number of places under a stroke with which others are compared."""
_ALIKE = 3
"""So many of them, the most similar ones, count."""
_PARTLY = 0.05
"""A smaller share of a pixel is no claim to it."""
_MOST_RIVALS = 32
"""Maximum number of points that keep their objects from strokes."""
_EPSILON = 4.0
"""See `guided.fit_planes_to_luma`."""
_CLEAR = (0.2, 0.8)
"""Shares of a pixel up to which it is outside, and from which it is inside."""
_KEPT = 256
"""Strokes whose objects are remembered; 0.25 MB each."""
_BOX = np.ones((3, 3), np.uint8)


class _Seen(NamedTuple):
    """What the network sees in each cell."""

    roots: Floats
    """Square roots of the probabilities of colors, (cells, Q)."""
    features: Floats
    """Deviation of the features from their mean over the picture, normalized, (cells, C)."""


class StrokeFiller:
    """Fills the objects under strokes on one picture, and remembers them."""

    def __init__(
        self,
        lightness: Floats,
        distribution: Callable[[], ColorDistribution | None] = lambda: None,
    ) -> None:
        """Take the picture.

        Args:
            lightness: L* in [0, 100], (h, w).
            distribution: Returns what the network sees in the picture; None: only luma counts.
                Called for the first stroke.
        """
        self.lightness = np.ascontiguousarray(lightness, np.float32)
        height, width = self.lightness.shape
        self._cell = max(round(min(height, width) / _CELLS), 1)
        self._cells = max(height // self._cell, 1), max(width // self._cell, 1)
        self._load = distribution
        self._fills: OrderedDict[bytes, Floats] = OrderedDict()

    def fill(self, stroke: Mask) -> Floats:
        """Return the share of each pixel that belongs to the object under a stroke.

        Args:
            stroke: The pixels of the stroke, (h, w).

        Returns:
            Shares in [0, 1], (h, w).
        """
        place = np.packbits(stroke).tobytes()
        if place not in self._fills:
            while len(self._fills) >= _KEPT:
                self._fills.popitem(last=False)
            self._fills[place] = self._fill(stroke)
        self._fills.move_to_end(place)
        return self._fills[place]

    def traits(self, stroke: Mask) -> Floats:
        """Return what tells whether cells belong to the object under a stroke, (rows, columns, n).

        With a network: the Hellinger distance of the distributions of colors, the distance of the
        features, and how far features under the stroke differ among themselves. Always: how far L*
        lies outside of the stroke's, the distance from the stroke as a share of its extent, the
        root of that, and the logarithm of the stroke's share of the picture.
        """
        covered = self._smaller(stroke.astype(np.float32))
        traits = []
        if self._seen is not None:
            under = self._under(covered).ravel()
            unlike, _ = _unlikeness(self._seen.roots, under)
            strange, variety = _unlikeness(self._seen.features, under)
            traits += [unlike, strange, np.full_like(strange, variety)]
        low, high = np.percentile(self._even[stroke], (5, 95))
        outside = np.maximum(np.maximum(low - self._even, self._even - high), 0)
        traits.append(np.minimum(self._smaller(outside) / _MOST_DEVIATION, 1).ravel())
        away = np.minimum(self._smaller(_distance(stroke)), _FARTHEST).ravel()
        traits += [away, np.sqrt(away), np.full_like(away, np.log(stroke.mean() * 100))]
        return np.stack(traits, -1).reshape(*self._cells, -1).astype(np.float32)

    def _fill(self, stroke: Mask) -> Floats:
        if not stroke.any():
            return np.zeros(self.lightness.shape, np.float32)
        traits = self.traits(stroke)
        by_luma = traits.shape[-1] == len(_LUMA_WEIGHTS)
        weights = _LUMA_WEIGHTS if by_luma else _SEEN_WEIGHTS
        odds = traits @ np.array(weights) + (_LUMA_OFFSET if by_luma else _SEEN_OFFSET) - _CAUTION
        under = self._under(self._smaller(stroke.astype(np.float32)))
        likely = spread(1 / (1 + np.exp(-odds)), under, *self._passages)
        height, width = self.lightness.shape
        smooth = cv2.resize(
            likely.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
        threshold = self._clearest(smooth, stroke)
        wide = np.clip((smooth - threshold + _FADE) / (_FADE + _RISE), 0, 1)
        (slope,), (offset,) = fit_planes_to_luma(self.lightness, wide[None], _EPSILON)
        sharp = np.clip(slope * self.lightness + offset, 0, 1)
        share = np.clip((sharp - _CLEAR[0]) / (_CLEAR[1] - _CLEAR[0]), 0, 1)
        share = np.where(_connected((share > _PARTLY) | stroke, stroke), share, 0)
        # Without an edge nearby, a sharp border would look like one.
        contrast = cv2.dilate(self._even, _BOX) - cv2.erode(self._even, _BOX)
        near = np.ones((2 * self._cell + 1, 2 * self._cell + 1), np.uint8)
        edge = np.clip(cv2.dilate(contrast, near) / _FAINT_EDGE - 1, 0, 1)
        edge = cv2.GaussianBlur(edge, (0, 0), self._cell / 2)
        soft = cv2.GaussianBlur(share, (0, 0), self._cell)
        return np.asarray(edge * share + (1 - edge) * soft, np.float32)

    def _clearest(self, likely: Floats, stroke: Mask) -> float:
        """Return the likelihood at which the object has the clearest border."""
        steepness = np.hypot(*np.gradient(likely))
        least = _LEAST * float(stroke.mean())
        best, best_score = 0.5, -1.0
        for threshold in _THRESHOLDS:
            region = _connected((likely > threshold) | stroke, stroke)
            around = cv2.dilate(region.astype(np.uint8), _BOX).astype(bool) & ~region
            if not around.any():
                continue
            clearness = np.minimum(self._contrast[around] / _FULL_EDGE, 1).mean()
            clearness += np.minimum(steepness[around] / _FULL_SLOPE, 1).mean()
            score = float(clearness) / max(float(region.mean()), least) ** _GROWTH
            if score >= best_score:
                best, best_score = threshold, score
        return best

    @cached_property
    def _fine(self) -> Floats:
        """The picture without grain."""
        return np.asarray(cv2.bilateralFilter(self.lightness, 5, 8.0, 2.0), np.float32)

    @cached_property
    def _even(self) -> Floats:
        """The picture without the texture and folds of cloth."""
        even = cv2.medianBlur(self._fine, 5)
        for _ in range(3):
            even = cv2.bilateralFilter(even, 9, 16.0, 4.0)
        return np.asarray(even, np.float32)

    @cached_property
    def _contrast(self) -> Floats:
        """Largest difference of L* within 2 pixels, near each pixel."""
        contrast = cv2.dilate(self._fine, _BOX) - cv2.erode(self._fine, _BOX)
        return np.asarray(cv2.dilate(contrast, np.ones((5, 5), np.uint8)), np.float32)

    @cached_property
    def _seen(self) -> _Seen | None:
        distribution = self._load()
        if distribution is None:
            return None
        cells = self._cells[0] * self._cells[1]
        roots = np.sqrt(_at_size(distribution.shares, self._cells)).reshape(cells, -1)
        features = _at_size(distribution.features, self._cells).reshape(cells, -1)
        features = _normalized(_normalized(features) - _normalized(features).mean(0))
        return _Seen(roots, features)

    @cached_property
    def _passages(self) -> tuple[Doubles, Doubles]:
        """How much passes between neighbors along rows, and along columns, in [0, 1]."""
        rows, columns = self._cells
        even = cv2.resize(self._even, (columns * self._cell, rows * self._cell))
        across, down = _luma_steps(even, self._cell), _luma_steps(even.T, self._cell).T
        exponents = [across / _LUMA_EDGE, down / _LUMA_EDGE]
        if self._seen is not None:
            roots = self._seen.roots.reshape(rows, columns, -1)
            exponents[0] += _seen_steps(roots) / _SEEN_EDGE
            exponents[1] += _seen_steps(roots.swapaxes(0, 1)).T / _SEEN_EDGE
        first, second = (np.exp(-exponent.astype(np.float64)) + _LEAK for exponent in exponents)
        return first, second

    def _smaller(self, plane: Floats) -> Floats:
        return np.asarray(
            cv2.resize(plane, self._cells[::-1], interpolation=cv2.INTER_AREA), np.float32
        )

    def _under(self, covered: Floats) -> Mask:
        return np.asarray(covered > min(0.3, float(covered.max()) / 2))


def fill_strokes(
    lightness: Floats,
    strokes: Sequence[Mask],
    points: Sequence[Mask] = (),
    filler: StrokeFiller | None = None,
) -> list[Floats]:
    """Return the share of each pixel that each stroke colors, each (h, w) in [0, 1].

    Where the objects of several strokes are the same, the nearest stroke colors it. No stroke
    colors the object of a point that is nearer.

    Args:
        lightness: L* in [0, 100], (h, w).
        strokes: The pixels of each stroke, (h, w).
        points: The pixels of each point.
        filler: Remembers what was filled before on the same picture.
    """
    filler = filler or StrokeFiller(lightness)
    fills = [filler.fill(stroke) for stroke in strokes]
    rivals = [point for point in points if any((fill[point] > _PARTLY).any() for fill in fills)]
    count = len(fills)
    if count + len(rivals) < 2:
        return fills
    fills += [filler.fill(point) for point in rivals[:_MOST_RIVALS]]
    strokes = [*strokes, *rivals[:_MOST_RIVALS]]
    nearest = np.full(lightness.shape, np.inf, np.float32)
    owner = np.full(lightness.shape, -1, np.int32)
    for number, (fill, stroke) in enumerate(zip(fills, strokes, strict=True)):
        distance = cv2.distanceTransform((~stroke).astype(np.uint8), cv2.DIST_L2, 3)
        # A later stroke over an earlier one wins.
        wins = (fill > _PARTLY) & (distance <= nearest)
        nearest[wins], owner[wins] = distance[wins], number
    return [
        np.where((owner == number) | (owner < 0), fill, 0).astype(np.float32)
        for number, fill in enumerate(fills[:count])
    ]


def fill_stroke(lightness: Floats, stroke: Mask) -> Floats:
    """Return the share of each pixel that belongs to the object under a stroke, (h, w)."""
    return StrokeFiller(lightness).fill(stroke)


def _unlikeness(vectors: Floats, under: Mask) -> tuple[Floats, float]:
    """Return how unlike each cell is to the cells under a stroke, and those among themselves.

    Args:
        vectors: Normalized, (cells, n).
        under: Cells under the stroke, (cells,).

    Returns:
        sqrt(1 - s), where s is the mean cosine to the most similar cells under the stroke: of each
        cell, (cells,), and the mean over the stroke.
    """
    seeds = vectors[under]
    compared = seeds[:: -(-len(seeds) // _MOST_SEEDS)]
    count = min(_ALIKE, len(compared))
    cosines = np.partition(vectors @ compared.T, -count, 1)[:, -count:].mean(1)
    own = np.sort(seeds @ compared.T, 1)[:, -_ALIKE - 1 : -1]
    variety = max(1 - float(own.mean()), 0.0) if own.size else 0.0
    return np.sqrt(np.maximum(1 - cosines, 0)), variety**0.5


def _luma_steps(even: Floats, cell: int) -> Floats:
    """Return the range of L* on the way between neighbors along rows, (rows, columns - 1).

    Args:
        even: L*, (cell * rows, cell * columns).
        cell: Side of a cell in pixels.
    """
    lines = even.reshape(-1, cell, even.shape[1]).mean(1)
    ways = np.lib.stride_tricks.sliding_window_view(lines, cell + 1, 1)[:, cell // 2 :: cell]
    return np.asarray(ways.max(-1) - ways.min(-1), np.float32)


def _seen_steps(roots: Floats) -> Floats:
    """Return the Hellinger distance of the color distributions on both sides of each passage.

    Cells two apart are compared: direct neighbors resemble each other everywhere.

    Args:
        roots: (rows, columns, Q).

    Returns:
        (rows, columns - 1).
    """
    if roots.shape[1] < 3:
        return np.zeros((roots.shape[0], roots.shape[1] - 1), np.float32)
    cosines = np.einsum("rcq,rcq->rc", roots[:, 2:], roots[:, :-2])
    two_apart = np.sqrt(np.maximum(1 - cosines, 0))
    padded = np.pad(two_apart, ((0, 0), (1, 1)), mode="edge")
    return np.asarray(np.minimum(padded[:, :-1], padded[:, 1:]), np.float32)


def _distance(stroke: Mask) -> Floats:
    """Return the distance from a stroke as a share of its extent, (h, w)."""
    rows, columns = np.nonzero(stroke)
    extent = float(np.hypot(np.ptp(rows), np.ptp(columns))) + 1
    away = cv2.distanceTransform((~stroke).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(away / extent, np.float32)


def _connected(region: Mask, stroke: Mask) -> Mask:
    """Return the part of a region that is connected to a stroke in it."""
    count, labels = cv2.connectedComponents(region.astype(np.uint8), connectivity=4)
    is_own = np.zeros(count, bool)
    is_own[labels[stroke]] = True
    return np.asarray(is_own[labels] & region)


def _at_size(planes: Floats, cells: tuple[int, int]) -> Floats:
    """Return planes, (rows, columns, n), at another number of cells."""
    if planes.shape[:2] == cells:
        return planes
    # OpenCV takes a limited number of channels.
    parts = [planes[..., start : start + 64] for start in range(0, planes.shape[-1], 64)]
    resized = [cv2.resize(np.ascontiguousarray(part), cells[::-1]) for part in parts]
    return np.concatenate([part.reshape(*cells, -1) for part in resized], -1)


def _normalized(vectors: Floats) -> Floats:
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-6))
