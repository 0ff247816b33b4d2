"""Color what is too small for the network in the whole picture: predict overlapping parts too."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.colorizerprotocol import Colorizer
from colorworker.color.guided import fit_to_luma
from colorworker.color.levels import level
from colorworker.color.resize import downscale_by_area, interpolate_bilinear, resize
from colorworker.media.stills.port import StillPicture
from colorworker.pipeline.scanview import ScanView

Floats = npt.NDArray[np.float32]

_LEVELS = 2, 4
_OVERLAP = 0.25
"""Share of a part that the next one covers too."""
_CELL = 24
"""Pixels of a level over which the mean color is that of the level before."""
_CHANGED = 2.0
"""Difference of a*b*, by hints or own colors, at which detail no longer counts."""


@dataclass(frozen=True)
class Detail:
    """What parts of a picture add to the colors that the network sees in the whole."""

    lightness: Floats
    """L* of the upright picture at several times the model's size, (h, w)."""
    added: Floats
    """a* and b* to add to those predicted for the whole, (h, w, 2)."""


def find_detail(
    picture: StillPicture, view: ScanView, ab: Floats, colorizer: Colorizer, most: int
) -> Detail | None:
    """Predict parts of a picture; return None if it is too small for that.

    Parts have the model's size and overlap. Their mean colors are corrected to those of the whole
    (of the level before), so that they only add what is smaller. There are at most 24 parts at
    twice the model's size and 75 at four times.

    Args:
        picture: The open picture.
        view: What the network sees of it.
        ab: What it predicted for that, (h, w, 2).
        colorizer: Predicts.
        most: Greatest multiple of the model's size.

    Raises:
        SourceDamaged: If the picture does not decode completely.
    """
    height, width = view.shape
    side = min(picture.info.upright_height, picture.info.upright_width)
    levels = [each for each in _LEVELS if each <= most and each * min(view.shape) <= side]
    if not levels:
        return None
    finest = levels[-1]
    lightness = picture.proxy(height * finest, width * finest)[..., 0]
    rows, columns = (
        (slice(0, None), slice(0, None))
        if view.area is None
        else (_times(view.area.rows, finest), _times(view.area.columns, finest))
    )
    seen = level(np.ascontiguousarray(lightness[rows, columns]))
    whole = along(view.lightness, ab, seen)
    current = whole
    for each in levels:
        small = resize(seen, seen.shape[0] * each // finest, seen.shape[1] * each // finest)
        parts = _predict_parts(small, min(view.shape), colorizer)
        before = resize(current, *small.shape)
        parts += _low(before - parts)
        current = parts if each == finest else along(small, parts, seen)
    added = np.zeros((*lightness.shape, 2), np.float32)
    added[rows, columns] = current - whole
    if view.area is not None:
        inside = view.area.inside.astype(np.float32)
        added *= interpolate_bilinear(inside, *lightness.shape)[..., None]
    return Detail(np.ascontiguousarray(lightness), added)


def add_detail(detail: Detail, lightness: Floats, ab: Floats, predicted: Floats) -> Floats:
    """Return a* and b* at the size of the detail, (H, W, 2).

    Args:
        detail: From `find_detail`.
        lightness: L* at the model's size, (h, w).
        ab: a* and b* at that size with all that people gave and the source keeps, (h, w, 2).
        predicted: The same without these.
    """
    changed = np.hypot(*np.moveaxis(ab - predicted, -1, 0)) / _CHANGED
    share = interpolate_bilinear(np.exp(-(changed**2)), *detail.lightness.shape)
    return along(lightness, ab, detail.lightness) + detail.added * share[..., None]


def along(lightness: Floats, ab: Floats, fine: Floats) -> Floats:
    """Return a* and b*, (h, w, 2), enlarged along the edges of L* `fine`, (H, W)."""
    slope, offset = fit_to_luma(lightness, ab)
    enlarged = resize(slope, *fine.shape) * fine[..., None]
    enlarged += resize(offset, *fine.shape)
    return enlarged


def _predict_parts(lightness: Floats, side: int, colorizer: Colorizer) -> Floats:
    """Return a* and b*, (h, w, 2), blended from overlapping squares."""
    ab = np.zeros((*lightness.shape, 2), np.float32)
    weights = np.zeros((*lightness.shape, 1), np.float32)
    ramp = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1)).astype(np.float32)
    ramp = np.minimum(ramp, side * _OVERLAP)
    weight = (ramp[:, None] * ramp[None, :])[..., None]
    for top in _starts(lightness.shape[0], side):
        for left in _starts(lightness.shape[1], side):
            part = slice(top, top + side), slice(left, left + side)
            seen = np.ascontiguousarray(lightness[part])
            (found,) = colorizer.predict(seen[None])
            own = weight[: seen.shape[0], : seen.shape[1]]
            ab[part] += found * own
            weights[part] += own
    ab /= weights
    return ab


def _starts(length: int, side: int) -> Iterator[int]:
    """Yield where parts begin, evenly, so that they overlap by at least `_OVERLAP`."""
    count = 1 + max(0, int(np.ceil((length - side) / (side * (1 - _OVERLAP)))))
    for index in range(count):
        yield round(index * (length - side) / max(1, count - 1))


def _low(values: Floats) -> Floats:
    """Return the local means of (h, w, 2)."""
    height, width = values.shape[:2]
    means = downscale_by_area(values, max(1, height // _CELL), max(1, width // _CELL))
    return interpolate_bilinear(means, height, width)


def _times(part: slice, factor: int) -> slice:
    return slice(part.start * factor, part.stop * factor)
