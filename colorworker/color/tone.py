"""Tell color pictures from gray, sepia and otherwise toned ones."""

import numpy as np

from colorworker.color.lab import Floats
from colorworker.color.resize import downscale_by_area

_BINS = 24
"""Number of bins of L* in [0, 100] for which a tone is computed."""
_LEAST_IN_BIN = 8
"""Minimum number of pixels in a bin for its own tone; other bins are interpolated."""
_DISTANCE = 8.0
"""Distance from the tone, in a*b*, beyond which a pixel has its own color."""
_SHARE = 0.01
"""Share of such pixels above which a picture is in color."""
_BLOCK = 6
"""Side in pixels of the blocks over which chroma is averaged. JPEG stores chroma at half size, so
next to an edge the chroma of a single pixel does not belong to its L*."""


def is_color(lab: Floats) -> bool:
    """Return whether a picture is in color: whether its chroma is not just a function of its L*.

    False for gray pictures and for toned ones: sepia, cyanotype, split tones and others.

    Args:
        lab: L*a*b* of the downscaled picture, (h, w, 3). Downscaling also averages JPEG's noise.
    """
    return color_share(lab) > _SHARE


def color_share(lab: Floats) -> float:
    """Return the share of the picture, in [0, 1], whose color differs from the tone."""
    height, width = lab.shape[:2]
    lightness = lab[..., 0].reshape(-1)
    chroma = lab[..., 1:].reshape(-1, 2)
    tone = np.stack([_tone(lightness, chroma[:, axis]) for axis in (0, 1)], axis=-1)
    own = (chroma - tone).reshape(height, width, 2)
    blocks = downscale_by_area(own, -(-height // _BLOCK), -(-width // _BLOCK))
    return float(np.mean(np.hypot(blocks[..., 0], blocks[..., 1]) > _DISTANCE))


def _tone(lightness: Floats, values: Floats) -> Floats:
    """Return for every pixel the median of `values` at its lightness, interpolated over bins."""
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
