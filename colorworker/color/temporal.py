"""Colours that stay put: anchors are settled over time, and the frames between them follow.

A network that colours frame by frame flickers. Here only anchors are predicted. An anchor's colour
is averaged with those of the anchors that follow it in the same shot, never with earlier ones: the
anchor on a border between two segments comes out the same from either side of it.

Pictures are compared by their luma codes, which differ in proportion to L* but for the darkest.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_SETTLE_SIGMA = 6.0
"""L* by which a pixel of a later anchor may differ and still be taken for the same thing."""
_BLEND_SIGMA = 8.0
"""The same between a frame and the two anchors around it."""
_TIME_ONLY = 0.02
"""Weight of time alone, so that a pixel unlike both anchors gets the nearer one's colour."""


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


def settle(looks: Sequence[Floats], chroma: Sequence[Floats]) -> Floats:
    """Return the first anchor's chroma averaged with the following ones' where luma is alike.

    Args:
        looks: Of an anchor and of those that follow it in its shot, in order; see `look`.
        chroma: Their predicted chroma, each (2, h, w).

    Returns:
        float32 (2, h, w).
    """
    total = chroma[0].copy()
    weights = np.ones(looks[0].shape, np.float32)
    weighted = np.empty_like(weights)
    for later_look, later in zip(looks[1:], chroma[1:], strict=True):
        alike = _likeness(looks[0], later_look, (_BLEND_SIGMA / _SETTLE_SIGMA) ** 2)
        weights += alike
        for plane, values in zip(total, later, strict=True):
            np.multiply(values, alike, out=weighted)
            plane += weighted
    np.reciprocal(weights, out=weights)
    total *= weights
    return total


def between(
    own: Floats, earlier: tuple[Floats, Floats], later: tuple[Floats, Floats], share: float
) -> Floats:
    """Return what lies between two anchors' planes for a frame between them.

    Args:
        own: The frame's look, (h, w).
        earlier: Look (h, w) and any planes (n, h, w) of the anchor before.
        later: The same of the anchor after.
        share: How far the frame has gone from the one to the other, in [0, 1].

    Returns:
        float32 (n, h, w), at every pixel between the two anchors' values.
    """
    weight = _likeness(own, later[0])
    weight += np.float32(_TIME_ONLY)
    weight *= np.float32(share)
    rest = _likeness(own, earlier[0])
    rest += np.float32(_TIME_ONLY)
    rest *= np.float32(1 - share)
    rest += weight
    weight /= rest
    mixed = np.empty_like(earlier[1])
    for plane, before, after in zip(mixed, earlier[1], later[1], strict=True):
        np.subtract(after, before, out=plane)
        plane *= weight
        plane += before
    return mixed


def _likeness(one: Floats, other: Floats, sharper: float = 1.0) -> Floats:
    """Return 1 where two looks are the same and less where they differ."""
    difference: Floats = one - other
    difference *= difference
    difference *= np.float32(-sharper)
    return np.exp(difference, out=difference)
