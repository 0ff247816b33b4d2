"""Fill the object that a stroke of a brush lies in, up to the edges around it.

Edges are those of luma. Where the network's distribution of colors is known, places where it sees
another thing than under the stroke count as beyond an edge, too.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from colorworker.color.guided import fit_planes_to_luma

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_TOLERANCES = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5, 9.0, 11.0, 13.0, 16.0, 20.0, 25.0)
"""Differences of L* that are tried as the border of an object."""
_FULL_EDGE = 14.0
"""Difference of L* across an edge that is certainly one."""
_FAINT_EDGE = 5.0
"""Difference of L* below which an edge is no sharp border."""
_DEVIATIONS = (0.5, 0.1)
"""Weights of the difference to the stroke's own L*, beside the contrast between neighbors. The
smaller one lets a stroke follow the gradient of a sky."""
_UNLIKE = 120.0
"""Difference of L* that counts as much as entirely different distributions of colors."""
_NEAR = 4.0
"""A region whose pixels are on average the stroke's own extent away must have a border that is e^4
times as clear."""
_MOST_SEEDS = 64
"""Maximum number of places under a stroke whose distributions of colors are compared."""
_GROWTH = 0.25
"""A region that is x times as large must have a border that is x^0.25 times as clear."""
_LEAST = 10.0
"""Objects that are up to this many times as large as the stroke are equally likely."""
_MOST = 0.8
"""Share of the picture above which a region is no object."""
_FRAME_SHARE = 0.5
"""Weight of the pixels where a region touches the picture's frame, which have no contrast."""
_PARTLY = 0.05
"""A smaller share of a pixel is no claim to it."""
_MOST_RIVALS = 32
"""Maximum number of points that keep their objects from strokes."""
_EPSILON = 4.0
"""See `guided.fit_planes_to_luma`."""
_KEPT = 256
"""Strokes whose objects are remembered; 0.25 MB each."""


class _Surface(NamedTuple):
    """A picture without details of some size."""

    smooth: Floats
    """L*, (h, w)."""
    contrast: Floats
    """Largest difference of L* between each pixel's neighbors, per 2 pixels."""


class StrokeFiller:
    """Fills the objects under strokes on one picture, and remembers them."""

    def __init__(
        self, lightness: Floats, shares: Callable[[], Floats | None] = lambda: None
    ) -> None:
        """Take the picture.

        Args:
            lightness: L* in [0, 100], (h, w).
            shares: Returns the probability of each bin of color, on a coarse grid over the picture,
                (rows, columns, bins); None: only luma counts. Called for the first stroke.
        """
        self.lightness = np.ascontiguousarray(lightness, np.float32)
        self._load_shares = shares
        self._fills: OrderedDict[bytes, Floats] = OrderedDict()

    @cached_property
    def _surfaces(self) -> list[_Surface]:
        return [_Surface(smooth, _contrast(smooth)) for smooth in _smoothed(self.lightness)]

    @cached_property
    def _shares(self) -> Floats | None:
        return self._load_shares()

    def fill(self, stroke: Mask) -> Floats:
        """Return the share of each pixel that belongs to the object under a stroke; see `_fill`."""
        place = np.packbits(stroke).tobytes()
        if place not in self._fills:
            while len(self._fills) >= _KEPT:
                self._fills.popitem(last=False)
            self._fills[place] = _fill(self.lightness, self._surfaces, stroke, self._shares)
        self._fills.move_to_end(place)
        return self._fills[place]


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
    """Return the share of each pixel that belongs to the object under a stroke; see `_fill`."""
    return StrokeFiller(lightness).fill(stroke)


def _fill(
    lightness: Floats, surfaces: Sequence[_Surface], stroke: Mask, shares: Floats | None
) -> Floats:
    """Return the share of each pixel that belongs to the object under a stroke, (h, w) in [0, 1].

    The region grows from the stroke across ever larger differences of L*. The region with the
    clearest border counts: one that stops at an edge rather than in the middle of an even area.

    Args:
        lightness: L* in [0, 100], (h, w).
        surfaces: The picture without details.
        stroke: The pixels of the stroke, (h, w).
        shares: See `StrokeFiller`.
    """
    if not stroke.any():
        return np.zeros(lightness.shape, np.float32)
    best, best_score = stroke, 0.0
    least = _LEAST * float(stroke.mean())
    unlike = None if shares is None else _UNLIKE * _unlikeness(shares, stroke)
    away = _distance(stroke)
    for smooth, contrast in surfaces:
        deviation = _deviation(smooth, smooth[stroke])
        barrier = contrast if unlike is None else np.maximum(contrast, unlike)
        for weight in _DEVIATIONS:
            difference = np.maximum(barrier, weight * deviation)
            for tolerance in _TOLERANCES:
                region = _grown(difference <= tolerance, stroke)
                share = np.count_nonzero(region) / region.size
                if share > _MOST:
                    break  # Larger differences give larger regions.
                score = _border_contrast(contrast, region) / max(share, least) ** _GROWTH
                if unlike is not None:
                    score *= float(np.exp(-_NEAR * away[region].mean()))
                if score > best_score:
                    best, best_score = region, score
    return _softened(best, lightness)


