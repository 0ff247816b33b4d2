"""Find the photograph in a scan: inside borders, mounts, film rebates and their captions.

A border is an even strip along a side of the scan that ends at a straight line. Strips within
strips are taken off one after the other, such as a scanner's lid and then the white paper.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from colorworker.media.perforations import has_perforations

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Film = Literal["", "negative", "positive"]

_ROUNDS = 3
_SIDES = 4
_SMALLEST = 48
"""Pixels of the short side below which no border is looked for."""
_STRIP = 0.012
"""Depth of the strip at a side that tells the border's color, and least depth of a border, as a
share of the scan's short side."""
_DEEPEST = 0.4
"""Greatest depth of a border, as a share of the scan's height or width."""
_DEEP = 0.15
"""Depth of a border, as a share of the length of its side, from which it may not be 2.5 times as
deep as the border on the opposite side."""
_CHROMA = 8.0
_LIGHTNESS = (3.0, 6.0, 11.0)
"""Differences of L* from the border's color within which a pixel belongs to it. The first with
which the border ends at a straight line counts: faded skies are nearly as light as the paper."""
_SHALLOWEST = 2.0
"""Least depth of a border in pixels."""
_PLAIN = 0.8
"""Share of the outer strip that has the border's color."""
_LETTERS = 0.04
"""Largest size of what may lie on a border (captions, sprocket holes), as a share of the scan."""
_COVERED = 0.6
"""Share of a border that has its color; the rest may be captions and holes."""
_STEEPEST = 0.06
"""Largest slope of a border's edge: scans are turned by up to 3.4 degrees."""
_STRAIGHT = 0.7
"""Share of a border's edge that lies within a pixel of the line."""
_LEAST_LONG = 0.4
"""Least length of a border's edge, as a share of the side."""
_LEAST_SIDES = 2
_ALIKE = 10.0
"""Largest difference between the colors of a border on two or three sides."""
_UNCLEAR = 10.0
"""Difference between the L* of a film's edge and its picture below which nothing is said."""
_LEAST_KEPT = 0.12
"""Least share of the scan that is photograph; with less, the scan is taken as a whole."""


@dataclass(frozen=True)
class ScanArea:
    """Where the photograph is in a scan."""

    inside: Mask
    """Pixels of the photograph, (h, w)."""
    rows: slice
    columns: slice
    """The smallest box around the photograph."""
    film: Film = ""
    """`negative` or `positive` if the border is the perforated edge of such a film."""

    @property
    def share(self) -> float:
        """Share of the scan that is photograph, in (0, 1]."""
        return float(np.mean(self.inside))


@dataclass(frozen=True)
class _Edge:
    """A border along one side of a scan."""

    depth: Floats
    """In pixels, for each column of the side, (w,)."""
    color: Floats
    """L*, a* and b*."""
    is_perforated: bool


def find_photograph(lab: Floats) -> ScanArea | None:
    """Return where the photograph is in a scan; None if it has no border.

    Args:
        lab: L*a*b* of the downscaled scan, (h, w, 3).
    """
    height, width = lab.shape[:2]
    if min(height, width) < _SMALLEST:
        return None
    inside = np.ones((height, width), bool)
    top, bottom, left, right = 0, height, 0, width
    perforated: list[_Edge] = []
    for _ in range(_ROUNDS):
        found = _edges(lab[top:bottom, left:right])
        if not _is_border(found):
            break
        perforated += [edge for edge in found if edge is not None and edge.is_perforated]
        edges = [None if edge is None else edge.depth for edge in found]
        within = _within(edges, (bottom - top, right - left))
        rows, columns = np.flatnonzero(within.any(axis=1)), np.flatnonzero(within.any(axis=0))
        if not rows.size or np.mean(within) * (bottom - top) * (right - left) < (
            _LEAST_KEPT * height * width
        ):
            break
        outside = np.ones_like(inside)
        outside[top:bottom, left:right] = ~within
        inside &= ~outside
        depths = [0 if edge is None else int(np.ceil(edge.max())) + 1 for edge in edges]
        top, bottom = top + depths[0], bottom - depths[1]
        left, right = left + depths[2], right - depths[3]
        if min(bottom - top, right - left) < _SMALLEST:
            break
    if inside.all():
        return None
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return ScanArea(
        inside,
        slice(int(rows[0]), int(rows[-1]) + 1),
        slice(int(columns[0]), int(columns[-1]) + 1),
        _film(perforated, float(np.median(lab[..., 0][inside]))),
    )


