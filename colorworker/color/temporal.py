"""Colours that stay put: anchors are settled over time, and the frames between them follow.

A network that colours frame by frame flickers. Here only anchors are predicted. An anchor's colour
is averaged with those of the anchors that follow it in the same shot, never with earlier ones: the
anchor on a border between two segments comes out the same from either side of it.
"""

from collections.abc import Sequence

import numpy as np

from colorworker.color.packing import Floats, packed, unpacked

_SETTLE_SIGMA = 6.0
"""L* by which a pixel of a later anchor may differ and still be taken for the same thing."""
_BLEND_SIGMA = 8.0
"""The same between a frame and the two anchors around it."""
_TIME_ONLY = 0.02
"""Weight of time alone, so that a pixel unlike both anchors gets the nearer one's colour."""


def settle(lightness: Sequence[Floats], ab: Sequence[Floats]) -> Floats:
    """Return the first anchor's chroma averaged with the following ones' where luma is alike.

    Args:
        lightness: L* (h, w) of an anchor and of those that follow it in its shot, in order.
        ab: Their predicted a* and b*, each (h, w, 2).

    Returns:
        float32 (h, w, 2).
    """
    total = packed(ab[0]).copy()
    weights = np.ones(lightness[0].shape, np.float32)
    weighted = np.empty_like(total)
    for later_lightness, later_ab in zip(lightness[1:], ab[1:], strict=True):
        alike = _likeness(lightness[0], later_lightness, _SETTLE_SIGMA)
        np.multiply(packed(later_ab), alike, out=weighted)
        total += weighted
        weights += alike
    total *= 1 / weights
    return unpacked(total)


def between(
    lightness: Floats,
    earlier: tuple[Floats, Floats],
    later: tuple[Floats, Floats],
    share: float,
) -> Floats:
    """Return the chroma of a frame that lies between two anchors of its shot.

    Args:
        lightness: L* (h, w) of the frame.
        earlier: L* (h, w) and settled chroma (h, w, 2) of the anchor before.
        later: The same of the anchor after.
        share: How far the frame has gone from the one to the other, in [0, 1].

    Returns:
        float32 (h, w, 2), at every pixel between the two anchors' chroma.
    """
    weight = share * (_likeness(lightness, later[0], _BLEND_SIGMA) + np.float32(_TIME_ONLY))
    rest = (1 - share) * (_likeness(lightness, earlier[0], _BLEND_SIGMA) + np.float32(_TIME_ONLY))
    weight /= weight + rest
    before = packed(earlier[1])
    mixed = packed(later[1]) - before
    mixed *= weight
    mixed += before
    return unpacked(mixed)


def _likeness(one: Floats, other: Floats, sigma: float) -> Floats:
    """Return 1 where L* is the same and less where it differs; exposure's jumps do not count."""
    difference: Floats = one - other
    difference -= difference.mean()
    difference *= difference
    difference *= np.float32(-0.5 / sigma**2)
    np.exp(difference, out=difference)
    return difference