def _unlikeness(shares: Floats, stroke: Mask) -> Floats:
    """Return how different the colors are that the network holds possible under a stroke, (h, w).

    Returns:
        The Hellinger distance to the most similar place under the stroke, in [0, 1].
    """
    rows, columns = shares.shape[:2]
    covered = cv2.resize(stroke.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    roots = np.sqrt(shares)
    seeds = roots[covered > min(0.3, float(covered.max()) / 2)]
    seeds = seeds[:: -(-len(seeds) // _MOST_SEEDS)]
    likeness = (roots.reshape(rows * columns, -1) @ seeds.T).max(-1).reshape(rows, columns)
    height, width = stroke.shape
    distance = np.sqrt(np.maximum(1 - likeness, 0))
    return np.asarray(cv2.resize(distance, (width, height)), np.float32)


def _distance(stroke: Mask) -> Floats:
    """Return the distance from a stroke as a share of its extent, (h, w)."""
    rows, columns = np.nonzero(stroke)
    extent = float(np.hypot(np.ptp(rows), np.ptp(columns))) + 1
    away = cv2.distanceTransform((~stroke).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(away / extent, np.float32)


def _smoothed(lightness: Floats) -> list[Floats]:
    """Return the picture without grain, and without the texture and folds of cloth."""
    fine = cv2.bilateralFilter(np.ascontiguousarray(lightness, np.float32), 5, 8.0, 2.0)
    even = cv2.medianBlur(fine, 5)
    for _ in range(3):
        even = cv2.bilateralFilter(even, 9, 16.0, 4.0)
    return [fine, even]


def _contrast(smooth: Floats) -> Floats:
    """Return the largest difference of L* between each pixel's neighbors, per 2 pixels."""
    kernel = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(smooth, kernel) - cv2.erode(smooth, kernel), np.float32)


def _deviation(smooth: Floats, own: Floats) -> Floats:
    """Return how far each pixel's L* lies outside the range of the stroke's own."""
    low, high = np.percentile(own, (5, 95))
    return np.asarray(np.maximum(np.maximum(low - smooth, smooth - high), 0), np.float32)


def _grown(passable: Mask, stroke: Mask) -> Mask:
    """Return what is connected to the stroke by passages of at least three pixels."""
    kernel = np.ones((3, 3), np.uint8)
    wide = cv2.erode(passable.astype(np.uint8), kernel) | stroke.astype(np.uint8)
    count, labels = cv2.connectedComponents(wide, connectivity=4)
    is_own = np.zeros(count, bool)
    is_own[labels[stroke]] = True
    own = is_own[labels]
    # The border of an object has contrast itself, so it is two pixels wider than what is passable.
    grown = cv2.dilate(own.astype(np.uint8), kernel).astype(bool) & (passable | own)
    return _closed(grown)


def _closed(region: Mask) -> Mask:
    """Return the region without small holes, such as grain and spots."""
    _, labels = cv2.connectedComponents((~region).astype(np.uint8), connectivity=4)
    sizes = np.bincount(labels.ravel())
    is_closed = sizes <= max(8, int(0.02 * np.count_nonzero(region)))
    is_closed[0] = True
    return np.asarray(is_closed[labels])


def _border_contrast(contrast: Floats, region: Mask) -> float:
    """Return the mean contrast just outside of the region, in [0, 1]."""
    around = cv2.dilate(region.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~region
    at_frame = sum(int(line.sum()) for line in (region[0], region[-1], region[:, 0], region[:, -1]))
    length = float(around.sum()) + _FRAME_SHARE * at_frame
    return float(np.minimum(contrast[around] / _FULL_EDGE, 1).sum()) / length if length else 0.0


def _softened(region: Mask, lightness: Floats) -> Floats:
    """Return the region with its border moved to the middle of the edge of luma, and as soft.

    Where there is no edge, the border is a gradient over a few pixels.
    """
    mask = region.astype(np.uint8)
    wider = cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(np.float32)
    (slope,), (offset,) = fit_planes_to_luma(lightness, wider[None], _EPSILON)
    sharp = np.clip(slope * lightness + offset, 0, 1)
    near = cv2.dilate(_contrast(cv2.GaussianBlur(lightness, (0, 0), 1.0)), np.ones((17, 17)))
    edge = cv2.GaussianBlur(np.clip(near / _FAINT_EDGE, 0, 1), (0, 0), 2.0)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 4.0)
    return np.asarray(edge * sharp + (1 - edge) * soft, np.float32)
