"""The colors that a network holds possible at each place of a picture, and what follows from them.

From one distribution come the likely colors at a point (Zhang 2017), how certain the prediction is,
and alternative colors of the whole picture.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from colorworker.color.gamut import scale_into_gamut
from colorworker.color.guided import fit_planes_to_luma
from colorworker.color.lab import (
    linear_rgb_from_lab,
    linear_to_srgb,
    luminance_from_lightness,
)
from colorworker.color.resize import downscale_by_area, interpolate_bilinear

Floats = npt.NDArray[np.float32]

_NEAR = 16.0
"""Bins of color that are closer than this in a* and b* are shown as one color."""
_DIRECTIONS = 4
"""Directions in a* and b* that a variant shifts colors in."""
_STRENGTH = 0.9
"""Standard deviation of the change of a log probability in a variant."""
_LOCAL = 0.6
"""Share of that change which depends on what the network sees at a place."""
_WAVELENGTH = 120.0
"""Colors that are half of this apart in a* and b* are shifted oppositely."""
_EPSILON = 20.0
"""See `guided.fit_to_luma`."""


class LikelyColor(NamedTuple):
    """A color and its probability."""

    rgb: tuple[int, int, int]
    """sRGB codes at the place's own lightness."""
    probability: float


@dataclass(frozen=True)
class ColorDistribution:
    """Log probabilities of color bins on a coarse grid over a picture."""

    logits: Floats
    """Unnormalized log probabilities, (h, w, Q), at the vividness of the prediction."""
    bins: Floats
    """a* and b* of the bins, (Q, 2)."""
    features: Floats
    """What the network sees at each place, normalized, (rows, columns, C)."""
    temperature: float
    """Of the prediction."""

    @cached_property
    def shares(self) -> Floats:
        """Probabilities, (h, w, Q)."""
        return softmax(self.logits)

    def mean_ab(self, shift: Floats | float = 0.0) -> Floats:
        """Return the annealed mean, a* and b*, (h, w, 2), of the logits plus a shift."""
        ab: Floats = softmax((self.logits + shift) / np.float32(self.temperature)) @ self.bins
        return ab


def softmax(logits: Floats) -> Floats:
    """Return probabilities along the last axis."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float32)


def likely_colors(
    distribution: ColorDistribution, lightness: Floats, y: float, x: float, count: int = 5
) -> tuple[LikelyColor, ...]:
    """Return the most likely colors at a point, the likeliest first.

    Args:
        distribution: Of the picture.
        lightness: L* in [0, 100], (h, w), at any size.
        y: Row in pixels of `lightness`.
        x: Column.
        count: Maximum number of colors.

    Raises:
        ValueError: If the point lies outside of the picture.
    """
    height, width = lightness.shape
    if not (0 <= y < height and 0 <= x < width):
        raise ValueError(f"({x:g}, {y:g}) lies outside the picture of {width} x {height}")
    rows, columns, _ = distribution.shares.shape
    left = distribution.shares[int(y * rows / height), int(x * columns / width)].astype(np.float64)
    distance = np.hypot(*(distribution.bins[:, None] - distribution.bins[None]).transpose(2, 0, 1))
    near = distance < _NEAR
    found = []
    for _ in range(count):
        members = near[np.argmax(near @ left)]
        share = float(left[members].sum())
        if share <= 0:
            break
        ab = left[members] @ distribution.bins[members] / share
        found.append(LikelyColor(_shown(float(lightness[int(y), int(x)]), ab), share))
        left[members] = 0
    return tuple(sorted(found, key=lambda each: -each.probability))


def _shown(lightness: float, ab: npt.NDArray[np.float64]) -> tuple[int, int, int]:
    """Return the sRGB codes of a color at a lightness, scaled into gamut."""
    lab = np.array([lightness, *ab], np.float32)
    luminance = luminance_from_lightness(lab[0])
    linear = scale_into_gamut(linear_rgb_from_lab(lab), luminance)
    red, green, blue = np.rint(linear_to_srgb(linear) * 255).astype(int).tolist()
    return red, green, blue


def certainty(distribution: ColorDistribution) -> Floats:
    """Return how certain the colors are, (h, w) in [0, 1].

    1 minus the entropy of the distribution, divided by that of equally likely bins.
    """
    shares = distribution.shares
    entropy = -(shares * np.log(np.maximum(shares, np.float32(1e-9)))).sum(-1)
    return np.asarray(np.clip(1 - entropy / np.log(shares.shape[-1]), 0, 1), np.float32)


def variant_ab(
    distribution: ColorDistribution, lightness: Floats, ab: Floats, number: int
) -> Floats:
    """Return alternative colors of a picture.

    Colors are shifted where the network holds others possible, and in the same way wherever it sees
    the same: the leaves of one tree stay alike. The directions depend on the number only, so all
    pictures of a collection and all frames of a film are shifted alike, on any machine.

    Args:
        distribution: Of the picture.
        lightness: L* in [0, 100], (h, w).
        ab: Predicted a* and b*, (h, w, 2).
        number: Number of the variant, from 1; 0 changes nothing.

    Returns:
        float32 (h, w, 2).
    """
    if number == 0:
        return ab
    random = np.random.default_rng([0x636F6C, number])
    channels = distribution.features.shape[2]
    grid = distribution.logits.shape[:2]
    seen = distribution.features - distribution.features.mean((0, 1))
    projection = random.normal(0, 1, (channels, _DIRECTIONS)).astype(np.float32)
    local = _smoothed((seen @ projection).astype(np.float32))
    local /= np.maximum(local.std((0, 1)), np.float32(1e-6))
    everywhere = random.normal(0, 1, _DIRECTIONS).astype(np.float32)
    everywhere /= np.linalg.norm(everywhere) / _DIRECTIONS**0.5
    places = interpolate_bilinear(
        np.asarray(everywhere + _LOCAL * np.tanh(local), np.float32), *grid
    )
    angles, phases = random.uniform(0, 2 * np.pi, (2, _DIRECTIONS))
    axes = np.stack((np.cos(angles), np.sin(angles))) * (2 * np.pi / _WAVELENGTH)
    waves = np.cos(distribution.bins @ axes + phases).astype(np.float32)
    shift = np.float32(_STRENGTH / _DIRECTIONS**0.5 * 2**0.5) * (places @ waves.T)
    change = distribution.mean_ab(shift) - distribution.mean_ab()
    return np.asarray(ab + along_luma(change, lightness), np.float32)


def _smoothed(planes: Floats) -> Floats:
    """Return (h, w, n) averaged over 3 x 3 places, twice."""
    for _ in range(2):
        padded = np.pad(planes, ((1, 1), (1, 1), (0, 0)), "edge")
        height, width = planes.shape[:2]
        near = [padded[i : i + height, j : j + width] for i in range(3) for j in range(3)]
        planes = np.asarray(sum(near[1:], near[0]) / 9, np.float32)
    return planes


def along_luma(coarse: Floats, lightness: Floats) -> Floats:
    """Return a coarse picture (h, w, n) at the size of L* (H, W), along the edges of that.

    Source:
        The fast guided filter; see `guided`.
    """
    height, width = lightness.shape
    small = downscale_by_area(lightness, *coarse.shape[:2])
    planes = np.ascontiguousarray(np.moveaxis(coarse, -1, 0), np.float32)
    slope, offset = fit_planes_to_luma(small, planes, _EPSILON)
    slope, offset = (
        interpolate_bilinear(np.moveaxis(each, 0, -1), height, width) for each in (slope, offset)
    )
    return np.asarray(slope * lightness[..., None] + offset, np.float32)
