"""Average and blend the colors of a film's anchors over time, so that they do not flicker.

A network that colors frame by frame flickers. Here it colors only anchors. An anchor's color is
averaged with those of the anchors that follow it in the same shot, never with earlier ones: so the
anchor on a border between two segments comes out the same from either side. A frame between two
anchors takes its colors from both, moved along the motion.

Pictures are compared by their luma codes, whose differences are proportional to those of L* except
in the darkest parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_AVERAGE_SIGMA = 6.0
"""Difference in L* at which a pixel of a later anchor still counts as the same object."""
_BLEND_SIGMA = 8.0
"""The same between a frame and the two anchors around it."""
_AVERAGE_PALETTE_WEIGHT = 0.1
"""Weight of a later anchor's palette where motion does not lead to that anchor."""
_BLEND_PALETTE_WEIGHT = 0.05
"""Weight of both anchors' palettes, relative to a pixel that certainly matches one of them."""
_TIME_WEIGHT = 0.001
"""Weight of time alone, for pixels that match neither anchor and no palette."""
_MATCHED = 0.3
"""Confidence from which a pixel counts as shown in another picture."""


@dataclass(frozen=True)
class WarpedAnchor:
    """An anchor, each of its pixels moved to where it lies in another picture."""

    luma: Floats
    """Normalized luma, (h, w)."""
    planes: Sequence[Floats]
    """n planes of chroma (h, w)."""
    trust: Floats
    """Trust in the motion, (h, w) in [0, 1]."""


@dataclass(frozen=True)
class PaletteEstimate:
    """Colors of a picture as palettes estimate them from place and luma."""

    planes: Sequence[Floats]
    """n planes of chroma (h, w)."""
    confidence: Floats
    """(h, w) in [0, 1]; higher where the palette was built from many such pixels."""


def normalize_luma(codes: npt.NDArray[np.unsignedinteger], span: int) -> Floats:
    """Return luma about its mean, so that pictures of different exposure can be compared.

    Args:
        codes: Luma (h, w).
        span: Codes between black and white.

    Returns:
        float32 (h, w), in units of 11 in L*: a difference of 1 gives a weight of 1/e.
    """
    values = codes.astype(np.float32)
    values *= np.float32(100 / span / (_BLEND_SIGMA * 2**0.5))
    values -= values.mean()
    return values


def normalize_lightness(lightness: Floats) -> Floats:
    """Return L* as `normalize_luma` does luma.

    Args:
        lightness: In [0, 100], (h, w).
    """
    values: Floats = lightness * np.float32(1 / (_BLEND_SIGMA * 2**0.5))
    values -= values.mean()
    return values


def match_confidence(luma: Floats, warped: Floats, trust: Floats) -> Floats:
    """Return how certainly another picture shows each pixel of a picture, (h, w) in [0, 1].

    Args:
        luma: The picture's normalized luma, (h, w).
        warped: The other picture's, moved here along the motion.
        trust: Trust in that motion, in [0, 1].
    """
    likeness = _likeness(luma, warped)
    likeness *= trust
    return likeness


def unmatched_share(luma: Floats, other: Floats, warped: Floats, trust: Floats) -> float:
    """Return the share of a picture, in [0, 1], that another picture does not show.

    Args:
        luma: The picture's normalized luma, (h, w).
        other: The other picture's, unmoved.
        warped: The other picture's, moved here along the motion.
        trust: Trust in that motion, in [0, 1].
    """
    confidence = np.maximum(match_confidence(luma, warped, trust), _likeness(luma, other))
    return float((confidence < _MATCHED).mean())


def average_with_later(
    luma: Floats,
    chroma: Floats,
    later: Sequence[WarpedAnchor],
    palettes: Sequence[PaletteEstimate],
) -> Floats:
    """Return an anchor's chroma averaged with that of the anchors that follow it.

    Args:
        luma: The anchor's normalized luma, (h, w).
        chroma: Its predicted chroma, (2, h, w).
        later: The anchors that follow it in its shot.
        palettes: The estimate from the palette of each of those anchors.

    Returns:
        float32 (2, h, w), a new array.
    """
    total = chroma.copy()
    weights = np.ones(luma.shape, np.float32)
    for anchor, palette in zip(later, palettes, strict=True):
        weight = _likeness(luma, anchor.luma, (_BLEND_SIGMA / _AVERAGE_SIGMA) ** 2)
        weight *= anchor.trust
        _add(total, weights, anchor.planes, weight)
        remaining = (1 - weight) * palette.confidence
        remaining *= np.float32(_AVERAGE_PALETTE_WEIGHT)
        _add(total, weights, palette.planes, remaining)
    total /= weights
    return total


def blend_between(
    luma: Floats,
    earlier: WarpedAnchor,
    later: WarpedAnchor,
    palette: PaletteEstimate,
    share: float,
) -> Floats:
    """Return the planes of a frame between two anchors.

    Args:
        luma: The frame's normalized luma, (h, w).
        earlier: The anchor before the frame.
        later: The anchor after it.
        palette: The estimate from both anchors' palettes.
        share: Position of the frame between the anchors, from 0 (earlier) to 1 (later).

    Returns:
        float32 (n, h, w), a weighted mean of the three at every pixel.
    """
    weights = palette.confidence * np.float32(_BLEND_PALETTE_WEIGHT)
    total = np.empty((len(palette.planes), *luma.shape), np.float32)
    for plane, values in zip(total, palette.planes, strict=True):
        np.multiply(values, weights, out=plane)
    for anchor, part in ((earlier, 1 - share), (later, share)):
        weight = match_confidence(luma, anchor.luma, anchor.trust)
        weight += np.float32(_TIME_WEIGHT)
        weight *= np.float32(part)
        _add(total, weights, anchor.planes, weight)
    total /= weights
    return total


def _add(total: Floats, weights: Floats, planes: Sequence[Floats], weight: Floats) -> None:
    """Add weighted planes to a total, and the weight to the sum of weights, in place."""
    weights += weight
    weighted = np.empty_like(weight)
    for plane, values in zip(total, planes, strict=True):
        np.multiply(values, weight, out=weighted)
        plane += weighted


def _likeness(one: Floats, other: Floats, steepness: float = 1.0) -> Floats:
    """Return exp(-steepness * difference^2): 1 where normalized luma is the same."""
    difference: Floats = one - other
    difference *= difference
    difference *= np.float32(-steepness)
    return np.exp(difference, out=difference)
