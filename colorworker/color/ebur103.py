"""Limit chroma to the broadcast range of EBU R 103 without changing luma."""

import numpy as np
import numpy.typing as npt

from colorworker.color.luma import ColorSpec, luma_weights

Codes = npt.NDArray[np.unsignedinteger]
Floats = npt.NDArray[np.float32]

LEAST_RGB, MOST_RGB = -0.05, 1.05
"""Range of R', G' and B' (EBU R 103, version 3.0, 2020)."""
LEAST_LUMA, MOST_LUMA = -0.01, 1.03
"""Range of Y' in the same recommendation."""


def limit_chroma(
    cb: Codes, cr: Codes, lowest: Codes, highest: Codes, spec: ColorSpec
) -> tuple[Codes, Codes]:
    """Return chroma scaled towards neutral, just far enough for EBU R 103.

    At fixed Y' each of R', G' and B' is Y' plus a linear function of (Cb, Cr), so the share that
    can be kept is the least of `(1.05 - Y'max) / change` and `(Y'min + 0.05) / -change` of the
    three. Codes are rounded towards neutral, so that none stays outside. Where luma itself is
    outside, chroma becomes neutral.

    Args:
        cb: Codes of any shape.
        cr: Codes of the same shape.
        lowest: Minimum luma code that is shown with each chroma sample.
        highest: Maximum luma code that is shown with each chroma sample.
        spec: How the codes stand for colors.

    Returns:
        Codes of the same dtype and shape.
    """
    kr, kb = luma_weights(spec.matrix)
    unit = np.float32(1 / spec.chroma_span)
    blue_change, red_change = (
        (plane.astype(np.float32) - np.float32(spec.neutral)) * unit for plane in (cb, cr)
    )
    red = np.float32(2 * (1 - kr)) * red_change
    blue = np.float32(2 * (1 - kb)) * blue_change
    green = -(np.float32(kr) * red + np.float32(kb) * blue) / np.float32(1 - kr - kb)
    above = np.float32(MOST_RGB) - _luma(highest, spec)
    below = _luma(lowest, spec) - np.float32(LEAST_RGB)
    inside, share = np.ones(cb.shape, bool), np.ones(cb.shape, np.float32)
    for change, cut_off in ((red, 0.0), (blue, 0.0), (green, _green_cut_off(kr, kb))):
        room = np.where(change > 0, above, below)
        wanted = np.abs(change)
        inside &= wanted <= room
        np.minimum(share, _share(room - np.float32(cut_off) * unit, wanted), out=share)
    neutral = np.float32(spec.neutral)
    limited = (
        (np.trunc(change / unit * share) + neutral).astype(cb.dtype)
        for change in (blue_change, red_change)
    )
    new_cb, new_cr = (
        np.where(inside, was, new) for was, new in zip((cb, cr), limited, strict=True)
    )
    return new_cb, new_cr


def _green_cut_off(kr: float, kb: float) -> float:
    """Return by how much green can change if only one of the two codes is rounded.

    Red and blue only move towards luma when their own code is rounded.
    """
    return max(2 * kr * (1 - kr), 2 * kb * (1 - kb)) / (1 - kr - kb)


def count_luma_outside(luma: Codes, spec: ColorSpec) -> int:
    """Return the number of pixels whose luma itself is outside EBU R 103."""
    least = np.ceil(spec.black + LEAST_LUMA * spec.luma_span)
    most = np.floor(spec.black + MOST_LUMA * spec.luma_span)
    # Python integers: to compare uint8 with float64, NumPy would make a copy eight times as large.
    below = np.count_nonzero(luma < int(least)) if least > 0 else 0
    return int(below + np.count_nonzero(luma > int(most)))


def _luma(codes: Codes, spec: ColorSpec) -> Floats:
    luma: Floats = (codes.astype(np.float32) - np.float32(spec.black)) / np.float32(spec.luma_span)
    return luma


def _share(room: Floats, wanted: Floats) -> Floats:
    """Return room / wanted where there is too little room, else 1; 0 if room is negative."""
    room = np.maximum(room, 0)
    share: Floats = np.ones_like(room)
    return np.divide(room, wanted, out=share, where=wanted > room)
