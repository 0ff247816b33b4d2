"""The blotch index: uneven predicted color in areas that are even in truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skimage.segmentation import felzenszwalb

from colorworker.color.lab import Floats
from colorworker.color.resize import downscale_by_area
from colorworker.evaluation.table import mean

Doubles = npt.NDArray[np.float64]

LONG_SIDE = 320
"""Larger pictures are measured at this long side, in pixels."""
MAX_LIGHTNESS_SPREAD = 8.0
"""Regions whose L* has this standard deviation or more are not flat."""
MAX_COLOR_SPREAD = 4.0
"""Largest root mean square distance of (a*, b*) from their mean in an even region."""
MIN_MEAN_CHROMA = 0.5
"""A set with a smaller mean predicted C* is gray, and has no blotch index."""
QUANTILE = 95
SCALE, SIGMA, MIN_SHARE = 200, 0.8, 0.01
"""Arguments of felzenszwalb; the smallest region as a share of the picture."""


@dataclass(frozen=True)
class EvenRegions:
    """The regions of a picture that are flat in lightness and even in true color."""

    height: int
    """Size at which they are measured, in pixels."""
    width: int
    pixels: Sequence[npt.NDArray[np.intp]]
    """Flat indices of each region's pixels."""


@dataclass(frozen=True)
class Unevenness:
    """How uneven one coloring of a picture is."""

    spreads: Doubles
    """Of each even region: the 95th percentile of the distance of (a*, b*) from their median."""
    chroma: float
    """Mean of C* = |(a*, b*)| over the picture."""


def even_regions(lightness: Floats, chroma: Floats) -> EvenRegions:
    """Return the even regions of a true picture.

    Args:
        lightness: L* in [0, 100], (H, W).
        chroma: a*, b*, (H, W, 2).

    Source:
        The segmentation of Felzenszwalb and Huttenlocher 2004, as implemented by scikit-image, on
        Lab / 100.
    """
    lab = _small(np.concatenate((lightness[..., None], chroma), axis=-1))
    height, width = lab.shape[:2]
    smallest = max(1, round(MIN_SHARE * height * width))
    labels = felzenszwalb(lab / 100, scale=SCALE, sigma=SIGMA, min_size=smallest).reshape(-1)
    flat = lab.reshape(-1, 3).astype(np.float64)
    counts = np.bincount(labels)
    variances = np.stack(
        [
            np.bincount(labels, (channel - (np.bincount(labels, channel) / counts)[labels]) ** 2)
            / counts
            for channel in flat.T
        ]
    )
    even = (variances[0] < MAX_LIGHTNESS_SPREAD**2) & (
        variances[1] + variances[2] <= MAX_COLOR_SPREAD**2
    )
    # A stable sort lists the pixels of each region in order, without one pass per region.
    parts = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    return EvenRegions(height, width, [parts[index] for index in np.flatnonzero(even)])


def unevenness(regions: EvenRegions, chroma: Floats) -> Unevenness:
    """Return how uneven chroma, (H, W, 2) of the picture's own size, is in the even regions."""
    small = _small(chroma).reshape(-1, 2)
    spreads = np.empty(len(regions.pixels))
    for index, pixels in enumerate(regions.pixels):
        inside = small[pixels]
        distances = np.hypot(*(inside - np.median(inside, axis=0)).T)
        spreads[index] = np.percentile(distances, QUANTILE)
    return Unevenness(spreads, float(np.hypot(*small.T).mean(dtype=np.float64)))


def chroma_factor(colored: Sequence[Unevenness], truth: Sequence[Unevenness]) -> float | None:
    """Return the factor that gives predicted chroma the mean of the truth's over all pictures.

    None below `MIN_MEAN_CHROMA`. Pictures have equal weights.
    """
    predicted = mean([each.chroma for each in colored])
    return (
        mean([each.chroma for each in truth]) / predicted if predicted >= MIN_MEAN_CHROMA else None
    )


def blotch_index(
    colored: Sequence[Unevenness], truth: Sequence[Unevenness], factor: float | None
) -> float | None:
    """Return the mean spread of scaled predicted chroma, minus the truth's, over all regions.

    Spreads are proportional to chroma, so they are scaled instead of the pictures. None without a
    factor or without regions.
    """
    predicted = np.concatenate([each.spreads for each in colored])
    if factor is None or not len(predicted):
        return None
    true = np.concatenate([each.spreads for each in truth])
    return factor * mean(predicted.tolist()) - mean(true.tolist())


def _small(image: Floats) -> Floats:
    height, width = image.shape[:2]
    scale = min(1.0, LONG_SIDE / max(height, width))
    return downscale_by_area(image, max(1, round(height * scale)), max(1, round(width * scale)))
