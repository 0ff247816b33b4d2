"""Colors that stay put: anchors are settled over time, and the frames between them follow.

A network that colors frame by frame flickers. Here only anchors are predicted. An anchor's color
is averaged with those of the anchors that follow it in the same shot, never with earlier ones: the
anchor on a border between two segments comes out the same from either side of it. A frame between
two anchors takes its colors from both, where motion has carried them.

Pictures are compared by their luma codes, which differ in proportion to L* but for the darkest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_SETTLE_SIGMA = 6.0
"""L* by which a pixel of a later anchor may differ and still be taken for the same thing."""
_BLEND_SIGMA = 8.0
"""The same between a frame and the two anchors around it."""
_SETTLE_SURMISE = 0.1
"""Weight of a later anchor's palette where motion does not lead to that anchor."""
_BLEND_SURMISE = 0.05
"""Weight of both anchors' palettes, against a pixel that is certainly found in one of them."""
_TIME_ONLY = 0.001
"""Weight of time alone, for pixels that neither motion nor palettes know anything of."""
_KNOWN = 0.3
"""Weight from which a pixel is found in another picture."""


@dataclass(frozen=True)
class Carried:
    """An anchor, each of its pixels where motion has carried it in another picture."""

    look: Floats
    """(h, w)."""
    planes: Sequence[Floats]
    """n planes (h, w)."""
    trust: Floats
    """In the motion, (h, w) in [0, 1]."""


@dataclass(frozen=True)
class Surmised:
    """What palettes say of a picture."""

    planes: Sequence[Floats]
    """n planes (h, w)."""
    known: Floats
    """How much there is of such pixels, (h, w) in [0, 1]."""


def look(codes: npt.NDArray[np.unsignedinteger], span: int) -> Floats:
    """Return what a picture is compared by: its luma about its mean, so that exposure may jump.

    Args:
        codes: Luma (h, w).
        span: Codes between black and white.

    Returns:
        float32 (h, w), in units of which two pictures may differ by 1 for a weight of 1/e.
    """
    values = codes.astype(np.float32)
    values *= np.float32(100 / span / (_BLEND_SIGMA * 2**0.5))
    values -= values.mean()
    return values


def found(own: Floats, carried: Floats, trust: Floats) -> Floats:
    """Return how surely each pixel of a picture is found in another one, (h, w) in [0, 1].

    Args:
        own: The picture's look, (h, w).
        carried: The other's, carried here by motion.
        trust: In that motion.
    """
    likeness = _likeness(own, carried)
    likeness *= trust
    return likeness


def strange_share(own: Floats, other: Floats, carried: Floats, trust: Floats) -> float:
    """Return the share of a picture, in [0, 1], that another one does not show.

    Args:
        own: The picture's look, (h, w).
        other: The other's, as it is.
        carried: The other's, carried here by motion.
        trust: In that motion.
    """
    known = np.maximum(found(own, carried, trust), _likeness(own, other))
    return float((known < _KNOWN).mean())


def settle(
    own: Floats, chroma: Floats, later: Sequence[Carried], palettes: Sequence[Surmised]
) -> Floats:
    """Return an anchor's chroma averaged with that of the anchors that follow it.

    Args:
        own: The anchor's look, (h, w).
        chroma: Its predicted chroma, (2, h, w).
        later: The anchors that follow it in its shot.
        palettes: What theirs say of it.

    Returns:
        float32 (2, h, w).
    """
    total = chroma.copy()
    weights = np.ones(own.shape, np.float32)
    for anchor, palette in zip(later, palettes, strict=True):
        weight = _likeness(own, anchor.look, (_BLEND_SIGMA / _SETTLE_SIGMA) ** 2)
        weight *= anchor.trust
        _add(total, weights, anchor.planes, weight)
        surmise = (1 - weight) * palette.known
        surmise *= np.float32(_SETTLE_SURMISE)
        _add(total, weights, palette.planes, surmise)
    total /= weights
    return total


def between(
    own: Floats, earlier: Carried, later: Carried, palette: Surmised, share: float
) -> Floats:
    """Return what lies between two anchors' planes for a frame between them.

    Args:
        own: The frame's look, (h, w).
        earlier: The anchor before, (n, h, w).
        later: The anchor after.
        palette: What both anchors' palettes say.
        share: How far the frame has gone from the one to the other, in [0, 1].

    Returns:
        float32 (n, h, w), at every pixel between the values of these three.
    """
    weights = palette.known * np.float32(_BLEND_SURMISE)
    total = np.stack([plane * weights for plane in palette.planes])
    for anchor, part in ((earlier, 1 - share), (later, share)):
        weight = found(own, anchor.look, anchor.trust)
        weight += np.float32(_TIME_ONLY)
        weight *= np.float32(part)
        _add(total, weights, anchor.planes, weight)
    total /= weights
    return total


def _add(total: Floats, weights: Floats, planes: Sequence[Floats], weight: Floats) -> None:
    weights += weight
    weighted = np.empty_like(weight)
    for plane, values in zip(total, planes, strict=True):
        np.multiply(values, weight, out=weighted)
        plane += weighted


def _likeness(one: Floats, other: Floats, sharper: float = 1.0) -> Floats:
    """Return 1 where two looks are the same and less where they differ."""
    difference: Floats = one - other
    difference *= difference
    difference *= np.float32(-sharper)
    return np.exp(difference, out=difference)
