"""Scores by true color: eight hues, nearly gray, and skin."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.lab import Floats
from colorworker.evaluation.breakdown import ColorRow

Doubles = npt.NDArray[np.float64]

HUES = ("red", "orange, brown", "yellow, olive", "green", "cyan", "sky blue", "blue", "purple")
"""Eighths of the hue angle atan2(b*, a*), from 0 degrees."""
NEARLY_GRAY, SKIN = "nearly gray", "skin"
GROUPS = (*HUES, NEARLY_GRAY, SKIN)

MIN_CHROMA = 10.0
"""True colors with a smaller C* = |(a*, b*)| count as nearly gray, because their hue is noise."""
LEFT_GRAY = 5.0
"""Predicted colors with a smaller C* count as left gray."""
SKIN_MEAN = (0.434904, 0.301983)
"""Mean of r = R / (R + G + B) and g = G / (R + G + B) of skin."""
SKIN_DEVIATION = (0.053375, 0.024349)
SKIN_CORRELATION = 0.5852
SKIN_RADIUS = 2.0
"""Radius of the skin locus in standard deviations: 86 % of a normal distribution."""
MIN_SKIN_LIGHTNESS = 15.0
"""r and g of darker pixels are noise."""


@dataclass(frozen=True)
class ColorGroups:
    """The groups of a true picture's pixels."""

    hue: npt.NDArray[np.intp]
    """Index in `GROUPS` of the hue, or of nearly gray; (H, W)."""
    skin: npt.NDArray[np.bool_]
    """Whether the pixel is in the skin locus; (H, W)."""
    chroma: Floats
    """True C*, (H, W)."""


def color_groups(lightness: Floats, chroma: Floats, rgb: npt.NDArray[np.uint8]) -> ColorGroups:
    """Return the groups of a true picture's pixels.

    Args:
        lightness: L*, (H, W).
        chroma: a*, b*, (H, W, 2).
        rgb: sRGB codes, (H, W, 3).
    """
    a, b = chroma[..., 0], chroma[..., 1]
    size = np.hypot(a, b)
    eighth = np.floor(np.arctan2(b, a) / (np.pi / 4)).astype(np.intp) % len(HUES)
    hue = np.where(size < MIN_CHROMA, GROUPS.index(NEARLY_GRAY), eighth)
    return ColorGroups(hue, in_skin_locus(rgb) & (lightness >= MIN_SKIN_LIGHTNESS), size)


def in_skin_locus(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return whether sRGB codes, (..., 3), have a color that is typical of skin.

    Wood, sand and brick share these colors, so this is the color of skin, not a face detector.

    Source:
        Walther, "Interactions of visual attention and object recognition", thesis, California
        Institute of Technology 2006, appendix A.4: a normal distribution of (r, g), fitted to
        3,947 faces in 1,153 photographs from the web. The numbers are those of the thesis's
        SaliencyToolbox.
    """
    codes = rgb.astype(np.float32)
    total = np.maximum(codes.sum(-1), 1)
    x = (codes[..., 0] / total - SKIN_MEAN[0]) / SKIN_DEVIATION[0]
    y = (codes[..., 1] / total - SKIN_MEAN[1]) / SKIN_DEVIATION[1]
    squared = (x**2 + y**2 - 2 * SKIN_CORRELATION * x * y) / (1 - SKIN_CORRELATION**2)
    inside: npt.NDArray[np.bool_] = squared <= SKIN_RADIUS**2
    return inside


def tally(groups: ColorGroups, chroma: Floats, difference: Doubles) -> Doubles:
    """Return sums over each group's pixels, divided by the number of pixels of the picture.

    Args:
        groups: Groups of the true picture.
        chroma: Predicted a*, b*, (H, W, 2).
        difference: CIEDE2000 of each pixel, (H, W).

    Returns:
        (groups, 5): share of the pixels, CIEDE2000, true C*, predicted C*, share left gray.
    """
    size = np.hypot(chroma[..., 0], chroma[..., 1])
    values = (np.ones_like(size), difference, groups.chroma, size, size < LEFT_GRAY)
    sums = np.empty((len(GROUPS), len(values)))
    for column, value in enumerate(values):
        weights = value.reshape(-1).astype(np.float64)
        sums[:-1, column] = np.bincount(groups.hue.reshape(-1), weights, len(GROUPS) - 1)
        sums[-1, column] = value[groups.skin].sum(dtype=np.float64)
    return sums / size.size


def color_rows(name: str, tallies: Sequence[Doubles]) -> list[ColorRow]:
    """Return a row for each group that occurs, with all pictures at equal weight."""
    total = np.sum(tallies, axis=0)
    return [
        ColorRow(
            name=name,
            color=group,
            share=float(sums[0] / len(tallies)),
            ciede2000=float(sums[1] / sums[0]),
            true_chroma=float(sums[2] / sums[0]),
            chroma=float(sums[3] / sums[0]),
            left_gray=float(sums[4] / sums[0]),
        )
        for group, sums in zip(GROUPS, total, strict=True)
        if sums[0] > 0
    ]
