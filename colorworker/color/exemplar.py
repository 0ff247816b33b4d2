"""Colors of another picture: for what looks alike, and its general tone for the rest.

A place takes the colors of those places of the exemplar in which the network sees the same and
which are about as light. Where nothing matches, the mean and the spread of its colors are matched
instead (Reinhard et al. 2001; Welsh et al. 2002 for gray pictures).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.colordistribution import along_luma, softmax
from colorworker.color.knowncolors import KnownColors
from colorworker.color.resize import downscale_by_area, interpolate_bilinear

Floats = npt.NDArray[np.float32]

_CELL = 8
"""Pixels per cell in which pictures are compared."""
_SHARPNESS = 40.0
"""Weight of the cosine of features; the best matches decide."""
_LIGHTNESS = 8.0
"""Weight of the squared difference of L* / 100, which may be off by exposure."""
_ALIKE, _SAME = 0.45, 0.75
"""Cosine of features below which nothing matches, and from which a match is certain."""
_UNMATCHED = 0.5
"""Share of the strength where nothing matches and only the general tone is taken."""
_WIDEST = 2.0
"""Largest factor by which the spread of colors is changed."""


@dataclass(frozen=True)
class Exemplar:
    """A color picture as others are compared with it."""

    lightness: Floats
    """L*, (rows, columns)."""
    ab: Floats
    """a* and b*, (rows, columns, 2)."""
    features: Floats | None
    """Normalized features, (rows, columns, C); None if the network has none."""


def make_exemplar(lab: Floats, features: Floats | None) -> Exemplar:
    """Return an exemplar.

    Args:
        lab: L*a*b* of the picture at the model's size, (h, w, 3).
        features: What the network sees in it, normalized, (rows, columns, C).
    """
    rows, columns = (max(2, side // _CELL) for side in lab.shape[:2])
    small = downscale_by_area(lab, rows, columns)
    seen = None if features is None else _normalized(interpolate_bilinear(features, rows, columns))
    return Exemplar(small[..., 0], small[..., 1:], seen)


def colors_from_exemplar(
    exemplar: Exemplar, lightness: Floats, ab: Floats, features: Floats | None, strength: float
) -> KnownColors:
    """Return the colors that an exemplar gives a picture.

    Args:
        exemplar: From `make_exemplar`.
        lightness: L* of the picture, (h, w).
        ab: Its predicted a* and b*, (h, w, 2).
        features: Like those of the exemplar, of this picture.
        strength: Share of the exemplar's colors, in [0, 1].
    """
    toned = _toned(exemplar, ab)
    if features is None or exemplar.features is None:
        return KnownColors(toned, np.full(lightness.shape, strength, np.float32), "exemplar")
    rows, columns = (max(2, side // _CELL) for side in lightness.shape)
    seen = _normalized(interpolate_bilinear(features, rows, columns)).reshape(rows * columns, -1)
    other = exemplar.features.reshape(-1, seen.shape[1])
    cosine = seen @ other.T
    small = downscale_by_area(lightness, rows, columns).ravel()
    difference = (small[:, None] - exemplar.lightness.ravel()) / np.float32(100)
    weights = softmax(np.float32(_SHARPNESS) * cosine - np.float32(_LIGHTNESS) * difference**2)
    matched = weights @ exemplar.ab.reshape(-1, 2)
    trust = np.clip((cosine.max(1) - _ALIKE) / (_SAME - _ALIKE), 0, 1)
    layers = np.concatenate((matched, trust[:, None]), 1).reshape(rows, columns, 3)
    large = along_luma(np.asarray(layers, np.float32), lightness)
    sure = np.clip(large[..., 2:], 0, 1)
    colors = sure * large[..., :2] + (1 - sure) * toned
    weight = strength * (sure + (1 - sure) * _UNMATCHED)
    return KnownColors(
        np.asarray(colors, np.float32), np.asarray(weight[..., 0], np.float32), "exemplar"
    )


def _toned(exemplar: Exemplar, ab: Floats) -> Floats:
    """Return predicted colors with the mean and spread of the exemplar's."""
    there = exemplar.ab.reshape(-1, 2)
    mean, spread = ab.mean((0, 1)), ab.std((0, 1))
    factor = np.clip(there.std(0) / np.maximum(spread, 1e-3), 1 / _WIDEST, _WIDEST)
    return np.asarray((ab - mean) * factor + there.mean(0), np.float32)


def _normalized(features: Floats) -> Floats:
    length = np.linalg.norm(features, axis=-1, keepdims=True)
    return np.asarray(features / np.maximum(length, 1e-6), np.float32)
