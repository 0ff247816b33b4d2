"""Thumbnails for the report: before and after, side by side."""

import numpy as np
import numpy.typing as npt
import pyvips

from colorworker.color.gamut import scale_into_gamut
from colorworker.color.lab import (
    Floats,
    linear_rgb_from_lab,
    linear_to_srgb,
    luminance_from_lightness,
)

_MAX_BYTES = 20_000
_QUALITIES = (85, 70, 55, 40, 25)
_SHRINKS = (1, 2, 4)
"""Factors by which the picture is reduced if grain makes even the lowest quality too large."""


def preview_rgb(lab: Floats) -> npt.NDArray[np.uint8]:
    """Return sRGB codes, uint8 (h, w, 3), for L*a*b*; chroma is reduced into gamut, L* is kept."""
    rgb = scale_into_gamut(linear_rgb_from_lab(lab), luminance_from_lightness(lab[..., 0]))
    return np.rint(linear_to_srgb(rgb) * 255).astype(np.uint8)


def before_after(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]) -> bytes:
    """Return a JPEG with `before` on the left; at most 20 KB for sides of up to 240 pixels.

    Args:
        before: sRGB codes, (h, w, 3).
        after: The same picture in color, of the same shape.

    Raises:
        ValueError: If the shapes differ.
    """
    if before.shape != after.shape:
        raise ValueError(f"before {before.shape} and after {after.shape} differ")
    both = np.ascontiguousarray(np.concatenate((before, after), axis=1))
    image = pyvips.Image.new_from_array(both).copy(interpretation="srgb")
    data = b""
    for shrink in _SHRINKS:
        smaller = image.resize(1 / shrink) if shrink > 1 else image
        for quality in _QUALITIES:
            data = bytes(smaller.jpegsave_buffer(Q=quality, optimize_coding=True, keep="none"))
            if len(data) <= _MAX_BYTES:
                return data
    return data