def _film(perforated: list[_Edge], lightness: float) -> Film:
    """Return what the film is, by the L* of its perforated edges and the median of its picture."""
    if len(perforated) < _LEAST_SIDES:
        return ""
    edge = float(np.median([each.color[0] for each in perforated]))
    if abs(edge - lightness) < _UNCLEAR:
        return ""
    return "negative" if edge > lightness else "positive"


def _is_border(edges: list[_Edge | None]) -> bool:
    """Return whether strips belong to a border, not to a sky above a sea."""
    colors = np.array([edge.color for edge in edges if edge is not None])
    if len(colors) < _LEAST_SIDES:
        return False
    if len(colors) == _SIDES:
        return True
    spread = np.ptp(colors, axis=0)
    return bool(spread[0] < _ALIKE and np.hypot(spread[1], spread[2]) < _ALIKE)


def _edges(lab: Floats) -> list[_Edge | None]:
    """Return the border along the top, bottom, left and right; None without one."""
    turned = lab.transpose(1, 0, 2)
    edges = [_edge(side) for side in (lab, lab[::-1], turned, turned[::-1])]
    for side, other in ((0, 1), (1, 0), (2, 3), (3, 2)):
        near, far = edges[side], edges[other]
        if (
            near
            and far
            and near.depth.mean() > max(_DEEP * len(near.depth), 2.5 * far.depth.mean())
        ):
            # A pale sky, as light as the paper above it, down to a straight horizon.
            edges[side] = None
    return edges


def _edge(lab: Floats) -> _Edge | None:
    """Return the border along the first lines; None without one."""
    height, width = lab.shape[:2]
    strip = max(2, round(min(height, width) * _STRIP))
    color = np.median(lab[:strip].reshape(-1, 3), axis=0)
    for tolerance in _LIGHTNESS:
        alike = _alike(lab, color, tolerance)
        if np.mean(alike[:strip]) < _PLAIN:
            continue
        line = _straight_line(_first_lines(~alike), _DEEPEST * height)
        if line is None or line.mean() < _SHALLOWEST:
            continue
        on_border = np.arange(height)[:, None] < line[None, :] - 1
        if on_border.any() and np.mean(alike[on_border]) >= _COVERED:
            return _Edge(line, color, has_perforations(on_border & ~alike))
    return None


def _alike(lab: Floats, color: Floats, tolerance: float) -> Mask:
    chroma = np.hypot(lab[..., 1] - color[1], lab[..., 2] - color[2])
    return np.asarray((np.abs(lab[..., 0] - color[0]) < tolerance) & (chroma < _CHROMA))


def _first_lines(other: Mask) -> npt.NDArray[np.intp]:
    """Return for each column the first line of something larger than captions and holes."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(other.astype(np.uint8), connectivity=4)
    boxes = stats[:, cv2.CC_STAT_WIDTH] * stats[:, cv2.CC_STAT_HEIGHT]
    large = boxes > _LETTERS * other.size
    large[0] = False
    seen = large[labels]
    return np.where(seen.any(axis=0), seen.argmax(axis=0), len(other))


def _straight_line(depths: npt.NDArray[np.intp], deepest: float) -> Floats | None:
    """Return the line on which most depths lie, (w,); None if too few do.

    Args:
        depths: From `_first_lines`.
        deepest: Depth from which a column shows only the border, as beside the photograph.
    """
    places = np.arange(len(depths)) - (len(depths) - 1) / 2
    seen = depths <= deepest
    if np.mean(seen) < _LEAST_LONG:
        return None
    near, best = depths[seen], 0
    found = np.empty(0)
    # Of equally good lines, the least turned one counts.
    for slope in sorted(np.linspace(-_STEEPEST, _STEEPEST, 25), key=abs):
        level = near - slope * places[seen]
        middle = np.round(level).astype(np.intp)
        middle -= middle.min()
        counts = np.convolve(np.bincount(middle), (1, 1, 1), "same")
        if counts.max() > best:
            best = int(counts.max())
            on_line = np.abs(middle - counts.argmax()) <= 1
            found = np.median(level[on_line]) + slope * places
    return found.astype(np.float32) if best >= _STRAIGHT * len(near) else None


def _within(edges: list[Floats | None], shape: tuple[int, int]) -> Mask:
    height, width = shape
    down, across = np.arange(height)[:, None], np.arange(width)[None, :]
    within = np.ones(shape, bool)
    top, bottom, left, right = edges
    if top is not None:
        within &= down >= top[None, :]
    if bottom is not None:
        within &= height - 1 - down >= bottom[None, :]
    if left is not None:
        within &= across >= left[:, None]
    if right is not None:
        within &= width - 1 - across >= right[:, None]
    return within
