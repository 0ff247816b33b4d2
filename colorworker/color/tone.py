"""Whether a picture is in color already, or only gray, sepia or otherwise toned."""

import numpy as np

from colorworker.color.lab import Floats
from colorworker.color.resize import area_down

_BINS = 24
"""Steps of L* in [0, 100] over which a tone is followed."""
_LEAST_IN_BIN = 8
"""Pixels a bin needs for a tone of its own; sparser ones borrow from their neighbors."""
_DISTANCE = 8.0
"""Distance in a*b* from the tone at which a pixel counts as having a color of its own."""
_SHARE = 0.01
"""Share of such pixels that makes a picture one in color."""
_BLOCK = 6
"""Side, in pixels, of the blocks over which the distance is averaged: JPEG keeps chroma at half the
size of luma, so beside an edge a single pixel's chroma is not that of its L*."""


def is_color(lab: Floats) -> bool:
    """Return whether chroma is more than a tone, that is more than a smooth function of L*.

    False for gray pictures and for sepia, cyanotype, split-toned and otherwise toned ones.

    Args:
        lab: (h, w, 3) L*a*b* of the picture made small, which also averages JPEG's chroma noise.
    """
    return color_share(lab) > _SHARE


def color_share(lab: Floats) -> float:
    """Return the share of the picture, in [0, 1], whose color is not that of its tone."""
    height, width = lab.shape[:2]
    lightness = lab[..., 0].reshape(-1)
    chroma = lab[..., 1:].reshape(-1, 2)
    tone = np.stack([_tone(lightness, chroma[:, axis]) for axis in (0, 1)], axis=-1)
    own = (chroma - tone).reshape(height, width, 2)
    blocks = area_down(own, -(-height // _BLOCK), -(-width // _BLOCK))
    return float(np.mean(np.hypot(blocks[..., 0], blocks[..., 1]) > _DISTANCE))


def _tone(lightness: Floats, values: Floats) -> Floats:
    """Return, for every pixel, the median of `values` at its lightness, interpolated over bins."""
    index = np.clip((lightness * (_BINS / 100)).astype(np.intp), 0, _BINS - 1)
    order = np.argsort(index, kind="stable")
    counts = np.bincount(index, minlength=_BINS)
    ends = np.cumsum(counts)
    centers, medians = [], []
    for start, end, count in zip(ends - counts, ends, counts, strict=True):
        if count >= _LEAST_IN_BIN:
            members = order[start:end]
            centers.append(float(np.mean(lightness[members])))
            medians.append(float(np.median(values[members])))
    if not centers:
        return np.full_like(values, np.median(values))
    return np.interp(lightness, centers, medians).astype(np.float32)
